"""A command line becomes the input of a command, and an error becomes a message and an exit code."""

import importlib
import shlex
import sys

import msgspec
import pytest

from mcp_auth_bridge.cli import main
from mcp_auth_bridge.cli.manual import build_parser
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.config.store import KeyringStoreSettings, MemoryStoreSettings
from mcp_auth_bridge.errors import AccessDenied, BridgeError, ConfigError, LoginRequired
from mcp_auth_bridge.shell.console import stdio
from mcp_auth_bridge.shell.process import core_dumps, loop, uncaught

URL = "https://mcp.acme.example/mcp"
ACME = ServerChoice("acme")


def given(monkeypatch, line, module=""):
    """The members of the input with which the command `line` calls `run` of its module, () if it has none."""
    arguments = build_parser().parse_args(shlex.split(line))
    command = importlib.import_module(f"mcp_auth_bridge.commands.{module or arguments.command}")
    calls = []
    monkeypatch.setattr(command, "run", lambda *given: calls.append(given))
    main._STORIES[arguments.command](arguments)("the context")
    ((*inputs, context),) = calls
    assert context == "the context"
    return tuple(member for each in inputs for member in msgspec.structs.astuple(each))


@pytest.mark.parametrize(
    ("line", "members"),
    [
        ("login acme", (ACME, (), False, False, False, ())),
        ("login", (None, (), False, False, False, ())),
        ("login acme --no-browser --fresh --device", (ACME, None, True, True, False, ())),
        ("login acme --paste --trust https://x --trust https://y", (ACME, (), False, False, True, ("https://x", "https://y"))),
        ("login acme --browser-command 'firefox -P mia'", (ACME, ("firefox", "-P", "mia"), False, False, False, ())),
        ("key", (False,)),
        ("key --json", (True,)),
        ("secret acme-key", ("acme-key",)),
        ("logout acme", (ACME,)),
        ("logout --all", (None,)),
        ("status", (False, None)),
        ("status acme --json", (True, ACME)),
        ("status --json", (True, None)),
        ("token acme", (ACME, False, (), "MCP_TOKEN")),
        ("token acme --json", (ACME, True, (), "MCP_TOKEN")),
        ("token acme --env T --exec ./report.py --all", (ACME, False, ("./report.py", "--all"), "T")),
        ("tools acme --json", (ACME, True)),
        ("call acme add", (ACME, "add", (), False, None)),
        ("call acme add --json a=1 b=2", (ACME, "add", ("a=1", "b=2"), True, None)),
        ("demo --no-browser", (True,)),
        (f"tools {URL} --ipv4 --allow-http", (ServerChoice(URL, ipv4=True, allow_http=True), False)),
        ("tools acme --header 'X: 42' --header Y:env:K", (ServerChoice("acme", {"X": "42", "Y": "env:K"}), False)),
        ("tools acme --auth 'kind = \"none\"'", (ServerChoice("acme", auth='kind = "none"'), False)),
    ],
)  # fmt: skip
def test_a_command_line_becomes_the_input_of_its_command(monkeypatch, line, members):
    assert given(monkeypatch, line) == members


def test_a_login_to_all_servers_is_a_command_of_its_own(monkeypatch):
    assert given(monkeypatch, "login --all", "login_all") == (None, (), False, False, False, ())


def test_a_relay_gets_the_client_and_its_parent(monkeypatch):
    monkeypatch.setattr(stdio, "claim", lambda: (7, 8))
    monkeypatch.setattr(main.os, "getppid", lambda: 4711)
    assert given(monkeypatch, "run acme --headless") == (ACME, 7, 8, 4711, True)


def test_a_folder_for_files_is_a_path(monkeypatch):
    *_, folder = given(monkeypatch, "call acme shot --output pictures")
    assert folder.parts == ("pictures",)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("login acme --all", "--all means every server that lacks a login, but one is named"),
        ("login --allow-http", "--allow-http is for one server, but none is named"),
        ("login --export f", "the login to move is not named"),
        ("login acme --export f --all", "--all goes with a login, not with --export"),
        ("logout --all --auth 'kind = \"none\"'", "--auth chooses one login, but --all means every one"),
        ("tools acme --header hunter2", "--header number 1 has no colon"),
        ("tools acme --header 'X: hunter2' --header 'X:2'", "--header X is given twice"),
        ("token acme --env T", "--env names the variable for --exec, which is not given"),
        ("token acme --exec", "--exec needs a program"),
    ],
)
def test_options_that_do_not_go_together_are_named(line, sentence):
    arguments = build_parser().parse_args(shlex.split(line))
    with pytest.raises(ConfigError) as raised:
        main._STORIES[arguments.command](arguments)
    assert raised.value.message == sentence
    assert raised.value.hint
    assert "hunter2" not in raised.value.hint


@pytest.mark.parametrize(
    ("end", "code", "words"),
    [
        (ConfigError("wrong", "right"), 2, "mcp-auth-bridge: wrong\nmcp-auth-bridge: hint: right\n"),
        (LoginRequired("sign in"), 3, "mcp-auth-bridge: sign in\n"),
        (AccessDenied("no"), 4, "mcp-auth-bridge: no\n"),
        (BridgeError("oh"), 1, "mcp-auth-bridge: oh\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
        (ValueError("hunter2"), 1, "mcp-auth-bridge: a fault of the bridge itself (ValueError at tests.cli.test_main:"),
    ],
)
def test_every_end_has_its_exit_code_and_message(monkeypatch, capfd, end, code, words):
    def run(_arguments):
        raise end

    monkeypatch.setattr(main, "_run", run)
    monkeypatch.setattr(main.terminal, "exit_now", sys.exit)
    with pytest.raises(SystemExit) as left:
        main.main(["status"])
    out, err = capfd.readouterr()
    assert (left.value.code, out) == (code, "")
    assert err.startswith(words)
    assert bool(err) is bool(words)
    assert "hunter2" not in err


@pytest.mark.parametrize(
    ("line", "store"),
    [("run acme", KeyringStoreSettings()), ("run acme --headless", MemoryStoreSettings())],
)
def test_a_command_gets_the_configuration_and_a_headless_one_no_keyring(monkeypatch, tmp_path, line, store):
    file = tmp_path / "config.toml"
    file.write_text(f'[servers.acme]\nurl = "{URL}"\n')
    for place, name in ((core_dumps, "forbid"), (uncaught, "install_hooks")):  # they change the whole process
        monkeypatch.setattr(place, name, lambda: None)
    monkeypatch.setattr(loop, "run", lambda context: context)
    monkeypatch.setitem(main._STORIES, "run", lambda _arguments: lambda context: context)
    context = main._run(build_parser().parse_args(["--config", str(file), *line.split()]))
    assert (context.config.path, context.config.store) == (file, store)
    assert str(context.config.profile("acme").url) == URL
