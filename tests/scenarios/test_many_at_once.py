"""One machine on which many agents start at once, each with several servers: one process per agent and server.

The processes share only the folder with the credentials.
"""

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from installed import Bridge, RawClient
from peer import TESTS, Peer
from scenarios.internal_platform import CLIENT, CLIENT_SECRET, RESOURCE
from words import text

SIZES = [pytest.param(4, 2), pytest.param(16, 4, marks=pytest.mark.slow)]


@contextlib.contextmanager
def platforms(count: int, folder: Path) -> Iterator[list[Peer]]:
    """`count` servers, each with its own authorization server."""
    script = str(TESTS / "scenarios" / "internal_platform.py")
    with contextlib.ExitStack() as stack:
        peers = []
        for number in range(count):
            peers.append(Peer([sys.executable, script], folder / f"{number}.log"))
            stack.callback(peers[-1].stop)
        yield peers


def machine(folder: Path, peers: list[Peer]) -> Bridge:
    """A configuration with all `peers`, named by number."""
    home = folder / "home"
    home.mkdir(0o700)
    bridge = Bridge(home)
    bridge.environment["FILES_SECRET"] = CLIENT_SECRET
    for number, peer in enumerate(peers):
        auth = {
            "kind": "client_credentials",
            "client_id": CLIENT,
            "client_secret": "env:FILES_SECRET",
            "issuer": peer.about["origin"],
            "resource": RESOURCE,
        }
        bridge.add_server(f"files-{number}", peer.url, **{f"auth.{key}": value for key, value in auth.items()})
    return bridge


def relayed(clients: list[RawClient]) -> list[dict[str, Any]]:
    """The reply to each client's first call; all clients open their session and call at the same time."""
    opening = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "agent", "version": "1"}}
    for client in clients:
        client.post("initialize", opening, "initialize")
    for client in clients:
        client.answer("initialize")
        client.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        client.post("tools/call", {"name": "count"}, "call")
    return [client.answer("call") for client in clients]


@pytest.mark.parametrize(("agents", "servers"), SIZES)
def test_agents_that_start_together_make_one_token_request_per_credential(
    tmp_path: Path, record_testsuite_property: Any, agents: int, servers: int
) -> None:
    with platforms(servers, tmp_path) as peers, contextlib.ExitStack() as stack:
        bridge = machine(tmp_path, peers)
        began = time.monotonic()
        clients = [
            stack.enter_context(bridge.stdio(f"files-{number}")) for _ in range(agents) for number in range(servers)
        ]
        answers = relayed(clients)
        record_testsuite_property(f"seconds of {len(clients)}", round(time.monotonic() - began, 1))
        assert [answer for answer in answers if "error" in answer] == []
        assert Counter(text(answer) for answer in answers) == {str(number + 1): servers for number in range(agents)}
        assert [client.stderr for client in clients] == [""] * len(clients)
        for peer in peers:
            requests = peer.control()["requests"]
            assert sum(request["path"] == "/token" for request in requests) == 1
            assert [request["status"] for request in requests if request["method"] == "tools/call"] == [200] * agents
