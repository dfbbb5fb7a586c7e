"""TAB in real shells: the script that the program prints, loaded as its help says, and a key pressed on a terminal."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from program import command
from terminals import typing

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shells of POSIX")

CONFIG = "[servers.acme]\nurl = 'https://mcp.acme.example/mcp'\n[servers.suite]\nurl = 'https://suite.example/mcp'\n"


@pytest.fixture
def environment(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "report-one.json").touch()
    return {
        "PATH": f"{Path(command()).parent}:{os.environ['PATH']}",
        "MCP_AUTH_BRIDGE_HOME": str(tmp_path),
        "HOME": str(tmp_path),
        "TERM": "xterm",
        "ZDOTDIR": str(tmp_path),
        "COLUMNS": "100",
    }


def shell(name):
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


def pressed(name, environment, tmp_path, line, shown):
    """What the terminal shows after `line` and TABs, until `shown` is there."""
    if name == "bash":
        rc = tmp_path / "rc"
        rc.write_text(f"cd {tmp_path}\nPS1='READY> '\neval \"$(mcp-auth-bridge completion bash)\"\n")
        argv = [shell("bash"), "--noprofile", "--rcfile", str(rc), "-i"]
    else:
        (tmp_path / ".zshrc").write_text(
            f"cd {tmp_path}\nPS1='READY> '\nautoload -Uz compinit && compinit -u -d {tmp_path}/dump\n"
            'eval "$(mcp-auth-bridge completion zsh)"\n'
        )
        argv = [shell("zsh"), "-i", "-o", "NO_GLOBAL_RCS"]
    return typing(argv, environment, [("READY> ", f"{line}\t\t"), (shown, "\x15exit\n")])[1]


@pytest.mark.parametrize("name", ["bash", "zsh"])
@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("mcp-auth-bridge logo", "logout"),
        ("mcp-auth-bridge run su", "suite"),
        ("mcp-auth-bridge run acme --log-format=js", "--log-format=json"),
        ("mcp-auth-bridge install claude-c", "claude-code"),
        ("mcp-auth-bridge doctor --bundle repo", "report-one.json"),
    ],
)
def test_bash_and_zsh_complete_a_word(name, line, shown, environment, tmp_path):
    assert shown in pressed(name, environment, tmp_path, line, shown)


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_bash_and_zsh_list_what_may_come_next(name, environment, tmp_path):
    assert "logout" in pressed(name, environment, tmp_path, "mcp-auth-bridge log", "logout")


def fish(environment, tmp_path, line):
    script = 'mcp-auth-bridge completion fish | source; complete -C "$argv[1]"'
    argv = [shell("fish"), "--no-config", "-c", script, line]
    done = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_fish_completes_commands_with_descriptions_options_servers_clients_and_files(environment, tmp_path):
    assert fish(environment, tmp_path, "mcp-auth-bridge logou") == ["logout\tEnd a login"]
    assert fish(environment, tmp_path, "mcp-auth-bridge run su") == ["suite\thttps://suite.example/mcp"]
    assert fish(environment, tmp_path, "mcp-auth-bridge install claude-c") == ["claude-code\tClaude Code"]
    assert any(
        line.startswith("--headless\t") for line in fish(environment, tmp_path, "mcp-auth-bridge run acme --hea")
    )
    assert fish(environment, tmp_path, "mcp-auth-bridge doctor --bundle repo") == ["report-one.json"]


def test_the_line_is_not_an_argument_that_the_list_of_processes_would_show(environment):
    for name in ("bash", "zsh", "fish"):
        script = subprocess.run(
            [command(), "completion", name], env=environment, capture_output=True, text=True, check=True
        ).stdout
        assert f"completion {name} --line 2>/dev/null" in script
