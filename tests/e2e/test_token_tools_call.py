"""`token`, `tools` and `call` with real servers, as a script or cron job uses a user's login."""

import json
import signal
import subprocess
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from installed import HANG, Bridge, wait_for
from peer import McpServer
from place import Place
from program import command

_direct = build_opener(ProxyHandler({}))


@pytest.fixture
def acme(bridge: Bridge, place: Place) -> Iterator[Bridge]:
    """The bridge, logged in at each of the two places."""
    bridge.add_server("acme", place.url)
    bridge.login("acme")
    yield bridge
    assert len(bridge.launches) == 1  # by that login


def done(bridge: Bridge, *arguments: str) -> str:
    """The stdout of a command that succeeds with an empty stderr."""
    ended = bridge.run(*arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_a_script_lists_and_calls_tools_with_a_users_login(acme: Bridge) -> None:
    assert "add a=" in done(acme, "tools", "acme")
    assert "add" in {tool["name"] for tool in json.loads(done(acme, "tools", "acme", "--json"))}
    assert done(acme, "call", "acme", "add", "a=19", "b=23") == "42\n"
    result = json.loads(done(acme, "call", "acme", "add", '{"a": 19, "b": 23}', "--json"))
    assert result["content"][0]["text"] == "42"


def test_the_token_is_one_that_the_server_accepts(acme: Bridge, place: Place) -> None:
    about = json.loads(done(acme, "token", "acme", "--json"))
    assert about["token_type"] == "Bearer"
    assert about["resource"] == place.url
    assert done(acme, "token", "acme") == f"{about['access_token']}\n"
    ping = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}

    def status(authorization: str) -> int:
        try:
            with _direct.open(Request(place.url, ping, {**headers, "authorization": authorization})) as answer:
                return answer.status
        except HTTPError as refused:
            return refused.code

    assert status("Bearer nothing") == 401
    assert status(f"Bearer {about['access_token']}") != 401


def test_after_a_revoked_login_both_commands_fail_and_name_the_login_command(acme: Bridge, place: Place) -> None:
    place.end_grants()
    called = acme.run("call", "acme", "add", "a=1", "b=2")
    assert (called.returncode, called.stdout) == (3, "")
    assert called.stderr.endswith("hint: run: mcp-auth-bridge login acme\n")
    asked = acme.run("token", "acme")
    assert (asked.returncode, asked.stdout) == (3, "")
    assert asked.stderr.endswith("hint: run: mcp-auth-bridge login acme\n")


def test_a_token_that_the_server_no_longer_accepts_is_refreshed_during_a_call(acme: Bridge, place: Place) -> None:
    before = done(acme, "token", "acme")
    place.refuse_tokens()
    assert done(acme, "call", "acme", "add", "a=1", "b=2") == "3\n"
    assert done(acme, "token", "acme") != before


def test_without_a_login_the_exit_code_is_3_and_no_browser_opens(bridge: Bridge, place: Place) -> None:
    bridge.add_server("acme", place.url, login="auto")
    for arguments in (("tools", "acme"), ("call", "acme", "add"), ("token", "acme")):
        ended = bridge.run(*arguments)
        assert (ended.returncode, ended.stdout) == (3, ""), arguments
        assert ended.stderr.endswith("hint: run: mcp-auth-bridge login acme\n")
    assert bridge.launches == []


def test_the_commands_speak_to_server_everything_in_its_own_era(bridge: Bridge, everything_server: McpServer) -> None:
    bridge.add_server("every", everything_server.url)
    bridge.login("every")
    assert done(bridge, "call", "every", "echo", "message=-x = y") == "Echo: -x = y\n"
    assert "is 5" in done(bridge, "call", "every", "get-sum", "a=2", "b=3")
    done(bridge, "call", "every", "get-tiny-image", "--output", str(bridge.home / "pictures"))
    (picture,) = (bridge.home / "pictures").iterdir()
    assert picture.name == "get-tiny-image-1.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    wrong = bridge.run("call", "every", "get-sum", "a=2")
    assert wrong.returncode == 8
    assert "hint: it requires “b”, which this call did not give" in wrong.stderr
    assert bridge.run("call", "every", "get-summ").stderr.partition("its tools: ")[2].startswith("get-sum, ")


def test_ctrl_c_ends_a_call_here_and_on_the_server(bridge: Bridge, protected_server: McpServer) -> None:
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    calling = subprocess.Popen(
        [command(), "call", "acme", "slow", "steps=1000", "seconds=0.05"],
        env=bridge.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: any(seen["method"] == "tools/call" for seen in protected_server.requests))
    calling.send_signal(signal.SIGINT)
    assert calling.communicate(timeout=HANG) == ("", "")
    assert calling.returncode == 130


def test_a_large_result_reaches_a_pipe_whole_and_a_reader_may_close_it_early(
    bridge: Bridge, protected_server: McpServer
) -> None:
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    size = 3 << 20
    assert len(done(bridge, "call", "acme", "big", f"size={size}")) == size + 1
    calling = subprocess.Popen(
        [command(), "call", "acme", "big", f"size={size}"],
        env=bridge.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert calling.stdout is not None
    assert calling.stdout.read(10) == b"x" * 10
    calling.stdout.close()
    assert calling.wait(HANG) == 0
    assert calling.stderr is not None
    assert calling.stderr.read() == b""
    calling.stderr.close()
