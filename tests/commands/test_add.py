"""`add` writes one server into the file, or says what to write by hand; nothing else in the file changes."""

import json
import stat

import pytest
from commanding import KEY
from config_files import ACME, OTHERS
from stored_login import log_in

from mcp_auth_bridge.commands import add
from mcp_auth_bridge.commands.described_server import Wish
from mcp_auth_bridge.commands.server_needs import Need
from mcp_auth_bridge.config.new_server import NewServer
from mcp_auth_bridge.errors import ConfigError

BLOCK = f'\n[servers.acme]\nurl = "{ACME}"\n'


def added(config, *words, **more):
    return config.run(add.run, add.Input(Wish(words, **more)))


def test_a_server_goes_to_the_end_of_the_file_and_the_next_step_is_told(config):
    before = config.write(OTHERS)
    code, out, said = added(config, "acme", ACME)
    assert (code, out) == (0, "")
    assert said == [
        f"acme is in {config.file}: {ACME}",
        "next, run: mcp-auth-bridge login acme",
        "for your IDE or agent, run: mcp-auth-bridge install CLIENT acme",
    ]
    assert config.text == before + BLOCK


def test_the_second_time_nothing_changes(config):
    config.write(OTHERS)
    added(config, "acme", ACME)
    before = config.file.stat().st_ino, config.text
    assert added(config, "acme", ACME)[0] == 0
    assert added(config, ACME)[0] == 0
    assert (config.file.stat().st_ino, config.text) == before


def test_a_new_file_is_private_and_names_its_schema(config):
    added(config, "acme", ACME)
    assert config.text == f"#:schema ./mcp-auth-bridge.schema.json\n{BLOCK}"
    assert stat.S_IMODE(config.file.stat().st_mode) == 0o600
    assert (config.folder / "mcp-auth-bridge.schema.json").read_text().startswith("{")


def test_an_old_file_gets_neither_the_line_nor_the_schema(config):
    config.write(OTHERS)
    added(config, "acme", ACME)
    assert not (config.folder / "mcp-auth-bridge.schema.json").exists()


def test_the_schema_is_renewed_and_a_failure_of_that_is_no_failure(config):
    added(config, "acme", ACME)
    schema = config.folder / "mcp-auth-bridge.schema.json"
    schema.write_text("old")
    added(config, "other", "https://other.example/mcp")
    assert schema.read_text() != "old"
    schema.unlink()
    schema.mkdir()
    assert added(config, "third", "https://third.example/mcp")[0] == 0


def test_line_ends_and_a_byte_order_mark_stay(config):
    config.file.write_bytes(b"\xef\xbb\xbf" + OTHERS.replace("\n", "\r\n").encode())
    assert added(config, "acme", ACME)[0] == 0
    assert config.file.read_bytes() == b"\xef\xbb\xbf" + (OTHERS + BLOCK).replace("\n", "\r\n").encode()


def test_a_file_that_cannot_be_parsed_stays_and_the_lines_to_paste_are_printed(config):
    before = config.write("[servers.acme\n")
    error, out, said = added(config, "other", "https://other.example/mcp", headers={"X": "1"})
    assert isinstance(error, ConfigError)
    assert "is not valid TOML" in error.message
    assert out == '[servers.other]\nurl = "https://other.example/mcp"\nheaders = { X = "1" }\n'
    assert said == [f"nothing was written; by hand, add these lines to {config.file}:"]
    assert config.text == before


def test_a_read_only_file_stays_and_the_lines_to_paste_are_printed(config):
    before = config.write(OTHERS)
    config.file.chmod(0o444)
    error, out, _ = added(config, "acme", ACME)
    assert "is read-only" in error.message
    assert out == BLOCK.lstrip()
    assert config.text == before


def test_a_name_that_is_taken_is_refused_and_nothing_is_to_be_pasted(config):
    before = config.write(OTHERS)
    error, out, said = added(config, "first", ACME)
    assert error.message == f"{config.file} has a server named first already, with other settings"
    assert "mcp-auth-bridge edit first" in error.hint
    assert (out, said, config.text) == ("", [], before)


def test_a_broken_server_of_that_name_is_not_replaced(config):
    config.write("[servers.acme]\nulr = 1\n")
    assert "has a server named acme already" in added(config, "acme", ACME)[0].message


def test_a_broken_neighbour_is_no_obstacle_and_stays(config):
    before = config.write("[servers.bad]\nulr = 1\n")
    assert added(config, "acme", ACME)[0] == 0
    assert config.text == before + BLOCK


def test_the_same_url_under_two_names_is_possible_and_its_consequence_is_told(config):
    config.write(OTHERS)
    code, _, said = added(config, "second", "https://first.example/mcp")
    assert code == 0
    assert said[1] == "its URL is that of first too: from now on, name the one that you mean"


TRY = "to try it, run: mcp-auth-bridge tools acme"
MACHINE = {"kind": "client_credentials", "issuer": "https://as", "client_id": "c", "client_secret": "env:S"}


