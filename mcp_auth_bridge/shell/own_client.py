"""The bridge as an MCP client of its own: requests in, results out, through the same relay as everybody else's.

So all of it holds here too: refreshes, retries, at most once, redirects, both eras. Nothing is offered to the server:
what it asks of a client is refused.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from mcp_auth_bridge.errors import BridgeError, MethodUnknown, RemoteError, TheirProtocolError, quoted
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Action, Around, Fail, Kind, Message, Relay, decoded
from mcp_auth_bridge.relay.envelope import peek, result_of
from mcp_auth_bridge.relay.framing import one_line
from mcp_auth_bridge.relay.own_handshake import DISCOVER, META, OPENED, OPENING
from mcp_auth_bridge.shell.run_relay import RelayRunner
from mcp_auth_bridge.shell.transports.remote import Remote

_CANCELLING = 0.5
"""Seconds for telling a server that nobody waits for its answer any more."""

_HINTS = {
    -32021: "it wants a client that can ask a person or a model: use this tool in an MCP client",
    -32042: "it wants a person to visit a page first: use this tool in an MCP client, which shows it",
}
"""By the codes MissingRequiredClientCapability (2026-07-28) and URLElicitationRequired (2025-11-25)."""

Progress: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Hears the parameters of each `notifications/progress`. Any: JSON of the server's."""


class RememberedReplies(Protocol):
    """What a remote said last time, as in `shell/files/server_cache.py`."""

    def load(self) -> Mapping[str, bytes]: ...

    def save(self, method: str, result: bytes) -> None: ...


class OwnClient:
    """`relay` must not answer from memory: who asks here waits. `progress` is told how far a request is."""

    def __init__(self, relay: Relay, remote: Remote, memory: RememberedReplies, progress: Progress) -> None:
        self._memory = memory
        self._progress = progress
        self._numbers = itertools.count(1)
        self._meta: Mapping[str, Any] = {}
        self._waiting: dict[Hashable, asyncio.Future[Message]] = {}
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()
        self._performer = RelayRunner(_Failing(relay, self._failed), remote, self, memory.save, _nobody_signs_in)
        self._relaying = asyncio.ensure_future(self._performer.run(self._said()))

    async def open(self) -> None:
        """Find out which era the server speaks, and open a session where there are sessions. Raises `BridgeError`."""
        with contextlib.suppress(MethodUnknown):
            await self._ask(DISCOVER)
            self._meta = META
            return
        opened = _result(OPENING, await self._ask(OPENING))
        if self._memory.load().get("initialize") != opened:
            self._memory.save("initialize", opened)
        self._say(OPENED)

    async def request(self, method: str, params: Mapping[str, Any]) -> bytes:
        """The raw result. Raises `RemoteError` for the server's own error, any other `BridgeError` where none came.

        Cancelled, it tells the server. Any: JSON.
        """
        number = next(self._numbers)
        # Asked for in any case: each is a sign of life, without which a slow request ends at its deadline.
        params = {**params, "_meta": {**self._meta, "progressToken": number}}
        asked = replies.request(method, params, number)
        try:
            return _result(asked, await self._ask(asked))
        except asyncio.CancelledError:
            await self._cancel(asked)
            raise

    async def close(self) -> None:
        """Stop relaying. The session on the server is the remote's to end."""
        self._lines.put_nowait(b"")
        await self._relaying

    async def write(self, raw: bytes) -> None:
        """What the relay has to say, as the performer's writer."""
        message = peek(raw)
        if message.kind is Kind.REQUEST:
            self._say(_reply(message))
        elif message.kind is Kind.REPLY and (waiting := self._waiting.get(message.key)) and not waiting.done():
            waiting.set_result(message)
        elif message.method == "notifications/progress":
            self._progress(message.params)

    async def _ask(self, request: Message) -> Message:
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[request.key] = answer
        self._say(request)
        try:
            await asyncio.wait((answer, self._relaying), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                self._relaying.result()  # it only ends before us when the bridge has a fault, which this raises
            return answer.result()
        finally:
            del self._waiting[request.key]
            answer.cancel()

    async def _cancel(self, request: Message) -> None:
        self._say(replies.notification("notifications/cancelled", {"requestId": request.key}))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CANCELLING):
                await self._lines.join()
                await self._performer.idle()

    def _say(self, message: Message) -> None:
        self._lines.put_nowait(one_line(message.raw) + b"\n")

    async def _said(self) -> AsyncIterator[bytes]:
        while line := await self._lines.get():
            yield line
            self._lines.task_done()

    def _failed(self, request: Message, error: BridgeError) -> None:
        if (waiting := self._waiting.get(request.key)) and not waiting.done():
            waiting.set_exception(error)


class _Failing(Around):
    """Hands on each failure as the error that it is, before it becomes JSON-RPC."""

    def __init__(self, inner: Relay, failed: Callable[[Message, BridgeError], None]) -> None:
        super().__init__(inner)
        self._failed = failed

    def _review(self, actions: Iterable[Action]) -> Iterator[Action]:
        for action in actions:
            if isinstance(action, Fail):
                self._failed(action.request, action.error)
            else:
                yield action


def _result(request: Message, answer: Message) -> bytes:
    result = result_of(answer)
    if result is None:
        error = (decoded(answer.raw) or {}).get("error")
        raise _refusal(request.method, error if isinstance(error, dict) else {})
    return result


def _refusal(method: str | None, error: Mapping[str, Any]) -> BridgeError:
    """What the server said, in words. Any: its JSON."""
    code, text = error.get("code"), error.get("message")
    if not isinstance(code, int) or not isinstance(text, str):
        return TheirProtocolError(f"the server answered {method} with something that is neither result nor error")
    return RemoteError(
        f"the server answered {method} with the error {code}: {quoted(text, 2000)}", _HINTS.get(code, "")
    )


def _reply(request: Message) -> Message:
    if request.method == "ping":
        return replies.result(request, {})
    return replies.failure(
        request, MethodUnknown(f"a command cannot answer {quoted(request.method or '')}, an MCP client may")
    )


async def _nobody_signs_in() -> None:
    raise AssertionError("a relay that signs in is not for this client")
