"""Which message of an HTTP response answers the message that was sent: a reply, an error without its id, a refusal.

Each response is to one message. So an error in it under no id, or under a wrong one, can only be about that message.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from mcp_auth_bridge.errors import BridgeError, OutcomeUnknown, SessionLost, TheirProtocolError
from mcp_auth_bridge.http_syntax import media_type
from mcp_auth_bridge.relay.base import Kind, Malformed, Message
from mcp_auth_bridge.relay.envelope import peek, result_of
from mcp_auth_bridge.relay.http_semantics import LONGEST_REFUSAL, Failure
from mcp_auth_bridge.relay.resumption import Resumption
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.transports.messages import LARGEST, EventReader
from mcp_auth_bridge.shell.transports.refusal_text import PATIENCE, quote, read_words

if TYPE_CHECKING:
    from mcp_auth_bridge.relay.session_loss import RefusedRequest

Deliver: TypeAlias = Callable[[Message], Awaitable[None]]
"""Hands a message on. Awaited, so that a slow client slows the server down."""


class Asked(msgspec.Struct):
    """The request that a response answers."""

    # The message that was sent, None for a GET or DELETE.
    message: Message | None
    # The session id that was sent, "" for none.
    session_id: str = ""
    # Whether the server has answered a request with that id before.
    in_proven_session: bool = False
    # The keys of all requests of this client that have no complete response.
    under_way: Collection[Hashable] = ()


class _Refusal(msgspec.Struct):
    error: msgspec.Raw


_refusal = msgspec.json.Decoder(_Refusal)


class Attribution:
    """Hands the messages of a response with the HTTP `status` on, the first of which may refuse the session.

    An error under no id, or under that of no request, answers the request if nothing else does: as it is in the first
    case, and as an error of the bridge that quotes it in the second.
    """

    def __init__(self, asked: Asked, status: int, sent: Mapping[str, str], deliver: Deliver) -> None:
        # The request.
        self._asked = asked
        # The HTTP status of the response.
        self._status = status
        # The credentials of the request.
        self._sent = sent
        # Takes the messages.
        self._deliver = deliver
        # The first error that answers no request, as far as its id tells.
        self._stray: Message | None = None
        # Whether no message was handed on so far.
        self._is_first = True
        # Whether the reply was handed on.
        self._answered = False

    async def hand_on(self, message: Message) -> None:
        """Deliver `message`, unless it is such an error. Raises as `admits`."""
        if self.admits(message):
            await self._deliver(message)

    def admits(self, message: Message) -> bool:
        """Whether `message` is to be delivered now.

        Raises `SessionLost` for a refusal of the session. One that follows another message is the reply, because the
        server was at work.
        """
        request = self._asked.message
        if request is not None and request.kind is Kind.REQUEST and message.kind is Kind.REPLY:
            is_own = message.key == request.key
            if is_own and self._is_first and _is_error(message):
                _check_session(message, request, self._asked, self._status, message.raw)
            if not is_own and _is_error(message) and message.key not in self._asked.under_way:
                self._stray = self._stray or message
                return False
            self._answered |= is_own
        self._is_first = False
        return True

    async def end(self, cut: OutcomeUnknown | None) -> None:
        """The response has ended, or was `cut`: deliver or raise the error that answers the request, else raise `cut`.

        Raises `SessionLost` if that error refuses the session.
        """
        stray, request = self._stray, self._asked.message
        if stray is None and cut is not None:
            raise cut
        if request is None or stray is None or self._answered:
            return
        answer = _answer_of(stray, request, self._asked, self._status, self._sent)
        if self._is_first:
            answered = answer.raw if isinstance(answer, Message) else answer
            _check_session(stray, request, self._asked, self._status, answered)
        if isinstance(answer, BridgeError):
            raise answer
        await self._deliver(answer)


def _is_error(reply: Message) -> bool:
    return not reply.is_result and len(reply.raw) <= LONGEST_REFUSAL and result_of(reply) is None


def _check_session(reply: Message, request: Message, asked: Asked, status: int, answer: bytes | BridgeError) -> None:
    from mcp_auth_bridge.relay.session_loss import refused_by_reply  # most requests succeed

    lost = _lost_by(refused_by_reply(reply, request, status, asked.session_id), answer)
    if lost is not None:
        raise lost


def _answer_of(
    stray: Message, request: Message, asked: Asked, status: int, sent: Mapping[str, str]
) -> Message | BridgeError:
    """The reply to `request` that the error `stray` is; an error that quotes it if it is for another request."""
    from mcp_auth_bridge.relay.session_loss import refused_by_reply  # as above

    refused = refused_by_reply(stray, request, status, asked.session_id)
    if stray.key is None and refused.code is not None:
        return _under_id(stray, request)
    found = "an error with another id" if stray.key is not None else "something that is not a message"
    return quote(TheirProtocolError(f"the server answered with {found}"), refused.words, sent)


def _under_id(error: Message, request: Message) -> Message:
    """The reply to `request` with the member `error` of a reply that has no id."""
    id_ = request.id or b"null"
    raw = b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (id_, bytes(_refusal.decode(error.raw).error))
    return Message(Kind.REPLY, raw, id=id_)


async def read_failure(
    response: StreamedResponse, verdict: Failure, asked: Asked, sent: Mapping[str, str]
) -> Message | BridgeError:
    """The reply to a failed request: a JSON-RPC error in the body, with any HTTP status; else as `read_error`.

    The body may be a stream with one event (claude-code #55970: the TypeScript SDK behind a gateway).
    """
    request = asked.message
    if request is None or not verdict.body_may_reply:
        return await read_error(response, verdict, asked, sent)
    from mcp_auth_bridge.oauth.error_text import LONGEST  # most requests succeed
    from mcp_auth_bridge.relay.session_loss import RefusedRequest, refused_by_reply  # as above

    body = await _read_body(response)
    words = body.decode(errors="replace") if len(body) <= LONGEST else ""
    failed = quote(verdict.error, words, sent)
    try:
        message = peek(body)
    except Malformed:
        return _lost_by(RefusedRequest(response.status, asked.session_id, words), failed) or failed
    if message.kind is not Kind.REPLY:
        return failed
    is_request = request.kind is Kind.REQUEST
    reply = message if is_request and message.key == request.key else None
    if result_of(message) is not None:
        return reply or failed
    refused = refused_by_reply(message, request, response.status, asked.session_id)
    if is_request and message.key is None and refused.code is not None:
        reply = _under_id(message, request)
    return _lost_by(refused, reply.raw if reply is not None else failed) or reply or failed


async def _read_body(response: StreamedResponse) -> bytes:
    """The body of a refusal. If that is a stream, it is the data of the first event that has any; b"" if none comes."""
    if media_type(response.header("content-type")) != "text/event-stream":
        return await response.read(LARGEST)
    with contextlib.suppress(TimeoutError, OutcomeUnknown):
        async with asyncio.timeout(PATIENCE):
            events = EventReader(response, Resumption())
            while (event := await events.next()) is not None:
                if event.data:
                    return event.data
    return b""


async def read_error(
    response: StreamedResponse, verdict: Failure, asked: Asked, sent: Mapping[str, str]
) -> BridgeError:
    """The error for a failed request. It quotes the body, in which nothing of the `sent` credentials is left.

    It is a `SessionLost` if the failure may mean the session.
    """
    from mcp_auth_bridge.relay.session_loss import RefusedRequest  # most requests succeed

    words = await read_words(response)
    failed = quote(verdict.error, words, sent)
    return _lost_by(RefusedRequest(response.status, asked.session_id, words), failed) or failed


def _lost_by(refused: "RefusedRequest", answer: bytes | BridgeError) -> SessionLost | None:
    from mcp_auth_bridge.relay.session_loss import lost_session  # as above

    return lost_session(refused, answer) if refused.session_id else None
