"""Peers as processes: they start on free ports, obey their control endpoints, and end when their stdin closes."""

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
# Only the variables that a child needs to run: no proxy, no credential and no configuration of the developer.
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ}

_loopback = build_opener(ProxyHandler({}))


class Peer:
    """One running peer. `about` is what it printed when it was ready: `url`, `control`, …"""

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
        """Apply `wishes`, if there are any, to the peer's state and return that state."""
        data = None if wishes is None else json.dumps(wishes).encode()
        with _loopback.open(Request(self.about["control"], data), timeout=10) as answer:
            return json.load(answer)

    def _say(self, word: str) -> None:
        """Send a command to a peer that reads its stdin, and wait for the peer to confirm it."""
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
    """A peer that counts the requests it receives as an authorization server."""

    def reset(self) -> None:
        """Restore the initial settings and set the counters to zero; clients and logins stay."""
        self.control({"reset": True})

    @property
    def counters(self) -> dict[str, Any]:
        return self.control()["counters"]

    @property
    def refreshes(self) -> dict[str, int]:
        """The outcomes of the token requests with a refresh token, counted: {"success": 1}."""
        return self.counters["token"].get("refresh_token", {})


class AuthorizationServer(Counted):
    """A script below tests/support/peers that serving.mjs runs; control.mjs and the script document `control`.

    `settings` are its initial settings. It starts on a free port and returns to the same port after `again`.
    """

    def __init__(self, script: str, log: Path, **settings: Any) -> None:
        self._script = script
        super().__init__([node(), str(PEERS / script), json.dumps(settings)], log)

    def again(self) -> "AuthorizationServer":
        """Restart the server on the same port: it forgets everything and makes new keys."""
        self.stop()
        return AuthorizationServer(self._script, self._log, port=self.about["port"])

    def down(self) -> None:
        """Make the server refuse connections."""
        self._say("down")

    def up(self) -> None:
        """Make the server listen again; it has forgotten nothing."""
        self._say("up")

    def register(self, **metadata: Any) -> dict[str, Any]:
        """Register a native client, as a user does by hand; returns its `client_id` and any `client_secret`."""
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
    """A script of tests/support/peers, observed by ledger.py and run by `python` with its own packages."""

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
        """The requests to the MCP endpoint, in order of arrival."""
        return [request for request in self.requests if request["path"] == "/mcp"]


def scenario(name: str, folder: Path, *words: str) -> Iterator[Peer]:
    """Runs the server of a scenario for the lifetime of a fixture; its log is in `folder`."""
    peer = Peer([sys.executable, str(TESTS / "scenarios" / f"{name}.py"), *words], folder / "log")
    yield peer
    peer.stop()


def node() -> str:
    """A Node >= 22, which the peers need: npm's if installed, else the machine's own. Skips the test without one."""
    for packaged in sorted((TESTS / "node_modules").glob("node-linux-*/bin/node")):
        return str(packaged)
    own = found("node")
    version = subprocess.run([own, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < 22:
        pytest.skip(f"node is {version} and has to be 22 or newer")
    return own


def install_node_modules() -> None:
    """Runs `npm ci` in one process unless the lock file is already installed; skips the test without npm."""
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
