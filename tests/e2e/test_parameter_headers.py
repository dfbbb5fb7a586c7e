"""A server that demands `Mcp-Param-*` in legacy sessions (peers/parameter_demanding.py), with and without a list."""

import sys
from collections.abc import Iterator

import pytest
from installed import Bridge
from peer import PEERS, Peer
from words import text

ISSUES = {"owner": "octo", "repo": "näher"}


@pytest.fixture(scope="module", params=["null", "same"])
def running(request, tmp_path_factory) -> Iterator[Peer]:
    script = str(PEERS / "parameter_demanding.py")
    peer = Peer([sys.executable, script, request.param], tmp_path_factory.mktemp("peer") / "log")
    yield peer
    peer.stop()


@pytest.fixture
def acme(bridge, running) -> Bridge:
    running.control(["reset"])
    bridge.add_server("acme", running.url, **{"auth.kind": "none"})
    return bridge


def calls(running):
    """The status and the mirrored headers of each tool call at the server."""
    return [
        (each["status"], {name: value for name, value in each["headers"].items() if name.startswith("mcp-param-")})
        for each in running.control()["requests"]
        if each["method"] == "tools/call"
    ]


def methods(running):
    return [each["method"] for each in running.control()["requests"] if each["http"] == "POST"]


def all_tools(client):
    first = client.request("tools/list", {}, "first")["result"]
    second = client.request("tools/list", {"cursor": first["nextCursor"]}, "second")["result"]
    return [tool["name"] for tool in [*first["tools"], *second["tools"]]]


def test_after_a_list_the_first_call_has_its_headers_and_no_tool_was_hidden(acme, running) -> None:
    with acme.stdio("acme") as client:
        client.initialize()
        assert all_tools(client) == ["get_me", "broken", "list_issues"]
        assert text(client.call("list_issues", {"owner": "octo", "repo": "one"})) == "list_issues ran"
        assert text(client.call("get_me", request_id=2)) == "get_me ran"
        assert (client.close(), client.stderr) == (0, "")
    assert calls(running) == [(200, {"mcp-param-owner": "octo", "mcp-param-repo": "one"}), (200, {})]


def test_without_a_list_the_bridge_lists_all_pages_and_repeats_the_call_once(acme, running) -> None:
    with acme.stdio("acme") as client:
        client.initialize()
        assert text(client.call("list_issues", {"owner": "octo", "repo": "one"})) == "list_issues ran"
        assert text(client.call("list_issues", {"owner": "octo"}, 2)) == "list_issues ran"
        assert (client.close(), client.stderr) == (0, "")
    mirrored = {"mcp-param-owner": "octo", "mcp-param-repo": "one"}
    assert calls(running) == [(400, {}), (200, mirrored), (200, {"mcp-param-owner": "octo"})]
    assert methods(running)[-5:] == ["tools/call", "tools/list", "tools/list", "tools/call", "tools/call"]


def test_an_argument_that_no_header_can_carry_is_refused_twice_and_the_refusal_is_the_reply(acme, running) -> None:
    """This server compares without decoding, so that "ä" never fits: the second refusal is the answer."""
    with acme.stdio("acme") as client:
        client.initialize()
        assert client.call("list_issues", ISSUES)["error"]["code"] == -32020
        assert (client.close(), client.stderr) == (0, "")
    assert [status for status, _ in calls(running)] == [400, 400]


def test_the_command_call_sends_the_headers_too(acme, running) -> None:
    done = acme.run("call", "acme", "list_issues", "owner=octo", "repo=one")
    assert (done.returncode, done.stdout) == (0, "list_issues ran\n"), done.stderr
    assert calls(running)[-1] == (200, {"mcp-param-owner": "octo", "mcp-param-repo": "one"})
