"""`pytest --canaries` works: it finds a leak in any form, and reports no false leak."""

import base64
import json
from urllib.parse import quote

import pytest
from canaries import found, is_secret, leaks, report

SECRET = 'canary/+="é-Zq41'
FORMS = {
    "raw": SECRET,
    "percent-encoded": quote(SECRET, safe=""),
    "in JSON": json.dumps({"x": SECRET}),
    "in hexadecimal": SECRET.encode().hex(),
    "in base64": base64.b64encode(b"user:" + SECRET.encode()).decode(),
    "in base64 at another place": base64.b64encode(b"a user:" + SECRET.encode() + b"!").decode(),
    "in base64url": base64.urlsafe_b64encode(b"??" + SECRET.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_any_form(form):
    assert found(f"a line\nwith {FORMS[form]} in it".encode(), {SECRET, "another secret"}) == [SECRET]


def bridge(folder, home, said, argv=("status",)):
    (folder / "1.secrets").write_text(
        "\n".join(json.dumps(note) for note in ({"argv": argv, "home": home}, SECRET, "spent"))
    )
    (folder / "1.said").write_bytes(said)


def test_a_leak_is_reported_by_its_place_without_the_secret(tmp_path):
    bridge(tmp_path, str(tmp_path), b"signed in; not spent " + SECRET.encode())
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/x.json").write_text(json.dumps(SECRET))
    (tmp_path / "log").mkdir()
    (tmp_path / "log/bridge-1.jsonl").write_text(f"{SECRET}\n")
    heard, *told = report(tmp_path)
    assert heard == "1 bridges had 2 secrets and said 0 KiB"
    places = ("stdout or stderr", "memory/x.json", "log/bridge-1.jsonl")
    assert told == [f"LEAK in {place} of status: 1 secrets" for place in places]


def test_a_command_line_is_searched_too(tmp_path):
    bridge(tmp_path, "", b"", argv=("run", f"--header=X: {SECRET}"))
    assert [leak.place for leak in leaks(tmp_path)] == ["stdout or stderr"]


def test_a_bridge_that_prints_no_secret_has_no_leak(tmp_path):
    bridge(tmp_path, str(tmp_path), b"signed in")
    (tmp_path / "2.secrets").touch()  # killed before it had started
    (tmp_path / "2.said").touch()
    assert list(leaks(tmp_path)) == []


def test_an_entry_that_a_full_disk_cut_off_is_skipped(tmp_path):
    (tmp_path / "1.secrets").write_text(json.dumps(SECRET) + "\n" + json.dumps("another canary")[:-3])
    (tmp_path / "1.said").write_bytes(SECRET.encode())
    _, told = report(tmp_path)
    assert told.startswith("LEAK in stdout or stderr")


def test_a_place_is_not_a_secret_and_a_place_with_a_key_is():
    places = ("/home/mia/.config/bridge", "http://127.0.0.1:40123", "file:/run/secrets/key")
    assert [is_secret(place) for place in places] == [False] * 3
    assert is_secret("http://127.0.0.1:40123/mcp?key=canary")
