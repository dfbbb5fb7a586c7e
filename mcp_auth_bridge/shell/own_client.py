"""The bridge as an MCP client of its own: requests go in, results come out, through the same relay as the IDE's.

So it has the same refreshes, retries, at-most-once delivery, redirects and eras. It offers the server no capabilities,
and refuses the requests of the server.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from mcp_auth_bridge.errors import BridgeError, EraRefused, MethodUnknown, RemoteError, TheirProtocolError, quoted
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Action, Fail, Kind, Message, Relay, Reviewing, decoded
from mcp_auth_bridge.relay.envelope import peek, result_of
from mcp_auth_bridge.relay.era import ERA, Era, remembered_as, remembered_era
from mcp_auth_bridge.relay.framing import one_line
from mcp_auth_bridge.relay.own_handshake import DISCOVER, INITIALIZE, INITIALIZED, META
from mcp_auth_bridge.shell.run_relay import Announce, RelayRunner
from mcp_auth_bridge.shell.transports.remote import Remote

_CANCELLING = 0.5
"""Seconds for telling the server that a request is cancelled."""

_HINTS = {
    -32021: "it needs a client that can ask the user or a model: use this tool in an MCP client",
    -32042: "it needs the user to visit a page first: use this tool in an MCP client, which shows it",
}
"""For the codes MissingRequiredClientCapability (2026-07-28) and URLElicitationRequired (2025-11-25)."""

Progress: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Gets the parameters of each `notifications/progress`. Any: any JSON of the server's."""


class RememberedReplies(Protocol):
    """The server's last results, as in `shell/files/server_cache.py`."""

    def load(self) -> Mapping[str, bytes]: ...

    def save(self, method: str, result: bytes) -> None: ...


