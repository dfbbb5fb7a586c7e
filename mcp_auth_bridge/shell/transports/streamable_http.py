"""The streamable HTTP transport (MCP 2025-03-26 and later): a POST for each message, a GET for the server's own.

If the server gives its events ids, a stream that breaks is resumed by GET. The request itself is never sent again.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
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
from mcp_auth_bridge.http_syntax import LONGEST_ID, is_id
from mcp_auth_bridge.relay.base import Kind, Message
from mcp_auth_bridge.relay.http_semantics import Accepted, EventStream, Failure, SingleMessage
from mcp_auth_bridge.relay.mcp_headers import standard_headers
from mcp_auth_bridge.relay.resumption import MOST_TRIES, Resumption
from mcp_auth_bridge.shell.console import debug_log, terminal
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.transports.answers import Deliver, read_failure
from mcp_auth_bridge.shell.transports.messages import LARGEST, EventReader, check_admitted, messages_in, parsed
from mcp_auth_bridge.shell.transports.remainder import GRACE, LINGER, next_until, read_acceptance
from mcp_auth_bridge.shell.transports.send_outcome import Alive, HeaderFields, Reading, SendOutcome
from mcp_auth_bridge.shell.transports.sender import Sender
from mcp_auth_bridge.shell.transports.swift import LARGEST_REQUEST, Course, Swift

_PASSING = (408, 409, 425, 429)  # 409: the server has not yet noticed the end of the previous stream
_REFUSED_PAUSE = 60.0  # seconds until a stream that the server has offered before is asked for again
_OLDER = (400, 404, 405)  # the answers of a server of 2024-11-05 to a POST
_LOOK = "the request may have been carried out: look before you repeat it"


class StreamableHttp:
    """The transport with at most one session. `sleep` waits for seconds."""

    def __init__(self, sender: Sender, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        # Sends the messages.
        self.sender = sender
        # Waits for seconds.
        self._sleep = sleep
        # The session, as headers.
        self._session: dict[str, str] = {}

    @property
    def in_session(self) -> bool:
        """Whether the newest `initialize` has opened a session."""
        return bool(self._session)

    async def post(self, message: Message, headers: HeaderFields, deliver: Deliver, alive: Alive) -> None:
        """Send `message` once and `deliver` the messages of the response. `alive` is called as `Remote.post` says."""
        reading = Reading(partial(self.read, message, headers, alive), deliver)
        await self.sender.post(self.fields(headers), message, reading)

    def at_once(self, call: int, message: Message, headers: HeaderFields, course: Course) -> Swift | None:
        """As `post`, if nothing has to be waited for; None if `post` has to send the message."""
        if len(message.raw) > LARGEST_REQUEST:
            return None
        swift = Swift(self, call, message, headers, course)
        return swift if swift.send() else None

    async def open(
        self, initialize: Message, headers: HeaderFields, deliver: Deliver, alive: Alive
    ) -> Message | BridgeError | None:
        """As `post`, for `initialize`. A refusal by a server that may be of 2024-11-05 is returned, not delivered.

        A server of that revision answers a POST with HTTP 400, 404 or 405 (MCP "Backwards Compatibility").
        """
        refusal: Message | BridgeError | None = None

        async def read(outcome: SendOutcome, hand_on: Deliver) -> None:
            nonlocal refusal
            self._session = session_headers(outcome.response)
            if self._session:
                debug_log.event("session.opened")
            if isinstance(outcome.verdict, Failure) and outcome.response.status in _OLDER:
                refusal = await _refusal(outcome, outcome.verdict)
            else:
                await self.read(initialize, headers, alive, outcome, hand_on)

        # It has no session yet. A server of the modern era expects `Mcp-Method` of every POST.
        await self.sender.post({**headers, **standard_headers(initialize)}, initialize, Reading(read, deliver))
        return refusal

    def fields(self, headers: HeaderFields) -> HeaderFields:
        """The headers of a request but for cookies and credentials, if the relay has given `headers`."""
        return {**headers, **self._session} if _is_legacy(headers) else headers

    async def read(
        self, message: Message, headers: HeaderFields, alive: Alive, outcome: SendOutcome, hand_on: Deliver
    ) -> None:
        """Hand on the messages of a response of any shape. Raises `Denied` if the first one refuses the credentials."""
        response = outcome.response
        _note_acceptance(outcome, alive)
        match outcome.verdict:
            case Accepted():
                check_admitted(await read_acceptance(response))
            case SingleMessage():
                for received in parsed(check_admitted(await response.read(LARGEST))):
                    await hand_on(received)
            case EventStream():
                await self._until_answered(response, message, headers, hand_on, alive)
            case Failure() as failed:
                refusal = await _refusal(outcome, failed)
                if isinstance(refusal, BridgeError):
                    raise refusal
                await hand_on(refusal)

    async def listen(self, headers: HeaderFields, deliver: Deliver) -> None:
        """Deliver the server's own stream (GET). It is opened again whenever it ends, as long as the server offers one.

        Raises `UpstreamFailed` with a 4xx status if it offers none, and the errors of the credentials, if it does so at
        the first attempt. The response to a GET says nothing about the session: many servers know no GET, and their 404
        may be slow (cap-js/mcp #36, qwen-code #8784). Whether the session is lost, the next POST shows.
        """
        place = Resumption()
        offered = False
        said = ""
        loop = asyncio.get_running_loop()
        while True:
            opened = loop.time()
            try:
                response = await self.sender.open_stream({**headers, **self._session, **place.headers})
                offered = True
                debug_log.event("stream.listens", again=bool(place.last_id))
                try:
                    await _deliver_all(EventReader(response, place), deliver)
                finally:
                    await response.aclose()
            except BridgeError as error:
                if _is_refusal(error) and not offered:
                    raise _without_session(error) from None
                if place.last_id and isinstance(error, TheirProtocolError) and not _may_succeed_later(error):
                    place.forget()
                elif _is_refusal(error):
                    await self._sleep(_REFUSED_PAUSE)
                    continue
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
            with suppress(SessionLost):
                await (await self.sender.send("DELETE", session)).aclose()
            debug_log.event("session.closed")

    async def _until_answered(
        self, response: StreamedResponse, request: Message, headers: HeaderFields, hand_on: Deliver, alive: Alive
    ) -> None:
        """Hand on the messages of a stream, over as many connections as it takes until `request` has its reply.

        Then, and if no reply is to come at all, the stream is let go after a while, at once if connections are short.
        """
        loop = asyncio.get_running_loop()
        place = Resumption()
        awaited, deadline = request.kind is Kind.REQUEST, None
        if not awaited:
            deadline = loop.time() + LINGER
            response.give_way()
        lost = OutcomeUnknown("the server ended its response without a reply", _LOOK)
        first = True
        while True:
            try:
                events = EventReader(response, place)
                while (event := await next_until(events, deadline)) is not None:
                    for message in messages_in(event):
                        if first and message.kind is Kind.REPLY:
                            check_admitted(message.raw)  # later messages follow one that was not a refusal
                        first = False
                        await hand_on(message)
                        if awaited and message.kind is Kind.REPLY and message.key == request.key:
                            awaited, deadline = False, loop.time() + GRACE
                            response.give_way()
                        del message
                    del event  # a stream may stay open for long, and its last message may be large
            except OutcomeUnknown as cut:
                lost = cut
            finally:
                await response.aclose()
            if not awaited:
                return
            response = await self._resume(headers, place, lost)
            response.heard = alive

    async def _resume(self, headers: HeaderFields, place: Resumption, lost: OutcomeUnknown) -> StreamedResponse:
        """The stream of a request that was sent: after any error its outcome is unknown."""
        while place.last_id and place.tries < MOST_TRIES and _is_legacy(headers):
            await self._sleep(place.pause(_random_fraction()))
            try:
                with debug_log.timed("stream.resumed"):
                    return await self.sender.open_stream({**headers, **self._session, **place.headers})
            except BridgeError as error:
                lost = OutcomeUnknown(f"the response broke off and cannot be resumed: {error.message}", _LOOK)
                if not _may_succeed_later(error):
                    break
        raise lost


async def _deliver_all(events: EventReader, deliver: Deliver) -> None:
    while (event := await events.next()) is not None:
        for message in messages_in(event):
            await deliver(message)
            del message
        del event  # as above


async def _refusal(outcome: SendOutcome, failed: Failure) -> Message | BridgeError:
    """The refusal of a request. Raises `Denied` if it refuses the credentials."""
    refusal = await read_failure(outcome.response, failed, outcome.asked, outcome.sent)
    if isinstance(refusal, Message):
        check_admitted(refusal.raw)
    return refusal


def _note_acceptance(outcome: SendOutcome, alive: Alive) -> None:
    if not isinstance(outcome.verdict, Failure):
        alive()
        outcome.response.heard = alive


def session_headers(response: StreamedResponse) -> dict[str, str]:
    """The session that a response to `initialize` opens, as a header for later requests."""
    session_id = response.header("mcp-session-id")
    if not 200 <= response.status < 300 or not session_id:
        return {}
    if len(session_id) > LONGEST_ID:
        raise TheirProtocolError(f"the server gave a session id of more than {LONGEST_ID // 1024} KiB")
    if not is_id(session_id):
        raise TheirProtocolError("the server gave a session id that is not visible ASCII")
    return {"mcp-session-id": session_id}


def _may_succeed_later(error: BridgeError) -> bool:
    """Whether the same GET may succeed later."""
    return not _is_final(error) if isinstance(error, UpstreamFailed) else isinstance(error, Unreachable)


def _is_refusal(error: BridgeError) -> bool:
    """Whether the server would probably give the same response to the same GET."""
    return not isinstance(error, Unreachable | TheirProtocolError) or isinstance(error, SessionLost) or _is_final(error)


def _is_final(error: BridgeError) -> bool:
    if not isinstance(error, UpstreamFailed):
        return False
    return error.status == 501 or (error.status < 500 and error.status not in _PASSING)  # 501: Not Implemented


def _without_session(error: BridgeError) -> BridgeError:
    """`error`, or in place of a lost session the refusal that a 404 to a GET is."""
    if not isinstance(error, SessionLost):
        return error
    return UpstreamFailed("the server offers no stream of its own (HTTP 404)", status=404)


def _random_fraction() -> float:
    return int.from_bytes(os.urandom(2)) / 0xFFFF


def _is_legacy(headers: HeaderFields) -> bool:
    """Whether the protocol revision knows resumption: it ended with 2025-11-25, and `initialize` names none."""
    return headers.get("mcp-protocol-version", "") < "2026"
