"""Runs a relay between the MCP client and the remote: one `match` over actions, a task for a call that needs one."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeAlias

from mcp_auth_bridge.errors import BridgeError, SessionLost
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    REPLY,
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
from mcp_auth_bridge.relay.login_offer import announcement
from mcp_auth_bridge.shell.console import debug_log, terminal
from mcp_auth_bridge.shell.console.client_lines import ClientLines
from mcp_auth_bridge.shell.transports.heartbeat import Heartbeat
from mcp_auth_bridge.shell.transports.remote import Remote
from mcp_auth_bridge.shell.transports.swift import Swift

Announce: TypeAlias = Callable[[str], None]
"""Takes the address at which the user begins a login."""


class ClientReader(Protocol):
    """Reads chunks of the MCP client's stream, as in `shell/console/stdin.py`."""

    def attach(self, take: Callable[[bytes], None]) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class ClientWriter(Protocol):
    """Writes messages to the MCP client, as in `shell/console/stdout.py`."""

    def put(self, raw: bytes) -> None: ...

    def put_soon(self, raw: bytes) -> None: ...

    def is_congested(self) -> bool: ...

    async def drained(self) -> None: ...

    def when_gone(self, tell: Callable[[], None]) -> None: ...

    def use_frames(self) -> None: ...


class RelayRunner:
    """Runs `relay` between `writer`, which writes to the MCP client, and `remote`.

    `remember` keeps a result for the next process, after the client has got it. `sign_in` returns once there is a new
    login, or raises; it announces the address at which the user begins that login, if it cannot open a browser.
    """

    def __init__(
        self,
        relay: Relay,
        remote: Remote,
        writer: ClientWriter,
        remember: Callable[[str, bytes], None],
        sign_in: Callable[[Announce], Awaitable[None]],
    ) -> None:
        # The relay.
        self._relay = relay

        # The side of the MCP server.
        self._remote = remote

        # The side of the MCP client.
        self._writer = writer

        # Performs `Remember`.
        self._remember = remember

        # Performs `SignIn`.
        self._sign_in = sign_in

        # The calls under way, by number: each has a task, or needs none so far.
        self._calls: dict[int, asyncio.Task[None] | Swift] = {}

        # Set at the end of each call; None while `idle` does not wait for it.
        self._call_over: asyncio.Event | None = None

        # The timers that are set, by name.
        self._timers: dict[str, asyncio.TimerHandle] = {}

        # All tasks that run, those of the calls among them.
        self._tasks: set[asyncio.Task[None]] = set()

        # Done when relaying has to end: at the end of the client's stream, or when the client does not read any more.
        # An exception is a fault of the bridge.
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, client: ClientReader) -> None:
        """Relay until the client ends its stream or can no longer be written to. Afterwards no task runs any more.

        Raises only exceptions that are faults of the bridge itself.
        """
        lines = ClientLines(self._writer.use_frames)
        self._writer.when_gone(self._end)
        client.attach(lambda chunk: self._read(client, lines.feed(chunk), None if chunk else self._end))
        try:
            await self._over
        finally:
            client.pause()
            await self._stop()

    async def idle(self) -> None:
        """Wait until no call is under way. The server's own stream does not count: it has no end."""
        while len(self._calls) > (STREAM in self._calls):
            self._call_over = asyncio.Event()
            await self._call_over.wait()

    def _read(
        self, client: ClientReader, lines: Iterable[bytes | Malformed], proceed: Callable[[], None] | None
    ) -> None:
        """Take `lines`, then `proceed`, or read on if that is None.

        A client that does not read the bridge's answers to its lines has to wait. The answers to its calls wait elsewhere: until the client reads them, its lines may end them.
        """
        unread = iter(lines)
        try:
            for line in unread:
                if self._take(line) and self._writer.is_congested():
                    client.pause()
                    self._spawn(self._read_when_drained(client, unread, proceed))
                    return
        except Exception as bug:  # noqa: BLE001 - `run` raises it
            self._fail(bug)
        else:
            if proceed is not None:
                proceed()

    async def _read_when_drained(
        self, client: ClientReader, lines: Iterator[bytes | Malformed], proceed: Callable[[], None] | None
    ) -> None:
        await self._let_client_read()
        self._read(client, lines, proceed or client.resume)

    def _take(self, line: bytes | Malformed) -> bool:
        """Relay `line`. Returns whether that wrote something to the client."""
        try:
            if isinstance(line, Malformed):
                raise line  # noqa: TRY301 - as `peek` would
            message = peek(line)
        except Malformed as malformed:
            answer = replies.malformed(malformed)
        except Exception as bug:  # noqa: BLE001 - it costs this line, and the client is told
            error = terminal.report_fault(bug)
            answer = replies.malformed(Malformed(error.rpc_code, error.message))
        else:
            return self._do_all(self._relay.from_client(message))
        self._write(answer)
        return True

    def _do_all(self, actions: Sequence[Action]) -> bool:
        """Do all `actions` of the relay, the writing last. Returns whether that wrote something to the client.

        Nothing here waits: while a line waits for the client other tasks run, and a later decision of the relay, a
        hangup for example, must not overtake an earlier one. An exception costs one of the actions.
        """
        messages: list[Message] = []
        for action in actions:
            try:
                if type(action) is ToClient:
                    messages.append(action.message)
                elif type(action) is ToServer:
                    self._send(action.call, action.message, action.headers)
                elif (message := self._do(action)) is not None:
                    messages.append(message)
            except Exception as bug:  # noqa: BLE001 - its request is answered with the fault
                error = terminal.report_fault(bug)
                if isinstance(action, Fail):
                    messages.append(replies.protocol_error(action.request, error))
        for message in messages:
            self._write(message)
        return bool(messages)

    async def _wait_for_client(self) -> None:
        """Wait while too much waits for the client: so a slow client slows the server."""
        if self._writer.is_congested():
            await self._let_client_read()

    def _do(self, action: Action) -> Message | None:
        """Do `action`, which is rare. Returns the message that has to be written to the client, if any."""
        match action:
            case Fail(request=request, error=error):
                debug_log.event("relay.fails", method=request.method or "", **debug_log.failure(error))
                return replies.failure(request, error)
            case OpenStream(headers=headers):
                self._hang_up(STREAM)
                self._calls[STREAM] = self._spawn(self._listen(headers))
            case Hangup(call=call):
                debug_log.event("relay.hangs_up", call=call)
                self._hang_up(call)
            case Wake(timer=timer, seconds=seconds):
                debug_log.event("relay.waits", what=timer, seconds=seconds)
                self._set_timer(timer, seconds)
            case Remember(method=method, result=result):
                # After the client has its reply, which may leave at the end of this round: what is remembered waits for
                # the disk. The loop reports an exception.
                loop = asyncio.get_running_loop()
                loop.call_soon(loop.call_soon, self._remember, method, result)
            case SignIn():
                self.goes_on(SIGN_IN, partial(self._sign_in, self._announce))
            case Note() | Report():
                _log(action)
        return None  # as for `SessionOpened`, which only relays act on

    def _write(self, message: Message) -> None:
        # The reply of the only call leaves at once. Beside other calls, and in a stream, more may come in this round of
        # the loop.
        alone = message.kind is REPLY and len(self._calls) - (STREAM in self._calls) < 2
        try:
            (self._writer.put if alone else self._writer.put_soon)(message.raw)
        except OSError:
            self._end()
        except Exception as bug:  # noqa: BLE001 - `run` raises it: the client cannot be told anything any more
            self._fail(bug)

    async def _let_client_read(self) -> None:
        try:
            await self._writer.drained()
        except OSError:
            self._end()

    def _end(self) -> None:
        """The client has ended its stream, or closed its end of the bridge's, which counts as the same."""
        if not self._over.done():
            self._over.set_result(None)

    def _fail(self, bug: BaseException) -> None:
        if not self._over.done():
            self._over.set_exception(bug)

    def _send(self, number: int, message: Message, headers: Mapping[str, str]) -> None:
        """Send `message` as the call `number`, at once if possible, else in a task."""
        try:
            swift = self._remote.at_once(number, message, headers, self)
        except Exception as bug:  # noqa: BLE001 - it costs this call, whose end the relay has to hear of
            self.goes_on(number, partial(_fail, bug))
            return
        if swift is not None:
            self._calls[number] = swift
        else:
            alive = Heartbeat(message, partial(self.alive, number)).beat
            self.goes_on(number, partial(self._remote.post, message, headers, partial(self.deliver, number), alive))

    # The side of a call (`transports/swift.py`)

    def is_congested(self) -> bool:
        """Whether the client has to read before it is given more."""
        return self._writer.is_congested()

    def alive(self, call: int) -> None:
        """Tell the relay of a sign of life."""
        self._do_all(self._relay.alive(call))

    def arrived(self, call: int, messages: Iterable[Message]) -> None:
        """Relay all `messages` that came in return for `call`, and its end."""
        under_way = self._calls[call]
        for message in messages:
            self._do_all(self._relay.from_server(call, message))
            if self._calls.get(call) is not under_way:
                return  # the relay has hung up
        del self._calls[call]
        self._do_all(self._relay.ended(call, None))
        self._note_end()

    async def deliver(self, call: int, message: Message) -> None:
        """Relay one `message` that came in return for `call`, or on the server's own stream."""
        self._do_all(self._relay.from_server(call, message))
        await self._wait_for_client()

    def goes_on(self, call: int, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Do the `work` of `call` in a task."""
        task = self._calls[call] = self._spawn(self._until_ended(call, work))
        return task

    def _note_end(self) -> None:
        if self._call_over is not None:
            self._call_over.set()

    async def _until_ended(self, call: int, work: Callable[[], Awaitable[None]]) -> None:
        """Do the `work` of `call`, and tell the relay how it ended."""
        error: BridgeError | None = None
        with debug_log.timed("relay.call", call=call) as line:
            try:
                await work()
            except BridgeError as raised:
                error = terminal.complete_hint(raised)
            except Exception as bug:  # noqa: BLE001 - the request gets a reply, which names the fault
                error = terminal.report_fault(bug)
            line.fail(error)
        if self._calls.get(call) is asyncio.current_task():
            del self._calls[call]
        self._do_all(self._relay.ended(call, error))
        await self._wait_for_client()
        self._note_end()

    def _announce(self, address: str) -> None:
        self._do_all(self._relay.from_server(SIGN_IN, announcement(address)))

    async def _listen(self, headers: Mapping[str, str]) -> None:
        """Relay the messages of the server's own stream until it ends."""
        try:
            await self._remote.listen(headers, partial(self.deliver, STREAM))
        except SessionLost as lost:
            self._calls.pop(STREAM, None)
            self._do_all(self._relay.ended(STREAM, lost))
        except BridgeError:
            pass  # not offered, or not any more; the client hears of a failure when its next request meets it
        except Exception as bug:  # noqa: BLE001 - it costs this stream
            terminal.report_fault(bug)

    def _hang_up(self, call: int) -> None:
        if (under_way := self._calls.pop(call, None)) is not None:
            under_way.cancel()
            self._note_end()

    def _set_timer(self, timer: str, seconds: float) -> None:
        if (earlier := self._timers.pop(timer, None)) is not None:
            earlier.cancel()
        self._timers[timer] = asyncio.get_running_loop().call_later(seconds, self._wake, timer)

    def _wake(self, timer: str) -> None:
        del self._timers[timer]
        self._do_all(self._relay.woke(timer))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None:
            self._fail(bug)

    async def _stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for call in self._calls.values():
            call.cancel()
        running = list(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _fail(bug: Exception) -> None:
    raise bug


def _log(action: Note | Report) -> None:
    if isinstance(action, Note):
        terminal.say(action.text)
    else:
        terminal.report_error(action.error)
