"""What a secret reference names, read from real files and programs: a failure names the source and never the secret."""

import asyncio
import os
import sys

import pytest

from mcp_auth_bridge.credentials.secret_sources import SecretSources, once
from mcp_auth_bridge.errors import BridgeError, CredentialMissing
from mcp_auth_bridge.secret import Literal, parse_reference
from mcp_auth_bridge.shell.files.secret_backends import secret_sources

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def secret(text, environ=ENVIRONMENT, passed=()):
    """The secret to which `text` refers, from a real file or program."""
    return asyncio.run(secret_sources(environ, passed).read(parse_reference(text, "it"), "the token of acme")).reveal()


def program(tmp_path, source):
    path = tmp_path / "a program.py"
    path.write_text(source)
    return f"command:{sys.executable} '{path}'"


def test_a_reference_runs_its_command_without_a_shell(tmp_path):
    text = program(tmp_path, "import sys; print(sys.argv[1:])")
    assert secret(f"{text} '$HOME' ${{X}} a;b") == "['$HOME', '${X}', 'a;b']"


def test_a_command_gets_the_passed_variables_and_no_others(tmp_path):
    text = program(tmp_path, "import os; print(os.environ.get('OP_TOKEN'), os.environ.get('OTHER'))")
    environ = {**ENVIRONMENT, "OP_TOKEN": "1", "OTHER": "2"}
    assert secret(text, environ) == "None None"
    assert secret(text, environ, ["OP_TOKEN"]) == "1 None"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "printed nothing"),
        ("print()", "printed nothing"),
        ("import os; os.write(1, 'hünter2'.encode())", "printed characters outside ASCII"),
        ("import os; os.write(1, b'\\xffhunter2')", "printed characters outside ASCII"),
        ("raise SystemExit('first log in')", "ended with status 1, saying “first log in”$"),
    ],
)
def test_unusable_output_of_a_reference_is_named(tmp_path, source, problem):
    with pytest.raises(
        CredentialMissing, match=f"^the token of acme cannot be read: the command .* {problem}"
    ) as raised:
        secret(program(tmp_path, source))
    assert "hunter2" not in raised.value.message + raised.value.hint


def test_a_secret_may_have_several_lines(tmp_path):
    assert secret(program(tmp_path, "print('-----BEGIN\\nx\\n-----END')")) == "-----BEGIN\nx\n-----END"


def test_a_file_is_read_without_its_last_line_end(tmp_path):
    (tmp_path / "token").write_bytes(b"hunter2\r\n")
    assert secret(f"file:{tmp_path}/token") == "hunter2"
    assert secret("file:${PLACE}/token", {"PLACE": str(tmp_path)}) == "hunter2"
    assert secret("file:${PLACE:-/nowhere}/token", {"PLACE": str(tmp_path)}) == "hunter2"


def test_a_file_that_is_being_replaced_is_read_again(tmp_path):
    path = tmp_path / "token"
    path.touch()
    waited = []

    async def write(seconds):
        waited.append(seconds)
        path.write_text("new")

    real = secret_sources({}, ())
    patient = type(real)(real.environ, real.run, real.entry, write)
    assert asyncio.run(patient.read(parse_reference(f"file:{path}", "it"), "the token")).reveal() == "new"
    path.unlink()
    assert asyncio.run(patient.read(parse_reference(f"file:{path}", "it"), "the token")).reveal() == "new"
    assert len(waited) == 2


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: None, "which cannot be read: no such file"),
        (lambda path: path.touch(), "which is empty"),
        (lambda path: path.mkdir(), "which cannot be read: it is not a regular file"),
        (os.mkfifo, "which cannot be read: it is not a regular file"),
        (lambda path: path.write_bytes(b"\xffhunter2"), "which is not text in UTF-8"),
        (lambda path: path.write_bytes(b"hunter2" * 10_000), "which holds more than 64 KiB"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_within_a_second(tmp_path, make, problem):
    make(tmp_path / "token")
    with pytest.raises(
        CredentialMissing, match=f"the token of acme should come from {tmp_path}/token, {problem}"
    ) as raised:
        secret(f"file:{tmp_path}/token")
    assert "hunter2" not in raised.value.message + raised.value.hint


@pytest.mark.parametrize(("environ", "state"), [({}, "not set"), ({"TOKEN": ""}, "empty")])
@pytest.mark.parametrize("text", ["env:TOKEN", "Bearer ${TOKEN}", "file:${TOKEN}/x"])
def test_a_variable_that_is_missing_or_empty_is_named(environ, state, text):
    with pytest.raises(CredentialMissing, match=f"the environment variable TOKEN, which is {state}"):
        secret(text, environ)


def test_a_template_takes_its_defaults_from_itself():
    environ = {"A": "1", "B": ""}
    assert secret("${A:-x}/${B:-y}/${C:-z}/${C:-}/$${A}", environ) == "1/y/z//${A}"


@pytest.mark.parametrize("name", ["sealing key", "Sealing Key"])  # Windows ignores case
def test_the_sealing_key_cannot_be_read_by_a_reference(name):
    with pytest.raises(BridgeError, match="the key that seals the logins cannot be used as a secret"):
        secret(f"keyring:{name}")


def lent(text, entry=None):
    """The secret to which `text` refers, where the OS keyring is played by `entry`."""

    async def found(name):
        assert name == "acme"
        if isinstance(entry, BridgeError):
            raise entry
        return entry

    sources = SecretSources(ENVIRONMENT, None, found, asyncio.sleep)
    return asyncio.run(sources.read(parse_reference(text, "it"), "the token of acme")).reveal()


def test_a_literal_is_its_own_value():
    sources = SecretSources({}, None, None, None)
    assert asyncio.run(sources.read(Literal("hunter2"), "it")).reveal() == "hunter2"


def test_an_entry_of_the_keyring_is_read():
    assert lent("keyring:acme", "hunter2") == "hunter2"


@pytest.mark.parametrize("entry", [None, ""])
def test_an_entry_that_is_not_there_or_empty_is_named_with_the_command_that_makes_it(entry):
    with pytest.raises(CredentialMissing, match="the entry “acme” of the OS keyring, which is not there") as raised:
        lent("keyring:acme", entry)
    assert raised.value.hint == "put it there with: mcp-auth-bridge secret acme"


def test_a_keyring_that_fails_is_named():
    with pytest.raises(CredentialMissing, match="the token of acme cannot be read: it is locked") as raised:
        lent("keyring:acme", BridgeError("it is locked"))
    assert "unlock the keyring" in raised.value.hint


def test_what_is_done_once_has_one_result_or_error_for_each_argument():
    asked = []

    async def read(name):
        asked.append(name)
        await asyncio.sleep(0)
        if name == "bad":
            raise CredentialMissing("there is none", "")
        return name.upper()

    async def story():
        reading = once(read)
        names = ("a", "bad", "a", "b", "bad")
        return await asyncio.gather(*map(reading, names), return_exceptions=True), await reading("a")

    (first, failed, *others), last = asyncio.run(story())
    assert (first, others[0], others[1], last) == ("A", "A", "B", "A")
    assert failed is others[2]
    assert failed.message == "there is none"
    assert asked == ["a", "bad", "b"]