@pytest.mark.parametrize(
    ("more", "line", "told"),
    [
        (
            {"auth": {"kind": "bearer", "token": "env:T"}},
            'auth = { kind = "bearer", token = "env:T" }',
            f"it needs no login, and presents a token from the environment variable T; {TRY}",
        ),
        (
            {"auth": MACHINE},
            'auth = { kind = "client_credentials", issuer = "https://as", client_id = "c", client_secret = "env:S" }',
            f"it needs no login, and presents tokens that it obtains by itself; {TRY}",
        ),
        (
            {"headers": {"X-Key": "keyring:acme"}},
            'headers = { X-Key = "keyring:acme" }',
            f"{TRY}; if it wants a login too: mcp-auth-bridge login acme",
        ),
        ({"auth": {"scopes": ["a"]}}, 'auth = { scopes = ["a"] }', "next, run: mcp-auth-bridge login acme"),
        ({"ipv4": True}, "network = { ipv4_only = true }", "next, run: mcp-auth-bridge login acme"),
    ],
)
def test_each_setting_is_one_line_and_the_next_step_fits_it(config, more, line, told):
    _, _, said = added(config, "acme", ACME, **more)
    assert config.text.splitlines()[-1] == line
    assert said[-2] == told


def test_an_open_preset_is_not_said_to_need_a_login(config):
    said = added(config, "microsoft-learn")[2]
    assert said[0].startswith("Microsoft Learn wants no login and no key (source: https://github.com/MicrosoftDocs/mcp")
    assert said[-2] == "it needs no login; to try it, run: mcp-auth-bridge tools microsoft-learn"


def test_a_secret_is_refused_before_anything_is_written(config):
    error, out, _ = added(config, "acme", ACME, headers={"Authorization": "Bearer sk-canary-1"})
    assert "mcp-auth-bridge secret acme-token" in error.hint
    assert "canary" not in error.message + error.hint + out
    assert not config.file.exists()


def test_settings_that_contradict_each_other_are_refused_before_anything_is_written(config):
    error, out, _ = added(config, "acme", ACME, auth={"client_id": "c"})
    assert error.message == "auth: client_id without issuer"
    assert (out, config.file.exists()) == ("", False)


def test_presets_are_listed_with_what_they_want(config):
    code, out, _ = config.run(add.run, add.Input(search="cloudflare docs"))
    assert (code, out) == (0, "cloudflare-docs  Cloudflare documentation  no login and no key\n")
    _, out, _ = config.run(add.run, add.Input(search="microsoft learn", as_json=True))
    assert json.loads(out) == [
        {
            "name": "microsoft-learn",
            "title": "Microsoft Learn",
            "url": "https://learn.microsoft.com/api/mcp",
            "transport": "streamable-http",
            "wants": "no login and no key",
            "source": "https://github.com/MicrosoftDocs/mcp",
            "date": "2026-05-10",
        }
    ]
    assert "no preset has these words" in config.run(add.run, add.Input(search="zzz"))[0].message


def test_without_words_and_without_a_terminal_the_missing_arguments_are_named(config, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    error, _, _ = config.run(add.run, add.Input())
    assert "a URL or the name of a preset is missing" in error.message
    assert error.hint == "run: mcp-auth-bridge add acme https://mcp.acme.example/mcp"


def test_a_header_that_the_bridge_sets_itself_is_refused_before_anything_is_written(config):
    error, out, _ = added(config, "acme", ACME, headers={"Host": "other.example"})
    assert error.message == "servers.acme.headers: Host is set by the bridge itself"
    assert (out, config.file.exists()) == ("", False)


def test_a_user_who_leaves_the_questions_adds_nothing(config, monkeypatch):
    async def ask_for_server(context):
        return None

    monkeypatch.setattr(add, "ask_for_server", ask_for_server)
    assert config.run(add.run, add.Input()) == (0, "", [])


def test_an_open_server_of_the_questions_is_not_said_to_need_a_login(config, monkeypatch):
    async def ask_for_server(context):
        return NewServer("acme", ACME), Need.NOTHING

    monkeypatch.setattr(add, "ask_for_server", ask_for_server)
    assert config.run(add.run, add.Input())[2][1].startswith("it needs no login; to try it")


def test_a_login_by_url_is_not_used_under_the_name_and_that_is_said(config):
    key = config.folder / "sealing.key"
    key.touch(0o600)
    key.write_text(KEY)
    config.write(f"[store]\nkind = 'key_file'\npath = '{key}'\n")
    log_in(config.context, ACME)
    assert added(config, "acme", ACME)[2][-1] == (
        "there is a login by URL to it, which is not used under a name: log in to acme once more"
    )
    assert "login by URL" not in added(config, "other", "https://other.example/mcp")[2][-1]


def test_a_store_that_is_open_to_others_is_no_failure_of_add(config):
    (config.folder / "records").mkdir(mode=0o755)
    (config.folder / "records" / "x").touch()
    assert added(config, "acme", ACME)[0] == 0
