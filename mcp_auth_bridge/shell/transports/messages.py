"""Reads the messages in an HTTP response one by one: a JSON body, a batch, or a stream of events."""

from collections.abc import AsyncGenerator, AsyncIterator

from mcp_auth_bridge.errors import LimitExceeded, TheirProtocolError
from mcp_auth_bridge.relay.base import Excessive, Kind, Malformed, Message
from mcp_auth_bridge.relay.envelope import peek, split_batch
from mcp_auth_bridge.relay.http_semantics import Unauthorized, refusal_in_reply
from mcp_auth_bridge.relay.resumption import Resumption
from mcp_auth_bridge.relay.sse import EventParser, ServerSentEvent
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.time_slice import TimeSlice, portions, work_units

LARGEST = 64 * 1024 * 1024
"""Bytes of one body that is not a stream, and of one event."""

_EVENT = 5  # units of work, all the way to the client


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
    if not data.strip():
        raise TheirProtocolError("the server answered a request with an empty body")
    try:
        message = peek(data)
        return split_batch(message) if message.kind is Kind.BATCH else [message]
    except Excessive as excessive:
        raise LimitExceeded(
            f"the server sent something that MCP clients may be unable to read: {excessive.message}"
        ) from None
    except Malformed as malformed:
        raise TheirProtocolError(f"the server sent something that is not a message: {malformed.message}") from None


async def read_events(response: StreamedResponse, place: Resumption) -> AsyncGenerator[ServerSentEvent, None]:
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


def messages_in(event: ServerSentEvent) -> list[Message]:
    """The messages in an event. Priming events (no data) and events of other types carry none.

    Data that are not a message are passed over: some servers send their signs of life so (dav-mcp #31). Raises
    `LimitExceeded`.
    """
    if not event.data or event.type != b"message":
        return []
    try:
        return parsed(event.data)
    except LimitExceeded:
        raise
    except TheirProtocolError:
        debug_log.event("stream.passes_over", bytes=len(event.data))
        return []


async def read_messages(response: StreamedResponse, place: Resumption) -> AsyncIterator[Message]:
    """The messages of a stream."""
    async for event in read_events(response, place):
        for message in messages_in(event):
            yield message
            del message
        del event
