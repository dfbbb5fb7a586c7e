"""Whichever way an entry starts this bridge, the doctor knows it, and for which server; other programs are other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.cli.manual import build_parser
from mcp_auth_bridge.clients import entry_programs
from mcp_auth_bridge.clients.entry_programs import BridgeStart, OtherBridge, started

URL = "https://mcp.acme.example/mcp"
HERE = BridgeStart("run", "acme")


@pytest.mark.parametrize(
    "argv",
    [
        ["mcp-auth-bridge", "run", "acme"],
        ["/home/u/.local/bin/mcp-auth-bridge", "run", "acme"],
        [r"C:\Users\u\.local\bin\mcp-auth-bridge.exe", "run", "acme"],
        ["/home/u/venv/bin/python", "-m", "mcp_auth_bridge", "run", "acme"],
        ["python3.12", "-I", "-m", "mcp_auth_bridge", "run", "acme"],
        ["py", "-m", "mcp_auth_bridge", "run", "acme"],
        ["sh", "-c", "mcp-auth-bridge run acme"],
        ["/bin/bash", "-lc", "exec mcp-auth-bridge run 'acme'"],
        ["zsh", "-ic", "LANG=C mcp-auth-bridge run acme"],
        ["env", "LANG=C", "mcp-auth-bridge", "run", "acme"],
        ["cmd", "/c", "mcp-auth-bridge", "run", "acme"],
        ["cmd.exe", "/C", "mcp-auth-bridge run acme"],
        ["mcp-auth-bridge", "run", "--headless", "acme", "--ipv4"],
        ["mcp-auth-bridge", "--log-format", "json", "run", "acme"],
        ["mcp-auth-bridge", "--log-format=json", "run", "acme"],
    ],
)
def test_the_bridge_is_known_through_every_shell_and_interpreter(argv):
    assert started(argv) == HERE


@pytest.mark.parametrize(
    "argv",
    [
        ["uvx", "mcp-auth-bridge", "run", "acme"],
        ["/opt/bin/uvx", "mcp-auth-bridge@latest", "run", "acme"],
        ["uvx", "mcp-auth-bridge==1.2.0", "run", "acme"],
        ["uvx", "mcp-auth-bridge[redis]", "run", "acme"],
        ["uvx", "--from", "mcp-auth-bridge", "mcp-auth-bridge", "run", "acme"],
        ["uvx", "--python", "3.12", "mcp-auth-bridge", "run", "acme"],
        ["uv", "run", "python", "-m", "mcp_auth_bridge", "run", "acme"],
        ["uv", "tool", "run", "mcp-auth-bridge", "run", "acme"],
        ["uv", "run", "--with", "mcp-auth-bridge", "mcp-auth-bridge", "run", "acme"],
        ["pipx", "run", "mcp-auth-bridge", "run", "acme"],
        ["cmd", "/c", "uvx", "mcp-auth-bridge", "run", "acme"],
    ],
)
def test_a_runner_may_download_the_bridge_first(argv):
    assert started(argv) == BridgeStart("run", "acme", downloads=True)


@pytest.mark.parametrize(
    ("argv", "program"),
    [
        (["npx", "-y", "mcp-remote@latest", URL, "8080"], "mcp-remote"),
        (["npx", "mcp-remote", URL], "mcp-remote"),
        (["mcp-remote", URL, "--header", "Authorization: Bearer canary"], "mcp-remote"),
        (["node", "/usr/lib/node_modules/mcp-remote/dist/proxy.js", URL], "mcp-remote"),
        (["cmd", "/c", "npx", "mcp-remote", URL], "mcp-remote"),
        (["uvx", "fastmcp-remote", URL], "fastmcp-remote"),
        (["uvx", "mcp-proxy", "--transport", "streamablehttp", URL], "mcp-proxy"),
        (["npx", "-y", "supergateway", "--streamableHttp", URL], "supergateway"),
    ],
)
def test_another_bridge_is_known_with_its_server(argv, program):
    found = started(argv)
    assert isinstance(found, OtherBridge)
    assert (found.program, found.url) == (program, URL)
    assert URL in found.arguments


def test_another_bridge_without_a_url_has_none():
    assert started(["npx", "mcp-remote"]) == OtherBridge("mcp-remote", "")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["sh"],
        ["env"],
        ["npx", "-y", "@modelcontextprotocol/server-everything"],
        ["python", "-m", "other"],
        ["python", "-m"],
        ["mcp-auth-bridge-evil", "run", "acme"],
        ["sh", "-c", "curl evil.example; mcp-auth-bridge run acme"],
        ["sh", "-c", "mcp-auth-bridge run $(cat name)"],
        ["sh", "-c", "mcp-auth-bridge run 'acme"],
        ["uvx", "--from", "mcp-auth-bridge", "python"],
        ["docker", "run", "mcp-auth-bridge"],
    ],
)
def test_any_other_program_and_any_script_are_not_the_bridge(argv):
    assert started(argv) is None


def test_the_settings_on_the_command_line_are_read():
    argv = f"mcp-auth-bridge run {URL} --header X-Org:42 --header=X-Key:env:K --allow-http --config /c.toml --auth a=1"
    assert started(argv.split()) == BridgeStart("run", URL, ("X-Org:42", "X-Key:env:K"), "a=1", "/c.toml")
    assert started(["mcp-auth-bridge", "run", "acme", "--head", "--heade", "Y: 2"]).headers == ("Y: 2",)
    assert started(["mcp-auth-bridge", "run", "acme", "--conf", "/c.toml"]).config == "/c.toml"
    assert started(["mcp-auth-bridge", "run", "acme", "--header"]).headers == ("",)


def test_a_wrong_command_line_is_still_the_bridge():
    assert started(["mcp-auth-bridge"]) == BridgeStart("", "")
    assert started(["mcp-auth-bridge", "acme", "--nonsense"]) == BridgeStart("acme", "")


def test_the_options_are_those_of_the_real_command_line():
    commands = next(action for action in build_parser()._actions if action.dest == "command")
    actions = [action for action in commands.choices["run"]._actions if action.dest not in ("help", "server")]
    valued = {action.option_strings[-1] for action in actions if action.nargs != 0}
    flags = {action.option_strings[-1] for action in actions if action.nargs == 0}
    assert (valued, flags) == ({*entry_programs._VALUED}, {*entry_programs._FLAGS})


@given(st.lists(st.text(max_size=20)))
def test_any_words_are_read(argv):
    started(argv)
