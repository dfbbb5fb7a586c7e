"""`mcp-auth-bridge demo --no-browser`, the installed command, in an empty home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = os.environ.get("MCP_AUTH_BRIDGE_COMMAND") or str(Path(sys.executable).with_name("mcp-auth-bridge"))


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """The folders in which a program could leave something behind."""
    return {name: tmp_path_factory.mktemp(name) for name in ("home", "temporary", "work")}


@pytest.fixture(scope="module")
def finished(rooms):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(rooms["home"]),
        "TMPDIR": str(rooms["temporary"]),
        "LANG": "C.UTF-8",
    }
    return subprocess.run(
        [COMMAND, "demo", "--no-browser"],
        cwd=rooms["work"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_succeeds_and_tells_the_story(finished):
    said = finished.stdout + finished.stderr
    assert finished.returncode == 0, said
    for sentence in (
        "1. A protected MCP server and its authorization server are up on 127.0.0.1:",
        "sees: add, time_left, whoami.",
        "add(19, 23) and got 42",
        "refreshed without a browser (1 token request)",
        '"args": ["run", "https://your.server/mcp"]',
        "mcp-auth-bridge login https://your.server/mcp",
    ):
        assert sentence in said


def test_it_names_the_command_that_an_ide_can_start(finished):
    assert f'"command": "{COMMAND}"' in finished.stdout + finished.stderr


def test_it_shows_no_token(finished):
    said = finished.stdout + finished.stderr
    for kind in ("access", "refresh", "code"):
        assert f"demo-{kind}-" not in said


def test_it_leaves_nothing_behind(finished, rooms):
    assert finished.returncode == 0
    assert {name: list(room.rglob("*")) for name, room in rooms.items()} == {"home": [], "temporary": [], "work": []}
