"""The official SDKs as servers and clients of both eras; what each client sees directly and through the bridge."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from era_cells import Cell, cells
from peer import ENVIRONMENT, PEERS, SUPPORT, Peer, install_node_modules, node
from peers.environments import python_with
from program import command

ERAS = PEERS / "eras"
LEGACY = "2025-11-25"
MODERN = "2026-07-28"
SDK_1 = ("mcp<2", "uvicorn")
AT_ONCE = 3
"""Servers that are measured at the same time: most of a pair's time is the start of its client and of the bridge."""

Seen = dict[str, Any]
"""One feature: what the client saw."""


def python_1() -> str:
    return python_with(*SDK_1)


def python_2() -> str:
    return sys.executable


@dataclass(frozen=True)
class Program:
    """One SDK in one configuration."""

    name: str
    # The revisions it speaks: the newest of each era.
    revisions: frozenset[str]
    # Starts Python or Node; called when it is needed, because it may install packages.
    runtime: Callable[[], str]
    script: str
    mode: tuple[str, ...] = ()

    def command(self) -> list[str]:
        return [self.runtime(), str(ERAS / self.script), *self.mode]


_BOTH, _OLD, _NEW = frozenset({LEGACY, MODERN}), frozenset({LEGACY}), frozenset({MODERN})

SERVERS = (
    Program("Python SDK 1", _OLD, python_1, "python_1_server.py"),
    Program("TypeScript SDK 1", _OLD, node, "typescript_1_server.mjs"),
    Program("Python SDK 2, dual", _BOTH, python_2, "python_2_server.py", ("dual",)),
    Program("TypeScript SDK 2, dual", _BOTH, node, "typescript_2_server.mjs", ("dual",)),
    Program("Python SDK 2, modern only", _NEW, python_2, "python_2_server.py", ("modern",)),
    Program("TypeScript SDK 2, modern only", _NEW, node, "typescript_2_server.mjs", ("modern",)),
)

CLIENTS = (
    Program("Python SDK 1", _OLD, python_1, "python_1_client.py"),
    Program("TypeScript SDK 1", _OLD, node, "typescript_1_client.mjs"),
    Program("Python SDK 2, legacy", _OLD, python_2, "python_2_client.py", ("legacy",)),
    Program("TypeScript SDK 2, legacy", _OLD, node, "typescript_2_client.mjs", ("legacy",)),
    Program("Python SDK 2, dual", _BOTH, python_2, "python_2_client.py", ("auto",)),
    Program("TypeScript SDK 2, dual", _BOTH, node, "typescript_2_client.mjs", ("auto",)),
    Program("Python SDK 2, modern only", _NEW, python_2, "python_2_client.py", ("pinned",)),
    Program("TypeScript SDK 2, modern only", _NEW, node, "typescript_2_client.mjs", ("pinned",)),
)

REFERENCE = {LEGACY: SERVERS[0], MODERN: SERVERS[4]}
"""The server whose features, met directly, are the measure: it has all that its era has."""


@contextmanager
def running(server: Program, folder: Path) -> Iterator[Peer]:
    log = folder / f"{server.script}.{'.'.join(server.mode)}.{uuid4().hex[:6]}.log"  # one may run twice at a time
    peer = Peer(server.command(), log)
    try:
        yield peer
    finally:
        peer.stop()


def directly(client: Program, url: str) -> Mapping[str, Seen]:
    return _features(client, {"url": url})


def through_the_bridge(client: Program, url: str, home: Path) -> Mapping[str, Seen]:
    """What `client` sees of the server at `url` through a bridge whose memory is in `home`."""
    home.mkdir(0o700, parents=True, exist_ok=True)
    key = home / "sealing.key"
    key.touch(0o600)
    key.write_text("bWNwLWF1dGgtYnJpZGdlLWVuZC10by1lbmQtdGVzdHM=\n")
    (home / "config.toml").write_text(f'[store]\nkind = "key_file"\npath = {json.dumps(str(key))}\n')
    bridge = [command(), "run", url, "--auth", 'kind = "none"']
    environment = {**ENVIRONMENT, "HOME": str(home), "MCP_AUTH_BRIDGE_HOME": str(home)}
    # Under `pytest --canaries` another program stands in for the command, and needs its own variables.
    environment |= {name: value for name, value in os.environ.items() if name.startswith("MCP_AUTH_BRIDGE_")} | {
        "MCP_AUTH_BRIDGE_HOME": str(home)
    }
    return _features(client, {"command": bridge, "environment": environment})


def _features(client: Program, target: Mapping[str, Any]) -> Mapping[str, Seen]:
    """Every feature's observation; a client without a connection says so under "connection"."""
    argv = [*client.command(), json.dumps(target)]
    environment = {**ENVIRONMENT, "PYTHONPATH": str(SUPPORT)}
    done = subprocess.run(
        argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if not lines:
        raise RuntimeError(f"{shlex.join(argv)} said nothing:\n{done.stderr}")
    return {line["feature"]: line["saw"] for line in lines}


Pair = tuple[Program, Program]
Found = Mapping[tuple[str, str], Mapping[str, Seen]]


def references(clients: Sequence[Program], folder: Path) -> Found:
    """(client, revision) → what the client sees of the reference server of that era, which it meets directly."""

    def met(revision: str) -> dict[tuple[str, str], Mapping[str, Seen]]:
        with running(REFERENCE[revision], folder) as peer:
            able = [client for client in clients if revision in client.revisions]
            return {(client.name, revision): directly(client, peer.url) for client in able}

    return _at_once(met, list(REFERENCE))


def measured(pairs: Sequence[Pair], folder: Path) -> Found:
    """(client, server) → what the client sees of the server through the bridge."""

    def met(server: Program) -> dict[tuple[str, str], Mapping[str, Seen]]:
        found: dict[tuple[str, str], Mapping[str, Seen]] = {}
        with running(server, folder) as peer:  # one client after the other: they hear each other's notifications
            for client in (client for client, other in pairs if other == server):
                home = folder / f"{client.script}.{'.'.join(client.mode)} {server.script}.{'.'.join(server.mode)}"
                found[client.name, server.name] = through_the_bridge(client, peer.url, home)
        return found

    return _at_once(met, list(dict.fromkeys(server for _, server in pairs)))


def judged(pairs: Sequence[Pair], folder: Path) -> dict[tuple[str, str], dict[str, Cell]]:
    """(client, server) → feature → cell. Skips the test if a peer cannot be installed."""
    install_node_modules()
    python_1()
    with ThreadPoolExecutor(2) as pool:
        direct = pool.submit(references, list(dict.fromkeys(client for client, _ in pairs)), folder)
        bridged = pool.submit(measured, pairs, folder)
        expected, found = direct.result(), bridged.result()
    return {
        (client, server): cells(
            server, seen, {revision: all_ for (name, revision), all_ in expected.items() if name == client}
        )
        for (client, server), seen in found.items()
    }


def _at_once(met: Callable[[Any], dict[tuple[str, str], Mapping[str, Seen]]], each: Sequence[Any]) -> Found:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {pair: seen for found in pool.map(met, each) for pair, seen in found.items()}
