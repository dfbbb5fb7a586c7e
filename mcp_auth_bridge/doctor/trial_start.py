"""The trial start of an entry: started as its client does, asked for its tools, and ended by the end of its stdin."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import anyio
import msgspec
from anyio.abc import ByteReceiveStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

from mcp_auth_bridge.clients.client import Client
from mcp_auth_bridge.clients.start_environment import Start
from mcp_auth_bridge.errors import os_error_text, printable, quoted
from mcp_auth_bridge.oauth.error_text import saying
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.console.line_format import PREFIX

T = TypeVar("T")

TIMEOUT = 7.0
"""Seconds for the replies of one start."""

_ENDING = 1.0
"""Seconds in which the program must end after its stdin has; then it is killed."""

_REST = 0.2  # seconds for the rest of its stderr
_LONGEST = 16 * 1024 * 1024  # bytes of a reply
_LAST_BYTES = 4096  # at the end of stderr, in which the last line is looked for


class Trial(msgspec.Struct, frozen=True):
    """How a start went."""

    # Seconds until the reply to `initialize`, None if there was none.
    greeted: float | None = None
    # Seconds until the first list of tools, None if there was none.
    listed: float | None = None
    # The number of tools in it.
    tools: int = 0
    # Why it failed, "" if it did not.
    error: str = ""
    # The error with which it answered a request, "" if it answered with results.
    refusal: str = ""
    # The bridge's hint about that error.
    hint: str = ""
    # Whether it was still silent at the end of `TIMEOUT`.
    silent: bool = False


class _Failed(Exception):
    """The program said something other than the reply."""


class _Refused(Exception):
    """The program answered with an `error`, the member of a JSON-RPC reply."""

    def __init__(self, method: str, error: object) -> None:
        super().__init__(method)
        self.method = method
        self._error = error if isinstance(error, dict) else {}

    def said(self, hidden: Sequence[Secret]) -> str:
        """The sentence in it: the bridge's own, without its hint, or another program's."""
        message = str(self._error.get("message") or "")
        if message.startswith(PREFIX):
            return printable(message.removeprefix(PREFIX).partition("; hint: ")[0])
        return f"it answered {self.method} with an error{saying(message, hidden)}"

    @property
    def hint(self) -> str:
        data = self._error.get("data")
        return printable(str(data.get("action") or "")) if isinstance(data, dict) else ""


async def try_start(start: Start, client: Client, hidden: Sequence[Secret], limit: float = TIMEOUT) -> Trial:
    """Start the program of an entry as `client` does, and end it. Raises nothing.

    The program has `limit` seconds for its replies. `hidden` are secrets that it may repeat on stderr.
    """
    begun = anyio.current_time()
    try:
        process = await anyio.open_process(
            start.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=start.folder,
            env=start.environ,
            start_new_session=True,  # to end it with its children
        )
    except OSError as error:
        return Trial(error=f"it cannot be started: {os_error_text(error)}")
    conversation = _Conversation(process, client, begun)
    stderr = _LastLine(process.stderr)
    async with anyio.create_task_group() as group:
        group.start_soon(stderr.read)
        try:
            with anyio.move_on_after(limit):
                await conversation.hold()
        finally:
            with anyio.CancelScope(shield=True):
                status = await _end(process)
                with anyio.move_on_after(_REST):  # a child of the program may hold its output open
                    await stderr.done.wait()
                    await _drain(process.stdout)
        group.cancel_scope.cancel()
    return conversation.trial(status, stderr.text, hidden)


class _Conversation:
    """The client's side of the opening."""

    def __init__(self, process: Process, client: Client, begun: float) -> None:
        # The program.
        self._process = process
        # Whose `initialize` it gets.
        self._client = client
        # The moment of the start.
        self._begun = begun
        # Seconds until each reply, by method.
        self._times: dict[str, float] = {}
        # The number of tools.
        self._tools = 0
        # Why it failed; None while it has not.
        self._failure: str | None = None
        # The error with which it answered; None while it has not.
        self._refused: _Refused | None = None
        # Whether its output ended before its input.
        self._over = False

    async def hold(self) -> None:
        lines = BufferedByteReceiveStream(_existing(self._process.stdout))
        client = {"name": self._client.info, "version": "1"}
        opening = {
            "protocolVersion": self._client.revision,
            "capabilities": self._client.capabilities,
            "clientInfo": client,
        }
        try:
            await self._ask(lines, "initialize", opening)
            await self._send({"method": "notifications/initialized"})
            listed = await self._ask(lines, "tools/list", {})
        except _Failed as failure:
            self._failure = str(failure)
        except _Refused as refused:
            self._refused = refused
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, anyio.IncompleteRead):
            self._over = True
        except anyio.DelimiterNotFound:
            self._failure = f"it wrote a line of more than {_LONGEST // 1024 // 1024} MiB"
        else:
            tools = listed.get("tools")
            self._tools = len(tools) if isinstance(tools, list) else 0

    def trial(self, status: int | None, last_line: str, hidden: Sequence[Secret]) -> Trial:
        """The outcome, after the program has ended with `status` and the last line of its stderr."""
        greeted, listed = self._times.get("initialize"), self._times.get("tools/list")
        error = self._failure or ""
        if self._over:
            error = f"it ended with status {status}{saying(last_line, hidden)}"
        if (refused := self._refused) is not None:
            return Trial(greeted, listed, refusal=refused.said(hidden), hint=refused.hint)
        return Trial(greeted, listed, self._tools, error, silent=not error and listed is None)

    async def _ask(self, lines: BufferedByteReceiveStream, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a request. Any: JSON."""
        key = f"doctor-{method}"
        await self._send({"id": key, "method": method, "params": params})
        while True:
            line = await lines.receive_until(b"\n", _LONGEST)
            message = _parsed(line)
            if message.get("id") != key or "method" in message:
                continue
            self._times[method] = anyio.current_time() - self._begun
            if isinstance(result := message.get("result"), dict):
                return result
            raise _Refused(method, message.get("error"))

    async def _send(self, message: Mapping[str, Any]) -> None:
        await _existing(self._process.stdin).send(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


async def _drain(stream: ByteReceiveStream | None) -> None:
    async for _ in _existing(stream):
        pass


def _existing(stream: T | None) -> T:
    """A pipe of a process that was started with pipes."""
    if stream is None:
        raise AssertionError
    return stream


def _parsed(line: bytes) -> dict[str, Any]:
    """The message in `line`. Any: JSON. A line that is not a message is a failure: some clients end such a server."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        told = quoted(line.decode(errors="replace"), 60)
        raise _Failed(f"it wrote a line to stdout that is not a message: {told}") from None
    return message if isinstance(message, dict) else {}


class _LastLine:
    """The last line of a program's stderr. All of it is read, so that the program never waits."""

    def __init__(self, stream: ByteReceiveStream | None) -> None:
        self._stream = stream
        self._kept = b""
        self.done = anyio.Event()

    async def read(self) -> None:
        async for data in _existing(self._stream):
            self._kept = (self._kept + data)[-_LAST_BYTES:]
        self.done.set()

    @property
    def text(self) -> str:
        """The last line that is not blank, and not a hint of the bridge: that belongs to the line before it."""
        lines = [line.strip().removeprefix(PREFIX) for line in self._kept.decode(errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line and not line.startswith("hint:")), "")


async def _end(process: Process) -> int | None:
    """End the program by the end of its stdin, as clients do, or else by force. Returns its exit status."""
    with contextlib.suppress(OSError):  # it has ended already
        await _existing(process.stdin).aclose()
    with anyio.move_on_after(_ENDING):
        await process.wait()
    if process.returncode is None:
        _kill(process)
    return await process.wait()


def _kill(process: Process) -> None:
    """Kill the program with its children: a killed `uvx` would leave the bridge behind."""
    if sys.platform == "win32":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
        os.killpg(process.pid, signal.SIGKILL)
