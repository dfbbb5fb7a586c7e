"""The installed command `mcp-auth-bridge demo --no-browser` in an empty home."""

import contextlib
import os
import signal
import subprocess
from urllib.parse import urljoin

import httpx2
import pytest
from program import command


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """The folders in which a program could leave files behind."""
    return {name: tmp_path_factory.mktemp(name) for name in ("home", "temporary", "work")}


def environment(rooms):
    """No display either: a command that waited for a user here would wait forever."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(rooms["home"]),
        "TMPDIR": str(rooms["temporary"]),
        "LANG": "C.UTF-8",
    }


@pytest.fixture(scope="module")
def finished(rooms):
    return subprocess.run(
        [command(), "demo", "--no-browser"],
        cwd=rooms["work"],
        env=environment(rooms),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_demo_succeeds_and_tells_the_story(finished):
    said = finished.stdout + finished.stderr
    assert finished.returncode == 0, said
    for sentence in (
        "1. A protected MCP server and its authorization server are up on 127.0.0.1:",
        "sees: add, time_left, whoami.",
        "add(19, 23) and got 42",
        "refreshed without a browser (1 token request)",
        " install kiro https://your.server/mcp",
        '"args": ["run", "https://your.server/mcp"]',
        " login https://your.server/mcp",
    ):
        assert sentence in said


def test_the_demo_names_the_command_that_an_ide_can_start(finished, pytestconfig):
    if pytestconfig.getoption("--canaries"):
        pytest.skip("the command is then not the one that is installed")
    assert f'"command": "{command()}"' in finished.stdout + finished.stderr


def test_the_demo_shows_no_token(finished):
    said = finished.stdout + finished.stderr
    for kind in ("access", "refresh", "code"):
        assert f"demo-{kind}-" not in said


def test_the_demo_leaves_nothing_behind(finished, rooms):
    assert finished.returncode == 0
    assert {name: list(room.rglob("*")) for name, room in rooms.items()} == {"home": [], "temporary": [], "work": []}


@contextlib.contextmanager
def waiting_for_a_person(rooms):
    """Runs the demo without --no-browser until it has shown the URL; yields the process and the URL."""
    demo = subprocess.Popen(
        [command(), "demo"],
        cwd=rooms["work"],
        env=environment(rooms),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        url = ""
        while "/authorize?" not in url:
            url = demo.stderr.readline().strip()
            assert url or demo.poll() is None
        yield demo, url
    finally:
        demo.kill()
        demo.communicate()


def test_a_denied_consent_ends_the_demo_and_the_step_is_named(rooms):
    with waiting_for_a_person(rooms) as (demo, url), httpx2.Client(trust_env=False) as browser:
        ticket = browser.get(url).text.partition('name="ticket" value="')[2].partition('"')[0]
        answer = {"ticket": ticket, "decision": "deny"}
        browser.post(urljoin(url, "/consent"), data=answer, follow_redirects=True)
        _, said = demo.communicate(timeout=30)
    assert demo.returncode == 1
    assert "the demo failed while logging in" in said
    assert list(rooms["temporary"].iterdir()) == []


def test_an_interrupt_while_the_demo_waits_for_consent_ends_everything(rooms):
    with waiting_for_a_person(rooms) as (demo, _):
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does
        _, said = demo.communicate(timeout=30)  # also waits until every child has closed the pipes
    assert demo.returncode == 130
    assert "Traceback" not in said
    assert list(rooms["temporary"].iterdir()) == []