class OwnClient:
    """Sends requests through `relay`, which must not answer from memory. `progress` gets the progress of requests."""

    def __init__(self, relay: Relay, remote: Remote, memory: RememberedReplies, progress: Progress) -> None:
        # The server's last results.
        self._memory = memory

        # Gets the server's progress reports.
        self._progress = progress

        # For the ids and the progress tokens of requests.
        self._numbers = itertools.count(1)

        # The `_meta` of each request, {} in the legacy era.
        self._meta: Mapping[str, Any] = {}

        # The replies that are awaited, by the key of the request.
        self._waiting: dict[Hashable, asyncio.Future[Message]] = {}

        # The lines for the relay.
        self._lines = _OwnLines()

        # Runs the relay.
        self._runner = RelayRunner(_RaisedFailures(relay, self._failed), remote, self, memory.save, _refuse_to_sign_in)
        # The task in which it runs.
        self._relaying = asyncio.ensure_future(self._runner.run(self._lines))

    async def open(self) -> None:
        """Find out the era of the server, and open a session in the legacy era. Raises `BridgeError`.

        The era that is remembered comes first. If the server refuses both, the error is that of the first.
        """
        first = remembered_era(self._memory.load()) or Era.MODERN
        try:
            await self._open_in(first)
        except EraRefused as refused:
            try:
                await self._open_in(first.other)
            except EraRefused:
                raise refused.cause from None

    async def _open_in(self, era: Era) -> None:
        request = INITIALIZE if era is Era.LEGACY else DISCOVER
        opened = _result(request, await self._exchange(request))
        for name, value in ((request.method or "", opened), (ERA, remembered_as(era))):
            if self._memory.load().get(name) != value:
                self._memory.save(name, value)
        if era is Era.LEGACY:
            self._write_line(INITIALIZED)
        else:
            self._meta = META

    async def request(self, method: str, params: Mapping[str, Any]) -> bytes:
        """Returns the raw result of a request. Any: any JSON.

        Raises `RemoteError` for an error reply of the server's, and another `BridgeError` if there is no reply. When it
        is cancelled, it tells the server.
        """
        number = next(self._numbers)
        # Progress is asked for in any case: each report is a sign of life, without which a slow request ends at its
        # deadline.
        params = {**params, "_meta": {**self._meta, "progressToken": number}}
        asked = replies.request(method, params, number)
        try:
            return _result(asked, await self._exchange(asked))
        except asyncio.CancelledError:
            await self._cancel(asked)
            raise

    async def close(self) -> None:
        """Stop relaying. `Remote.close` ends the session at the server."""
        self._lines.say(b"")
        await self._relaying

    def put(self, raw: bytes) -> None:
        """Take a message of the relay's, as its `ClientWriter`."""
        message = peek(raw)
        if message.kind is Kind.REQUEST:
            self._write_line(_reply_to(message))
        elif message.kind is Kind.REPLY and (waiting := self._waiting.get(message.key)) and not waiting.done():
            waiting.set_result(message)
        elif message.method == "notifications/progress":
            self._progress(message.params)

    put_soon = put

    def is_congested(self) -> bool:
        return False  # each message is taken when it comes

    async def drained(self) -> None:
        """At once."""

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Never: this client stays to the end."""

    def use_frames(self) -> None:
        raise AssertionError("this client writes lines")

    async def _exchange(self, request: Message) -> Message:
        reply: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[request.key] = reply
        self._write_line(request)
        try:
            await asyncio.wait((reply, self._relaying), return_when=asyncio.FIRST_COMPLETED)
            if not reply.done():
                self._relaying.result()  # it ends before this only by a fault of the bridge, which this raises
            return reply.result()
        finally:
            del self._waiting[request.key]
            reply.cancel()

    async def _cancel(self, request: Message) -> None:
        self._write_line(replies.notification("notifications/cancelled", {"requestId": request.key}))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CANCELLING):
                await asyncio.sleep(0)  # for the line
                await self._runner.idle()

    def _write_line(self, message: Message) -> None:
        self._lines.say(one_line(message.raw) + b"\n")

    def _failed(self, request: Message, error: BridgeError) -> None:
        if (waiting := self._waiting.get(request.key)) and not waiting.done():
            waiting.set_exception(error)


class _OwnLines:
    """Gives lines to the relay, as its `ClientReader`, in order and never in the middle of its other work."""

    def attach(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def say(self, line: bytes) -> None:
        """Give `line`, b"" for the end, in the next round of the loop. The relay must have been started before."""
        asyncio.get_running_loop().call_soon(lambda: self._take(line))

    def pause(self) -> None:
        """Nothing: what this client says is little, and it takes all answers."""

    def resume(self) -> None:
        """Nothing."""


class _RaisedFailures(Reviewing):
    """Hands each failure to `failed` as an error, before it becomes JSON-RPC."""

    def __init__(self, inner: Relay, failed: Callable[[Message, BridgeError], None]) -> None:
        super().__init__(inner)
        self._failed = failed

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if isinstance(action, Fail):
                self._failed(action.request, action.error)
        return [action for action in actions if not isinstance(action, Fail)]


def _result(request: Message, reply: Message) -> bytes:
    result = result_of(reply)
    if result is None:
        error = (decoded(reply.raw) or {}).get("error")
        raise _error(request.method, error if isinstance(error, dict) else {})
    return result


def _error(method: str | None, error: Mapping[str, Any]) -> BridgeError:
    """The server's error reply as an error of the bridge. Any: any JSON."""
    code, text = error.get("code"), error.get("message")
    if not isinstance(code, int) or not isinstance(text, str):
        return TheirProtocolError(f"the server answered {method} with neither a result nor an error")
    return RemoteError(
        f"the server answered {method} with the error {code}: {quoted(text, 2000)}", _HINTS.get(code, "")
    )


def _reply_to(request: Message) -> Message:
    if request.method == "ping":
        return replies.result(request, {})
    return replies.failure(
        request, MethodUnknown(f"a command cannot answer {quoted(request.method or '')}; an MCP client may")
    )


async def _refuse_to_sign_in(_announce: Announce) -> None:
    raise AssertionError("the relay of this client must not sign in")
