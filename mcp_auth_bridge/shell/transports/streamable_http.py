"""The streamable HTTP transport (MCP 2025-03-26 and later): a POST for each message, a GET for the server's own.

If the server gives its events ids, a stream that breaks is resumed by GET. The request itself is never sent again.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial

from mcp_auth_bridge.errors import (
    BridgeError,
    OutcomeUnknown,
    SessionLost,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
    internal_error,
)
from mcp_auth_bridge.relay.base import Kind, Message
from mcp_auth_bridge.relay.http_semantics import Accepted, EventStream, Failure, SingleMessage
from mcp_auth_bridge.relay.resumption import MOST_TRIES, Resumption
from mcp_auth_bridge.shell.console import debug_log, terminal
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.transports.messages import LARGEST, check_admitted, parsed, read_failure, read_messages
from mcp_auth_bridge.shell.transports.send_outcome import HeaderFields, SendOutcome
from mcp_auth_bridge.shell.transports.sender import Sender

_SESSION_ID = re.compile(r"[\x21-\x7e]{1,1024}")
_PASSING = (408, 409, 425, 429)  # 409: the server has not yet noticed the end of the previous stream
_LOOK = "the request may have been carried out: look before you repeat it"


class StreamableHttp:
    """The transport with at most one session. `sleep` waits for seconds."""

    def __init__(self, sender: Sender, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sender = sender
        self._sleep = sleep
        self._session: dict[str, str] = {}  # as headers

    @property
    def in_session(self) -> bool:
        """Whether the newest `initialize` has opened a session."""
        return bool(self._session)

    async def post(self, message: Message, headers: HeaderFields) -> AsyncGenerator[Message, None]:
        """Send `message` once and yield the messages of the response."""
        async with aclosing((await self.exchange(message, headers)).messages()) as messages:
            async for received in messages:
                yield received
                del received

    async def exchange(self, message: Message, headers: HeaderFields) -> SendOutcome:
        """The first half of `post`: send `message` and read the first message of the response."""
        # An opening has no session yet, and the modern era has none at all.
        in_session = message.method != "initialize" and _is_legacy(headers)
        fields = {**headers, **self._session} if in_session else headers
        return await self._sender.send("POST", fields, message, read=partial(self._read, message, headers))

    async def _read(
        self, message: Message, headers: HeaderFields, outcome: SendOutcome
    ) -> AsyncGenerator[Message, None]:
        """The messages of a response, whatever its shape. Raises `Denied` if the first one refuses the credentials."""
        response = outcome.response
        if message.method == "initialize":
            self._session = session_headers(response)
            if self._session:
                debug_log.event("session.opened")
        match outcome.verdict:
            case Accepted():
                check_admitted(await response.read(LARGEST))
            case SingleMessage():
                for received in parsed(check_admitted(await response.read(LARGEST))):
                    yield received
            case EventStream():
                async for received in self._until_answered(response, message, headers):
                    yield received
                    del received
            case Failure() as failed:
                refusal = await read_failure(response, failed, message, outcome.sent, in_session=bool(self._session))
                if isinstance(refusal, BridgeError):
                    raise refusal
                check_admitted(refusal.raw)
                yield refusal

    async def listen(self, headers: HeaderFields) -> AsyncGenerator[Message, None]:
        """The server's own stream (GET), opened again whenever it ends, for as long as the server offers one.

        Raises `UpstreamFailed` with a 4xx status if it offers none, `SessionLost`, and the errors of the credentials.
        """
        place = Resumption()
        said = ""
        loop = asyncio.get_running_loop()
        while True:
            opened = loop.time()
            try:
                response = await self._sender.open_stream({**headers, **self._session, **place.headers})
                debug_log.event("stream.listens", again=bool(place.last_id))
                try:
                    async for message in read_messages(response, place):
                        yield message
                        del message
                finally:
                    await response.aclose()
            except (Unreachable, TheirProtocolError) as error:
                if isinstance(error, SessionLost) or (_is_final(error) and not place.last_id):
                    raise
                if not _may_succeed_later(error):
                    place.forget()
            except BridgeError:
                raise
            except Exception as bug:  # noqa: BLE001 - a fault at one event costs this connection, not the stream
                place.forget()
                if (broken := internal_error(bug)).message != said:
                    said = broken.message
                    terminal.report_error(broken)
            place.lived(loop.time() - opened)
            await self._sleep(place.pause(_random_fraction()))

    async def close(self) -> None:
        """End the session, if there is one (MCP "Session Management"); the response does not matter."""
        if self._session:
            session, self._session = self._session, {}
            outcome = await self._sender.send("DELETE", session)
            await outcome.aclose()
            debug_log.event("session.closed")

    async def _until_answered(
        self, response: StreamedResponse, request: Message, headers: HeaderFields
    ) -> AsyncIterator[Message]:
        """The messages of a stream, over as many connections as it takes until `request` has its reply."""
        place = Resumption()
        awaited = request.kind is Kind.REQUEST
        lost = OutcomeUnknown("the server ended its response without a reply", _LOOK)
        first = True
        resumed = False
        while True:
            try:
                async for message in read_messages(response, place):
                    if first and message.kind is Kind.REPLY:
                        check_admitted(message.raw)  # later messages follow one that was not a refusal
                    first = False
                    yield message
                    if awaited and message.kind is Kind.REPLY and message.key == request.key:
                        awaited = False
                        if resumed:  # this stream may stay open; the end of the first one frees its connection
                            return
                    del message
            except OutcomeUnknown as cut:
                lost = cut
            finally:
                await response.aclose()
            if not awaited:
                return
            response, resumed = await self._resume(headers, place, lost), True

    async def _resume(self, headers: HeaderFields, place: Resumption, lost: OutcomeUnknown) -> StreamedResponse:
        """The stream of a request that was sent: after any error its outcome is unknown."""
        while place.last_id and place.tries < MOST_TRIES and _is_legacy(headers):
            await self._sleep(place.pause(_random_fraction()))
            try:
                with debug_log.timed("stream.resumed"):
                    return await self._sender.open_stream({**headers, **self._session, **place.headers})
            except BridgeError as error:
                lost = OutcomeUnknown(f"the response broke off and cannot be resumed: {error.message}", _LOOK)
                if not _may_succeed_later(error):
                    break
        raise lost


def session_headers(response: StreamedResponse) -> dict[str, str]:
    """The session that a response to `initialize` opens, as a header for later requests."""
    session_id = response.header("mcp-session-id")
    if response.status != 200 or not session_id:
        return {}
    if not _SESSION_ID.fullmatch(session_id):
        raise TheirProtocolError("the server gave a session id that no header can carry")
    return {"mcp-session-id": session_id}


def _may_succeed_later(error: BridgeError) -> bool:
    """Whether the same GET may succeed later."""
    return not _is_final(error) if isinstance(error, UpstreamFailed) else isinstance(error, Unreachable)


def _is_final(error: BridgeError) -> bool:
    return isinstance(error, UpstreamFailed) and error.status < 500 and error.status not in _PASSING


def _random_fraction() -> float:
    return int.from_bytes(os.urandom(2)) / 0xFFFF


def _is_legacy(headers: HeaderFields) -> bool:
    """Whether the protocol revision knows resumption: it ended with 2025-11-25, and `initialize` names none."""
    return headers.get("mcp-protocol-version", "") < "2026"
