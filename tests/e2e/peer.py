"""Peers as processes: started on free ports, steered over their control endpoints, ended with their stdin."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from filelock import FileLock
from needs import found

TESTS = Path(__file__).parents[1]
SUPPORT = TESTS / "support"
PEERS = SUPPORT / "peers"
INSPECTOR = TESTS / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
# What a child needs to run, and no more: no proxy, no credential, no configuration of the person who tests.
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ}

_loopback = build_opener(ProxyHandler({}))


class Peer:
    """One running peer. `about` is what it said when it was ready: `url`, `control`, …"""

    def __init__(self, command: list[str], log: Path) -> None:
        self._log = log
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={**ENVIRONMENT, "PYTHONPATH": str(SUPPORT)},  # a scenario's server finds peers/ there
            )
        try:
            self.about: dict[str, Any] = self._first_words()
            self.url: str = self.about["url"]
        except BaseException:
            self.stop()
            raise

    def _first_words(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{shlex.join(self._process.args)} did not start:\n{self._log.read_text()}")
        return json.loads(line)

    def control(self, wishes: Any = None) -> Any:
        """Read the peer's state, after changing it by `wishes` if there are any."""
        data = None if wishes is None else json.dumps(wishes).encode()
        with _loopback.open(Request(self.about["control"], data), timeout=10) as answer:
            return json.load(answer)

    def _say(self, word: str) -> None:
        """Steer a peer that listens to its stdin; it is done when it answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()
        self._process.stdout.readline()

    def stop(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class Counted(Peer):
    """A peer that counts what comes to it as an authorization server."""

    def reset(self) -> None:
        """The settings as at the start, the counters at zero; clients and logins stay."""
        self.control({"reset": True})

    @property
    def counters(self) -> dict[str, Any]:
        return self.control()["counters"]

    @property
    def refreshes(self) -> dict[str, int]:
        """How the token requests with a refresh token ended: {"success": 1}."""
        return self.counters["token"].get("refresh_token", {})


class AuthorizationServer(Counted):
    """A script below tests/peers that serving.mjs runs; control.mjs and the script say what `control` takes.

    `settings` are those at its start. It begins on a port of its own, and comes back to that one with `again`.
    """

    def __init__(self, script: str, log: Path, **settings: Any) -> None:
        self._script = script
        super().__init__([node(), str(PEERS / script), json.dumps(settings)], log)

    def again(self) -> "AuthorizationServer":
        """Ended, and started anew on the same port: it remembers nothing, and its keys are new."""
        self.stop()
        return AuthorizationServer(self._script, self._log, port=self.about["port"])

    def down(self) -> None:
        """Refuse connections."""
        self._say("down")

    def up(self) -> None:
        """Listen again; nothing was forgotten."""
        self._say("up")

    def register(self, **metadata: Any) -> dict[str, Any]:
        """Register a native client, as a person does by hand: its `client_id` and perhaps a `client_secret`."""
        wishes = {
            "application_type": "native",
            "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            **metadata,
        }
        request = Request(self.about["registration"], json.dumps(wishes).encode(), {"content-type": "application/json"})
        with _loopback.open(request, timeout=10) as answer:
            return json.load(answer)


class PythonServer(Counted):
    """A script of tests/peers that ledger.py observes, run by `python` with its own packages."""

    def __init__(self, python: str, script: str, log: Path, *arguments: str) -> None:
        super().__init__([python, str(PEERS / script), *arguments], log)
        self.about.setdefault("issuer", self.about["origin"])


class McpServer(Peer):
    """protected_server.py or guarded_proxy.py."""

    def __init__(self, script: str, issuer: str, log: Path, *options: str) -> None:
        super().__init__([sys.executable, str(PEERS / script), "--issuer", issuer, *options], log)

    @property
    def requests(self) -> list[dict[str, Any]]:
        return self.control()["requests"]

    def mcp_requests(self) -> list[dict[str, Any]]:
        """Those to the MCP endpoint, in order of arrival."""
        return [request for request in self.requests if request["path"] == "/mcp"]


def scenario(name: str, folder: Path, *words: str) -> Iterator[Peer]:
    """The server of a scenario, for as long as a fixture lasts; its log is in `folder`."""
    peer = Peer([sys.executable, str(TESTS / "scenarios" / f"{name}.py"), *words], folder / "log")
    yield peer
    peer.stop()


def node() -> str:
    """A Node >= 22, which the peers need: the one that npm installed, else the machine's own. Skipped without one."""
    for packaged in sorted((TESTS / "node_modules").glob("node-linux-*/bin/node")):
        return str(packaged)
    own = found("node")
    version = subprocess.run([own, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < 22:
        pytest.skip(f"node is {version} and has to be 22 or newer")
    return own


def install_node_modules() -> None:
    """`npm ci`, unless the lock is already installed. Of several processes one does it. Skipped without npm."""
    found("node")
    found("npm")
    with FileLock(TESTS / ".node_modules.lock"):
        _install_node_modules()


def _install_node_modules() -> None:
    lock, installed = TESTS / "package-lock.json", TESTS / "node_modules/.package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    done = subprocess.run(
        [found("npm"), "ci", "--no-audit", "--no-fund"], cwd=TESTS, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"npm ci failed in {TESTS.name}/:\n{done.stderr}")
    installed.touch()
