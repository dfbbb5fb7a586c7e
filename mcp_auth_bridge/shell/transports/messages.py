"""What an HTTP answer holds: messages, one by one, whatever shape they came in."""

from collections.abc import AsyncIterator, Mapping

import msgspec

from mcp_auth_bridge.errors import BridgeError, LimitExceeded, TheirProtocolError
from mcp_auth_bridge.oauth.error_text import LONGEST
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Excessive, Kind, Malformed, Message
from mcp_auth_bridge.relay.envelope import peek, split
from mcp_auth_bridge.relay.http_semantics import Failure, Unauthorized, session_lost, unauthorized
from mcp_auth_bridge.relay.resumption import Resumption
from mcp_auth_bridge.relay.sse import EventParser, ServerSentEvent
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.time_slice import TimeSlice, portions, work
from mcp_auth_bridge.shell.transports.refusal_text import quote, words

LARGEST = 64 * 1024 * 1024
"""Bytes of one body that is no stream, and of one event."""

_EVENT = 5  # units of work, all the way to the client

_UNKNOWN_SESSION = -32000  # with HTTP 400 and no id: what the TypeScript SDK's transport says in place of 404


class _Refusal(msgspec.Struct):
    """A JSON-RPC error response; what a server has not looked into it refuses with the id null, or with none."""

    error: msgspec.Raw


_refusal = msgspec.json.Decoder(_Refusal)


class Denied(Exception):
    """A message that refuses the credentials stands where the answer should be."""

    def __init__(self, verdict: Unauthorized) -> None:
        super().__init__()
        self.verdict = verdict


def admitted(message: bytes) -> bytes:
    """`message`, with which an answer begins. Raises `Denied` if it refuses the credentials."""
    if (verdict := unauthorized(message)) is not None:
        raise Denied(verdict)
    return message


def parsed(data: bytes) -> list[Message]:
    """The message in `data`, or those of a batch (MCP 2025-03-26). Raises `TheirProtocolError`, or `LimitExceeded`."""
    try:
        message = peek(data)
        return split(message) if message.kind is Kind.BATCH else [message]
    except Excessive as excessive:
        raise LimitExceeded(
            f"the server sent something that MCP clients may be unable to read: {excessive.message}"
        ) from None
    except Malformed as malformed:
        raise TheirProtocolError(f"the server sent something that is no message: {malformed.message}") from None


async def events(answer: StreamedResponse, place: Resumption) -> AsyncIterator[ServerSentEvent]:
    """The events of a stream as they come; `place` follows them.

    Each is counted until the next one is asked for. None is kept then: whoever hands it on forgets it (`del`).
    """
    parser = EventParser(LARGEST, place.last_id)
    turn = TimeSlice()
    async for chunk in answer.chunks():
        await answer.share.hold(parser.kept + len(chunk))
        for portion in portions(chunk):
            for event in parser.feed(portion):
                place.advance(event.id, parser.retry)
                yield event
                del event
                await turn.spend(_EVENT)
            await turn.spend(work(portion))
        place.advance(parser.last_id, parser.retry)  # a priming event has an id and is none
        await answer.share.hold(parser.kept)


async def streamed(answer: StreamedResponse, place: Resumption) -> AsyncIterator[Message]:
    """The messages of a stream. Priming events (no data) and events of other types carry none."""
    async for event in events(answer, place):
        if event.data and event.type == b"message":
            for message in parsed(event.data):
                yield message
                del message
        del event


async def failure_of(
    answer: StreamedResponse, verdict: Failure, request: Message, sent: Mapping[str, str], *, in_session: bool
) -> Message | BridgeError:
    """What a failed `request` comes to: a JSON-RPC error in the body is its answer, whatever the HTTP status.

    Otherwise it is an error that quotes the body, without what was `sent` as credentials.
    """
    if not verdict.body_may_reply or request.id is None:
        return quote(verdict.error, await words(answer), sent)
    body = await answer.read(LARGEST)
    failed = quote(verdict.error, body.decode(errors="replace") if len(body) <= LONGEST else "", sent)
    try:
        message, refusal = peek(body), _refusal.decode(body)
    except (Malformed, msgspec.DecodeError):
        return failed
    if message.key is None and (code := replies.error_code(message)) is not None:
        if in_session and answer.status == 400 and code == _UNKNOWN_SESSION:
            return session_lost()
        raw = b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (request.id, bytes(refusal.error))
        return Message(Kind.REPLY, raw, id=request.id)
    return message if message.kind is Kind.REPLY and message.key == request.key else failed
