"""Reads the messages in an HTTP response one by one: a JSON body, a batch, a stream of events, or a failure."""

from collections.abc import AsyncIterator, Mapping

import msgspec

from mcp_auth_bridge.errors import BridgeError, LimitExceeded, TheirProtocolError
from mcp_auth_bridge.oauth.error_text import LONGEST
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Excessive, Kind, Malformed, Message
from mcp_auth_bridge.relay.envelope import peek, split_batch
from mcp_auth_bridge.relay.http_semantics import Failure, Unauthorized, refusal_in_reply, session_lost_error
from mcp_auth_bridge.relay.resumption import Resumption
from mcp_auth_bridge.relay.sse import EventParser, ServerSentEvent
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.time_slice import TimeSlice, portions, work_units
from mcp_auth_bridge.shell.transports.refusal_text import quote, read_words

LARGEST = 64 * 1024 * 1024
"""Bytes of one body that is not a stream, and of one event."""

_EVENT = 5  # units of work, all the way to the client

_UNKNOWN_SESSION = -32000  # with HTTP 400 and no id: the TypeScript SDK's transport sends it instead of 404


class _Refusal(msgspec.Struct):
    """A JSON-RPC error. A server that refuses a message unread sends the id null, or none."""

    error: msgspec.Raw


_refusal = msgspec.json.Decoder(_Refusal)


class Denied(Exception):
    """A message refuses the credentials in place of the reply.

    The resource servers of an internal platform do that (tests/scenarios/internal_platform.py). `Sender` catches it.
    """

    def __init__(self, verdict: Unauthorized) -> None:
        super().__init__()
        self.verdict = verdict


def check_admitted(message: bytes) -> bytes:
    """`message`, the first in a response. Raises `Denied` if it refuses the credentials."""
    if (verdict := refusal_in_reply(message)) is not None:
        raise Denied(verdict)
    return message


def parsed(data: bytes) -> list[Message]:
    """The message in `data`, or those of a batch (MCP 2025-03-26). Raises `TheirProtocolError`, or `LimitExceeded`."""
    try:
        message = peek(data)
        return split_batch(message) if message.kind is Kind.BATCH else [message]
    except Excessive as excessive:
        raise LimitExceeded(
            f"the server sent something that MCP clients may be unable to read: {excessive.message}"
        ) from None
    except Malformed as malformed:
        raise TheirProtocolError(f"the server sent something that is not a message: {malformed.message}") from None


async def read_events(response: StreamedResponse, place: Resumption) -> AsyncIterator[ServerSentEvent]:
    """The events of a stream as they come; `place` follows them.

    The share counts an event until the next one is asked for. Before that, each caller that handed the event on drops
    its reference (`del`), so that the memory is free.
    """
    parser = EventParser(LARGEST, place.last_id)
    time_slice = TimeSlice()
    async for chunk in response.chunks():
        await response.share.hold(parser.kept + len(chunk))
        for portion in portions(chunk):
            for event in parser.feed(portion):
                place.advance(event.id, parser.retry)
                yield event
                del event
                await time_slice.spend(_EVENT)
            await time_slice.spend(work_units(portion))
        place.advance(parser.last_id, parser.retry)  # a priming event has an id and no data
        await response.share.hold(parser.kept)


async def read_messages(response: StreamedResponse, place: Resumption) -> AsyncIterator[Message]:
    """The messages of a stream. Priming events (no data) and events of other types carry none."""
    async for event in read_events(response, place):
        if event.data and event.type == b"message":
            for message in parsed(event.data):
                yield message
                del message
        del event


async def read_failure(
    response: StreamedResponse, verdict: Failure, request: Message, sent: Mapping[str, str], *, in_session: bool
) -> Message | BridgeError:
    """The reply to a failed `request`: a JSON-RPC error in the body, whatever the HTTP status.

    Without one it is an error that quotes the body, in which nothing of the `sent` credentials is left.
    """
    if not verdict.body_may_reply or request.id is None:
        return quote(verdict.error, await read_words(response), sent)
    body = await response.read(LARGEST)
    failed = quote(verdict.error, body.decode(errors="replace") if len(body) <= LONGEST else "", sent)
    try:
        message, refusal = peek(body), _refusal.decode(body)
    except (Malformed, msgspec.DecodeError):
        return failed
    if message.key is None and (code := replies.error_code(message)) is not None:
        if in_session and response.status == 400 and code == _UNKNOWN_SESSION:
            return session_lost_error()
        raw = b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (request.id, bytes(refusal.error))
        return Message(Kind.REPLY, raw, id=request.id)
    return message if message.kind is Kind.REPLY and message.key == request.key else failed
