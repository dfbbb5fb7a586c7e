"""Runs a relay between a client and a remote: one `match` over actions, one task for each call."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Protocol

from mcp_auth_bridge.errors import BridgeError, SessionLost, fault
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    Action,
    Fail,
    Hangup,
    Malformed,
    Message,
    Note,
    OpenStream,
    Relay,
    Remember,
    Report,
    SignIn,
    ToClient,
    ToServer,
    Wake,
)
from mcp_auth_bridge.relay.call_numbers import SIGN_IN, STREAM
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.relay.framing import Lines
from mcp_auth_bridge.shell.console import debug_log, terminal
from mcp_auth_bridge.shell.transports.remote import Remote

LONGEST_LINE = 64 * 1024 * 1024


class ClientWriter(Protocol):
    """Takes what the MCP client is to read, as in `shell/console/stdio.py`."""

    async def write(self, raw: bytes) -> None: ...


class RelayRunner:
    """`remember` keeps what the relay wants to know next time; `sign_in` returns once there is a new login."""

    def __init__(
        self,
        relay: Relay,
        remote: Remote,
        writer: ClientWriter,
        remember: Callable[[str, bytes], None],
        sign_in: Callable[[], Awaitable[None]],
    ) -> None:
        self._relay = relay
        self._remote = remote
        self._writer = writer
        self._remember = remember
        self._sign_in = sign_in
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, incoming: AsyncIterator[bytes]) -> None:
        """Relay until the client ends its stream or can no longer be written to; then nothing runs any more.

        Raises only what is a fault of the bridge itself.
        """
        reading = self._spawn(self._read(incoming))
        try:
            await asyncio.wait((reading, self._broken), return_when=asyncio.FIRST_COMPLETED)
            if self._broken.done():
                self._broken.result()
        finally:
            await self._stop()

    async def idle(self) -> None:
        """Wait until no call is under way; the server's own stream, which has no end, is none."""
        if calls := [task for call, task in self._calls.items() if call != STREAM]:
            await asyncio.wait(calls)

    async def _read(self, incoming: AsyncIterator[bytes]) -> None:
        lines = Lines(LONGEST_LINE)
        async for chunk in incoming:
            for line in lines.feed(chunk):
                await self._take(line)
        for line in lines.close():
            await self._take(line)

    async def _take(self, line: bytes | Malformed) -> None:
        try:
            message = _message(line)
        except Malformed as malformed:
            await self._write(replies.malformed(malformed))
        except Exception as bug:  # noqa: BLE001 - it costs this line, and its sender is told
            error = _said(bug)
            await self._write(replies.malformed(Malformed(error.rpc_code, error.message)))
        else:
            await self._perform(self._relay.from_client(message))

    async def _perform(self, actions: Iterable[Action]) -> None:
        # All but the writing at once: while a line waits for the client other tasks run, and what a relay decides for
        # one of them, a hangup for example, must not overtake what it has decided before.
        for message in [message for action in _decided(actions) if (message := self._done_with(action)) is not None]:
            await self._write(message)

    def _done_with(self, action: Action) -> Message | None:
        """`_do`, where an exception costs this one action."""
        try:
            return self._do(action)
        except Exception as bug:  # noqa: BLE001 - a request that cannot be answered as it should hears of the fault
            error = _said(bug)
            return replies.protocol_error(action.request, error) if isinstance(action, Fail) else None

    def _do(self, action: Action) -> Message | None:
        """Do what needs no waiting. Returns what is to be written to the client."""
        match action:
            case ToClient(message=message):
                return message
            case Fail(request=request, error=error):
                debug_log.event("relay.fails", method=request.method or "", **debug_log.failure(error))
                return replies.failure(request, error)
            case ToServer(call=call, message=message, headers=headers):
                self._start(call, partial(self._call, call, message, headers))
            case OpenStream(headers=headers):
                self._hang_up(STREAM)
                self._calls[STREAM] = self._spawn(self._listen(headers))
            case Hangup(call=call):
                debug_log.event("relay.hangs_up", call=call)
                self._hang_up(call)
            case Wake(timer=timer, seconds=seconds):
                debug_log.event("relay.waits", what=timer, seconds=seconds)
                self._set(timer, seconds)
            case Remember(method=method, result=result):
                self._remember(method, result)
            case SignIn():
                self._start(SIGN_IN, self._sign_in)
            case Note() | Report():
                _say(action)
        return None  # as for `SessionOpened`, which only relays act on

    async def _write(self, message: Message) -> None:
        try:
            await self._writer.write(message.raw)
        except OSError:
            # The client has closed its end: the same as the end of its stream.
            if not self._broken.done():
                self._broken.set_result(None)
        except Exception as bug:  # noqa: BLE001 - `run` raises it: without a writer nobody can be told anything
            if not self._broken.done():
                self._broken.set_exception(bug)

    async def _call(self, call: int, message: Message, headers: Mapping[str, str]) -> None:
        async with contextlib.aclosing(self._remote.post(message, headers)) as messages:
            async for answer in messages:
                await self._perform(self._relay.from_server(call, answer))
                del answer  # a stream may stay open for long, and its last message be large

    async def _until_ended(self, call: int, work: Callable[[], Awaitable[None]]) -> None:
        """Tell the relay how the `work` of `call` ended."""
        error: BridgeError | None = None
        with debug_log.timed("relay.call", call=call) as line:
            try:
                await work()
            except BridgeError as raised:
                error = raised
            except Exception as bug:  # noqa: BLE001 - whoever waits for the answer gets one, which names the fault
                error = _said(bug)
            line.fail(error)
        if self._calls.get(call) is asyncio.current_task():
            del self._calls[call]
        await self._perform(self._relay.ended(call, error))

    async def _listen(self, headers: Mapping[str, str]) -> None:
        """What the server says by itself, for as long as it does."""
        try:
            async with contextlib.aclosing(self._remote.listen(headers)) as messages:
                async for message in messages:
                    await self._perform(self._relay.from_server(STREAM, message))
                    del message  # as above
        except SessionLost as lost:
            self._calls.pop(STREAM, None)
            await self._perform(self._relay.ended(STREAM, lost))
        except BridgeError:
            pass  # not offered, or not any more: the next request meets what is wrong, and has somebody to tell
        except Exception as bug:  # noqa: BLE001 - it costs this stream
            _said(bug)

    def _start(self, call: int, work: Callable[[], Awaitable[None]]) -> None:
        self._calls[call] = self._spawn(self._until_ended(call, work))

    def _hang_up(self, call: int) -> None:
        if (task := self._calls.pop(call, None)) is not None:
            task.cancel()

    def _set(self, timer: str, seconds: float) -> None:
        if (earlier := self._timers.pop(timer, None)) is not None:
            earlier.cancel()
        self._timers[timer] = asyncio.get_running_loop().call_later(seconds, self._wake, timer)

    def _wake(self, timer: str) -> None:
        del self._timers[timer]
        self._spawn(self._perform(self._relay.woke(timer)))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None and not self._broken.done():
            self._broken.set_exception(bug)

    async def _stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        running = list(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _say(action: Note | Report) -> None:
    if isinstance(action, Note):
        terminal.say(action.text)
    else:
        terminal.complain(action.error)


def _said(bug: Exception) -> BridgeError:
    """The fault that `bug` is, which a person has now been told of."""
    error = fault(bug)
    terminal.complain(error)
    return error


def _decided(actions: Iterable[Action]) -> list[Action]:
    """What the relay wants done, as far as it came. `relay/isolation.py` answers whoever a fault of it concerns."""
    decided: list[Action] = []
    try:
        decided.extend(actions)
    except Exception as bug:  # noqa: BLE001 - it costs what the relay had yet to decide about one message
        _said(bug)
    return decided


def _message(line: bytes | Malformed) -> Message:
    if isinstance(line, Malformed):
        raise line
    return peek(line)
