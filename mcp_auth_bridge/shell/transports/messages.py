"""Reads the messages in an HTTP response one by one: a JSON body, a batch, or a stream of events."""

from collections.abc import Iterator

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


class EventReader:
    """The events of a stream, each when it is asked for; `place` follows them.

    The share counts an event until the next one is asked for. Before that, each caller that handed the event on drops
    its reference (`del`), so that the memory is free.
    """

    def __init__(self, response: StreamedResponse, place: Resumption) -> None:
        # Follows the events.
        self._place = place
        # The body.
        self._chunks = response.chunks()
        # Counts the event that is being read, and the chunk that holds the next ones.
        self._share = response.share
        # The parser of the stream.
        self._parser = EventParser(LARGEST, place.last_id)
        # The account of the work at this stream.
        self._slice = TimeSlice()
        # Units of work that were done since the last event was asked for.
        self._done = 0
        # The portions of a chunk that have yet to be parsed.
        self._portions: Iterator[bytes] = iter(())
        # The events of the last portion that have yet to be asked for, the last one first.
        self._events: list[ServerSentEvent] = []

    def at_hand(self) -> ServerSentEvent | None:
        """The next event, if it is here and no other task has to have its turn before. None: ask for the `next` one."""
        return self._taken() if self._events and self._slice.try_spend(self._done) else None

    async def next(self) -> ServerSentEvent | None:
        """The next event, None at the end of the stream. Raises as `StreamedResponse.chunks`, and `LimitExceeded`."""
        while True:
            if self._done:
                done, self._done = self._done, 0
                if not self._slice.try_spend(done):
                    await self._slice.spend(done)
            if self._events:
                return self._taken()
            portion = next(self._portions, None)
            if portion is not None:
                self._events = self._parser.feed(portion)
                self._events.reverse()
                self._done = work_units(portion)
            elif not await self._receive():
                return None

    def _taken(self) -> ServerSentEvent:
        event = self._events.pop()  # no reference to it stays here
        self._place.advance(event.id, self._parser.retry)
        self._done = _EVENT
        return event

    async def _receive(self) -> bool:
        """Take the next chunk; False at the end of the stream."""
        self._place.advance(self._parser.last_id, self._parser.retry)  # a priming event has an id and no data
        await self._share.hold(self._parser.kept)
        chunk = await anext(self._chunks, None)
        if chunk is None:
            return False
        await self._share.hold(self._parser.kept + len(chunk))
        self._portions = iter(portions(chunk))
        return True


def messages_in(event: ServerSentEvent) -> list[Message]:
    """The messages in an event. Events of other types carry none. Raises as `messages_in_data`."""
    return messages_in_data(event.data) if event.type == b"message" else []


def messages_in_data(data: bytes) -> list[Message]:
    """The messages in the data of an event. Priming events have no data.

    Data that are not a message are passed over: some servers send their signs of life so (dav-mcp #31). Raises
    `LimitExceeded`.
    """
    if not data:
        return []
    try:
        return parsed(data)
    except LimitExceeded:
        raise
    except TheirProtocolError:
        debug_log.event("stream.passes_over", bytes=len(data))
        return []
