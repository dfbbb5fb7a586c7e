"""How each kind of client starts an entry: its PATH, its variables, and the variables that it expands."""

import pytest

from mcp_auth_bridge.clients import known_clients as known
from mcp_auth_bridge.clients.client import Platform, System
from mcp_auth_bridge.clients.entries import Entry
from mcp_auth_bridge.clients.start_environment import (
    DESKTOP_PATHS,
    asks,
    environment,
    hides_shell,
    start_of,
    unexpanded,
)
from mcp_auth_bridge.secret import Secret

SHELL = {
    "HOME": "/home/u",
    "PATH": "/home/u/.local/bin:/usr/bin",
    "ACME": "canary",
    "ACME_TOKEN": "canary",
    "SSL_CERT_FILE": "/ca.pem",
    "DISPLAY": ":0",
}


def system(platform=Platform.LINUX, environ=SHELL):
    return System(platform, "/home/u", "/project", environ)


def begun(client, *argv, env=None, forwards=(), at=None):
    env = {name: Secret(value) for name, value in (env or {}).items()}
    entry = Entry(client, client.files[0], "/mcp.json", "acme", argv or ("x",), env, forwards)
    return start_of(entry, at or system())


@pytest.mark.parametrize("platform", [Platform.LINUX, Platform.MACOS])
def test_a_dock_gives_neither_the_path_nor_the_variables_of_the_shell(platform):
    environ = environment(known.CLAUDE_DESKTOP, system(platform))
    assert environ == {"HOME": "/home/u", "DISPLAY": ":0", "PATH": DESKTOP_PATHS[platform]}
    assert hides_shell(known.CLAUDE_DESKTOP, platform)


def test_windows_has_one_environment_for_all():
    for client in (known.CLAUDE_DESKTOP, known.CODEX):
        assert environment(client, system(Platform.WINDOWS)) == SHELL
    assert not hides_shell(known.CLAUDE_DESKTOP, Platform.WINDOWS)


@pytest.mark.parametrize("client", [known.CLAUDE_CODE, known.VS_CODE, known.ZED])
def test_a_program_for_the_terminal_and_one_that_asks_the_shell_pass_everything_on(client):
    assert environment(client, system()) == SHELL
    assert not hides_shell(client, Platform.LINUX)


def test_codex_passes_a_few_variables_on_and_those_that_the_entry_names():
    assert {*environment(known.CODEX, system())} == {"HOME", "PATH", "SSL_CERT_FILE"}
    assert begun(known.CODEX, forwards=("ACME", "UNSET")).environ["ACME"] == "canary"


def test_gemini_passes_on_what_does_not_look_secret():
    assert {*environment(known.GEMINI, system())} == {"HOME", "PATH", "ACME", "DISPLAY"}


def test_the_variables_of_the_entry_come_last():
    assert begun(known.CURSOR, env={"PATH": "/x", "ACME": "1"}).environ["PATH"] == "/x"


@pytest.mark.parametrize(
    ("client", "word", "expected"),
    [
        (known.CLAUDE_CODE, "a${ACME}b", "acanaryb"),
        (known.CLAUDE_CODE, "${UNSET:-none}", "none"),
        (known.CLAUDE_CODE, "${UNSET}", "${UNSET}"),
        (known.CLAUDE_CODE, "${env:ACME} $ACME ~/x", "${env:ACME} $ACME ~/x"),
        (known.GEMINI, "$ACME", "canary"),
        (known.OPENCODE, "{env:ACME}", "canary"),
        (known.VS_CODE, "${env:ACME} ${userHome} ${workspaceFolder}", "canary /home/u /project"),
        (known.VS_CODE, "~/bin/x", "/home/u/bin/x"),
        (known.CODEX, "${ACME}", "${ACME}"),
        (known.CURSOR, "${env:ACME}", "${env:ACME}"),  # a dock has no such variable
        (known.CURSOR, "${env:DISPLAY}", ":0"),
    ],
)
def test_each_client_expands_its_own_forms_from_its_own_environment(client, word, expected):
    start = begun(client, "x", word, env={"V": word})
    assert (start.argv[1], start.environ["V"]) == (expected, expected)


def test_what_remains_unexpanded_is_found():
    assert [*unexpanded("${A} ${env:B} {env:C} $D plain")] == ["${A}", "${env:B}", "{env:C}"]
    assert [*unexpanded("${A:-canary}")] == ["${A}"]


def test_the_folder_is_that_of_the_entry_or_the_root():
    entry = Entry(known.VS_CODE, known.VS_CODE.files[0], "/mcp.json", "acme", ("x",), cwd="${workspaceFolder}/a")
    assert start_of(entry, system()).folder == "/project/a"
    assert begun(known.VS_CODE).folder == "/"


@pytest.mark.parametrize(("word", "expected"), [("${input:key}", True), ("${env:KEY}", False), ("input:key", False)])
def test_a_value_that_the_client_asks_for_is_known_as_such(word, expected):
    for argv, env in ((("x", word), {}), (("x",), {"KEY": Secret(word)})):
        assert asks(Entry(known.VS_CODE, known.VS_CODE.files[0], "/mcp.json", "acme", argv, env)) == expected
