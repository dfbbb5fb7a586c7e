"""The command under test, run as a user or an IDE runs it: the installed console script in its own home."""

import json
import queue
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from filelock import FileLock
from peer import ENVIRONMENT, INSPECTOR, PEERS, node
from program import command

if TYPE_CHECKING:
    from mcp import Client

# Only a hang reaches this deadline: no test's outcome depends on the speed of the machine.
HANG = 60

OPENING = re.compile(rb"mcp-auth-bridge: INFO version \S+ relays to |\{.*\"message\": \"version \S+ relays to ")
"""How `run` begins on stderr where a person is."""


def wait_for(condition: Callable[[], object]) -> None:
    """Waits for another thread or process to make `condition` true; the test's own timeout ends a hang."""
    while not condition():
        threading.Event().wait(0.005)


class Bridge:
    """mcp-auth-bridge with its configuration and state below `home`; its browser is tests/support/peers/browser.py."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**ENVIRONMENT, "HOME": str(home), "MCP_AUTH_BRIDGE_HOME": str(home)}
        self._browser_log = home / "browser.log"
        self.browser_command = shlex.join([sys.executable, str(PEERS / "browser.py"), "--log", str(self._browser_log)])
        self._servers: dict[str, str] = {}
        self.within: list[str] = []  # the words before each command, from tests/support/namespaces.py
        key = home / "sealing.key"
        self.store = f'[store]\nkind = "key_file"\npath = {json.dumps(str(key))}'
        key.touch(0o600)
        key.write_text("bWNwLWF1dGgtYnJpZGdlLWVuZC10by1lbmQtdGVzdHM=\n")

    def add_server(self, name: str, url: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        """Write `[servers.NAME]`; `more` are further keys, written as JSON values, which TOML reads the same way.

        The browser opens only for `login`, unless `more` holds `login="auto"`.
        """
        keys = {"url": url, "browser_command": self.browser_command, "login": "never", **more}
        lines = [f"[servers.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
        if headers:
            pairs = ", ".join(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in headers.items())
            lines.append(f"headers = {{ {pairs} }}")
        self._servers[name] = "\n".join(lines)
        (self.home / "config.toml").write_text("\n\n".join([self.store, *self._servers.values()]) + "\n")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end with an empty stdin."""
        return subprocess.run(
            [*self.within, command(), *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )

    def login(self, name: str) -> None:
        done = self.run("login", name)
        assert done.returncode == 0, done.stderr

    @property
    def launches(self) -> list[dict[str, Any]]:
        """The result of each launch of the browser: status, title, url. Waits for a browser that is still reading."""
        with FileLock(f"{self._browser_log}.lock"):
            lines = self._browser_log.read_text().splitlines() if self._browser_log.exists() else []
        return [json.loads(line) for line in lines]

    @asynccontextmanager
    async def sdk_client(self, name: str, **options: Any) -> AsyncIterator["Client"]:
        """The official SDK's client on `run NAME`."""
        # Only here: importing the SDK takes a second, which the conformance suite's driver would spend in each run.
        from mcp import Client, StdioServerParameters
        from mcp.client.stdio import stdio_client

        parameters = StdioServerParameters(command=command(), args=["run", name], env=self.environment)
        with (self.home / "run.stderr").open("a") as stderr:
            async with Client(stdio_client(parameters, errlog=stderr), read_timeout_seconds=HANG, **options) as client:
                yield client

    def inspector(self, name: str, *arguments: str) -> dict[str, Any]:
        """MCP Inspector's `--cli` on `run NAME`: its JSON answer to one method."""
        home = f"MCP_AUTH_BRIDGE_HOME={self.home}"
        done = subprocess.run(
            [node(), str(INSPECTOR), "--cli", "-e", home, *arguments, "--", command(), "run", name],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def stdio(self, *arguments: str) -> "RawClient":
        """A raw client on `run` with `arguments`."""
        return RawClient([*self.within, command(), "run", *arguments], self.environment)

    def logging_in(self, name: str) -> "RawClient":
        """`login NAME` as a running process."""
        return RawClient([*self.within, command(), "login", name], self.environment)


class RawClient:
    """A client that interprets nothing: it writes lines of bytes to `run` and reads lines of bytes back."""

    def __init__(self, argv: list[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._errors: list[bytes] = []
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, self._lines.put), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stderr, self._errors.append), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: Any, put: Any) -> None:
        for line in stream:
            put(line)
        put(b"")

    def send(self, line: bytes) -> None:
        """Send one message; the line end is added."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def read(self, deadline: float = HANG) -> bytes:
        """The next line without its end, b"" at the end of stdout; raises `queue.Empty` after `deadline` seconds."""
        return self._lines.get(timeout=deadline).rstrip(b"\n")

    def request(self, method: str, params: Any = None, request_id: Any = 1) -> dict[str, Any]:
        """Send a request and return its reply; messages that arrive before it are skipped."""
        self.post(method, params, request_id)
        return self.answer(request_id)

    def post(self, method: str, params: Any = None, request_id: Any = 1) -> None:
        """Send a request; `answer` reads its reply later."""
        message = {
            "jsonrpc": "2.0",
            "id": request_id,
            "method": method,
            **({} if params is None else {"params": params}),
        }
        self.send(json.dumps(message).encode())

    def answer(self, request_id: Any) -> dict[str, Any]:
        """Return the reply to the request with this id; messages that arrive before it are skipped."""
        while line := self.read():
            answer = json.loads(line)
            if answer.get("id") == request_id and "method" not in answer:
                return answer
        raise AssertionError(f"run ended instead of answering {request_id}:\n{self.stderr}")

    def initialize(self) -> dict[str, Any]:
        """The handshake of 2025-11-25, by a client without capabilities."""
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
        answer = self.request("initialize", params, "initialize")
        self.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        return answer

    def call(self, tool: str, arguments: Any = None, request_id: Any = 1) -> dict[str, Any]:
        """Call a tool and return the whole reply."""
        return self.request("tools/call", {"name": tool, "arguments": arguments or {}}, request_id)

    @property
    def stderr(self) -> str:
        """Everything on stderr except the line with which `run` begins when a person is there."""
        first, *rest = self._errors or [b""]
        return b"".join(rest if OPENING.match(first) else [first, *rest]).decode()

    @property
    def opening(self) -> str:
        """The first line on stderr."""
        return self._errors[0].decode()

    def close(self) -> int:
        """Close stdin, as a departing client does, and return the exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            return self._process.wait(HANG)
        finally:
            self._process.kill()
            for reader in self._readers:
                reader.join(HANG)
            for stream in (self._process.stdout, self._process.stderr):
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self.close()
