"""The real `mcp-auth-bridge run` as a process, with a client that can write any bytes and keeps every line it reads."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from faults.server import loads
from program import command

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.config.config_file import load
from mcp_auth_bridge.oauth.session import Client as OAuthClient
from mcp_auth_bridge.oauth.session import Session, dump, load_session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.files.paths import paths_below

_KEPT = ("PATH", "LANG", "TMPDIR", "SYSTEMROOT", "PYTHONPATH")
ENVIRONMENT = {name: os.environ[name] for name in _KEPT if name in os.environ}
HANG = 60.0
"""Seconds that only a hang reaches."""

VERSION = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": VERSION, "io.modelcontextprotocol/clientCapabilities": {}}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def argv(*arguments: str) -> list[str]:
    return [command(), "run", *(arguments or ("far",))]


def home(folder: Path, url: str, *, auth: str = '{ kind = "none" }', network: str = "", relay: str = "") -> Path:
    """A home with the server `far`; `network` and `relay` are the inner lines of those tables."""
    folder.mkdir(exist_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    key = folder / "sealing.key"
    key.touch(0o600)
    key.write_text("bWNwLWF1dGgtYnJpZGdlLWVuZC10by1lbmQtdGVzdHM=\n")
    lines = ["[store]", 'kind = "key_file"', f'path = "{key}"']
    lines += ["[servers.far]", f'url = "{url}"', f"auth = {auth}"]
    lines += ["[servers.far.network]", network, "[servers.far.relay]", relay]
    (folder / "config.toml").write_text("\n".join(lines) + "\n")
    return folder


def environment(folder: Path) -> dict[str, str]:
    own = {name: str(folder) for name in ("HOME", "MCP_AUTH_BRIDGE_HOME")}
    return {**ENVIRONMENT, **own, "TMPDIR": str(folder / "tmp")}


async def save_expired_login(folder: Path, origin: str) -> None:
    """Store a login for `far` with an expired access token: the next request needs a refresh."""
    await save_login(folder, origin, "c", Secret("spent"), Secret("fresh"), lifetime=0)


async def save_login(
    folder: Path, origin: str, client: str, access: Secret, refresh: Secret, *, lifetime: float
) -> None:
    """Store a login for `far`; its access token expires `lifetime` seconds from now."""
    bridge = bridge_in(folder)
    session = Session(
        resource=str(bridge.profile.url),
        issuer=origin,
        token_endpoint=f"{origin}/token",
        client=OAuthClient(issuer=origin, id=client),
        access=access,
        refresh=refresh,
        obtained_at=time.time(),
        expires_at=time.time() + lifetime,
    )
    (await bridge.store_access.open_to_write()).save(bridge.record, dump(session), None)


async def stored_login(folder: Path) -> Session:
    """The stored login for `far`."""
    bridge = bridge_in(folder)
    record = (await bridge.store_access.open_to_write()).load(bridge.record)
    assert record is not None
    return load_session(record.secret)


def bridge_in(folder: Path) -> Bridge:
    """The bridge to `far`, in this process."""
    paths = paths_below(folder)
    around = Context(paths, load(paths.config), {})
    return Bridge(around.config.profile("far"), around)


class Client:
    """`sent` are the messages written, `lines` the lines received, each with its line end.

    While `listening` is cleared the client does not read, and the pipe fills up.
    """

    def __init__(self, process: asyncio.subprocess.Process, *, modern: bool) -> None:
        self.process = process
        self.modern = modern
        self.sent: list[Any] = []
        self.lines: list[bytes] = []
        self.answers: dict[Any, Any] = {}
        self.stderr = b""
        self.listening = asyncio.Event()
        self.listening.set()
        self._news = asyncio.Condition()
        self._reading = asyncio.gather(self._read(), self._read_errors())

    async def write(self, data: bytes) -> None:
        """Write raw bytes."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        await self.process.stdin.drain()

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        await self.write(json.dumps(message).encode() + b"\n")

    async def request(self, id_: Any, method: str, params: Any = None) -> None:
        meta = {"_meta": META} if self.modern else {}
        await self.send({"jsonrpc": "2.0", "id": id_, "method": method, "params": {**meta, **(params or {})}})

    async def call(self, id_: Any, tool: str = "add") -> None:
        await self.request(id_, "tools/call", {"name": tool, "arguments": {}})

    async def cancel(self, id_: Any) -> None:
        await self.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id_}})

    async def answer(self, id_: Any) -> Any:
        """Wait for the reply to the request `id_` and return it."""
        await self.until(lambda: id_ in self.answers)
        return self.answers[id_]

    async def until(self, come: Any) -> None:
        """Wait until `come()` is true; it is called again after each line."""
        async with asyncio.timeout(HANG), self._news:
            await self._news.wait_for(lambda: come() or self._reading.done())
        assert come(), f"the bridge ended: {self.stderr.decode()}"

    async def initialize(self, version: str = "2025-11-25") -> Any:
        client = {"name": "raw", "version": "1"}
        opening = {"protocolVersion": version, "capabilities": {}, "clientInfo": client}
        await self.request("init", "initialize", opening)
        answer = await self.answer("init")
        await self.send(INITIALIZED)
        return answer

    async def close(self) -> int:
        """Close stdin, wait for the process to end and return its exit code."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        return await self.ended()

    async def exited(self) -> int:
        """The exit code, even if the pipes still hold output: asyncio's own `wait` also waits for the pipes."""
        async with asyncio.timeout(HANG):
            while self.process.returncode is None:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.001)
        return self.process.returncode

    async def ended(self) -> int:
        async with asyncio.timeout(HANG):
            await self._reading
            return await self.process.wait()

    @property
    def peak(self) -> int:
        """The peak resident memory of the process, in bytes (Linux)."""
        return self._memory("VmHWM")

    @property
    def resident(self) -> int:
        return self._memory("VmRSS")

    def _memory(self, name: str) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(1024 * int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:"))

    async def _read(self) -> None:
        parts: list[bytes] = []  # the parts of an unfinished line
        while data := await self._next():
            *lines, rest = data.split(b"\n")
            for line in lines:
                self._take(b"".join((*parts, line, b"\n")))
                parts.clear()
            parts.append(rest)
            if lines:
                async with self._news:
                    self._news.notify_all()
        if any(parts):
            self.lines.append(b"".join(parts))
        async with self._news:
            self._news.notify_all()

    async def _next(self) -> bytes:
        assert self.process.stdout is not None
        await self.listening.wait()
        return await self.process.stdout.read(1 << 16)

    def _take(self, line: bytes) -> None:
        self.lines.append(line)
        message = loads(line)
        if "method" not in message and isinstance(message.get("id"), str | int | float):
            self.answers[message["id"]] = message

    async def _read_errors(self) -> None:
        assert self.process.stderr is not None
        said = await self.process.stderr.read()  # the first line names the remote
        self.stderr = said[said.index(b"\n") + 1 :] if b" relays to " in said.partition(b"\n")[0] else said


@asynccontextmanager
async def started(
    folder: Path, *, modern: bool = False, by: Sequence[str] = (), **options: Any
) -> AsyncIterator[Client]:
    """`run far` with the configuration in `folder`, started `by` another command, and killed if it does not end."""
    process = await asyncio.create_subprocess_exec(
        *by,
        *argv(),
        env=environment(folder),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 16,
        **options,
    )
    client = Client(process, modern=modern)
    try:
        yield client
    finally:
        if process.returncode is None:
            process.kill()
        client.listening.set()
        await client.close()
        process._transport.close()  # or Python 3.13 complains about it after the loop is closed
