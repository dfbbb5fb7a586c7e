"""The HTTP+SSE transport of MCP 2024-11-05: one stream carries all messages of the server, the client's are POSTs.

The stream is the session. It cannot be resumed: when it is lost, so is every reply that was still to come on it.
"""

import asyncio
from collections.abc import Hashable
from contextlib import suppress
from urllib.parse import urljoin

from mcp_auth_bridge.errors import (
    BridgeError,
    OutcomeUnknown,
    SessionLost,
    TheirProtocolError,
    UrlRefused,
)
from mcp_auth_bridge.relay.base import Kind, Message
from mcp_auth_bridge.relay.http_semantics import FORGOTTEN, Failure
from mcp_auth_bridge.relay.resumption import Resumption
from mcp_auth_bridge.relay.session_loss import RefusedRequest, lost_session
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.net.memory_budget import FREE
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.transports.answers import Deliver
from mcp_auth_bridge.shell.transports.messages import Denied, EventReader, check_admitted, messages_in
from mcp_auth_bridge.shell.transports.refusal_text import quote, read_words
from mcp_auth_bridge.shell.transports.remainder import read_acceptance
from mcp_auth_bridge.shell.transports.send_outcome import Alive, HeaderFields, Reading, SendOutcome
from mcp_auth_bridge.shell.transports.sender import Sender
from mcp_auth_bridge.urls import Purpose, Url, gate

ENDPOINT_TIMEOUT = 10.0
"""Seconds for the first event, which gives the URL for messages. A server of this transport sends it at once."""

_EARLY = 64
"""Messages kept before `listen` is called: some servers send them before they have answered `initialize`."""


class HttpSse:
    """The transport, on one stream after the other: each `initialize` needs a new one (`renew`)."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._stream: _Stream | None = None

    async def open(self) -> None:
        """Open a stream. Raises `TheirProtocolError` if it is not of this transport, and as `Sender.open_stream`."""
        await self.close()
        response = await self._sender.open_stream({})
        events = EventReader(response, Resumption())
        try:
            endpoint = await _read_endpoint(self._sender.url, events)
        except BaseException:
            await response.aclose()
            raise
        self._stream = _Stream(endpoint, response, events)

    async def renew(self) -> None:
        """Make sure that the stream is a new one, for `initialize`. Raises as `open`."""
        if self._stream is None or self._stream.used or self._stream.lost:
            await self.open()

    async def post(
        self,
        message: Message,
        headers: HeaderFields,  # noqa: ARG002 - this transport has none
        deliver: Deliver,
        alive: Alive,
    ) -> None:
        """Send `message` once, and deliver its reply, which comes on the stream.

        `alive` is called when the POST was accepted. Comments on the stream are not about one call.
        """
        stream = self._stream
        if stream is None or stream.lost:
            raise _stream_lost_error()
        stream.used = True
        call = _Call(stream, message, alive)
        try:
            await self._sender.post({}, message, Reading(call.read, deliver), stream.endpoint)
        finally:
            call.close()

    async def listen(self, headers: HeaderFields, deliver: Deliver) -> None:  # noqa: ARG002 - as above
        """Deliver all messages that are not replies to requests of the client. Raises `SessionLost` at the end."""
        stream = self._stream
        if stream is not None:
            stream.has_listener = True
        while stream is not None and (message := await stream.unsolicited.get()) is not None:
            await deliver(message)
            del message
            stream.read_on()
        raise _stream_lost_error()

    async def close(self) -> None:
        """End the stream, and with it the session."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await stream.close()


class _Call:
    """A message to the server and, if it is a request, its reply on the `stream`."""

    def __init__(self, stream: "_Stream", message: Message, alive: Alive) -> None:
        self._stream = stream
        self._message = message
        self._alive = alive
        self._reply = stream.expect(message) if message.kind is Kind.REQUEST else None

    async def read(self, outcome: SendOutcome, hand_on: Deliver) -> None:
        """Hand on the reply, once the POST was accepted. Raises `Denied` if it refuses the credentials."""
        await _check_accepted(outcome)
        self._alive()
        received = await self._received(outcome.response)
        if received is None:
            return
        if isinstance(received, BridgeError):
            raise received
        try:
            check_admitted(received.raw)
        except Denied:
            self._reply = self._stream.expect(self._message)  # before the message is sent again
            raise
        await hand_on(received)

    async def _received(self, response: StreamedResponse) -> Message | BridgeError | None:
        """The reply from the stream, None if none is to come. Meanwhile the POST's `response` frees its connection."""
        accepting = asyncio.create_task(_discard(response))
        try:
            return await (self._reply if self._reply is not None else accepting)
        finally:
            accepting.cancel()
            await asyncio.wait((accepting,))

    def close(self) -> None:
        if self._reply is not None:
            self._stream.forget(self._message, self._reply)
            self._stream.read_on()


class _Stream:
    """One open stream and the tasks that wait for its messages. It is read no faster than they take them."""

    def __init__(self, endpoint: Url, response: StreamedResponse, events: EventReader) -> None:
        # Where messages are posted to.
        self.endpoint = endpoint
        # Whether a message was posted: `initialize` opens a new stream then.
        self.used = False
        # Whether the stream has ended.
        self.lost = False
        # Whether a task takes the `unsolicited` messages.
        self.has_listener = False
        # Messages that are not replies; None at the end.
        self.unsolicited: asyncio.Queue[Message | None] = asyncio.Queue(_EARLY)
        # Replies that are still to come, by the id of their request.
        self._replies: dict[Hashable, asyncio.Future[Message | BridgeError]] = {}
        # The response to the GET.
        self._response = response
        # Set when the consumer has taken a message.
        self._taken = asyncio.Event()
        # Owns the response: cancelling it ends the stream.
        self._reading = asyncio.create_task(self._read(events))

    def expect(self, request: Message) -> "asyncio.Future[Message | BridgeError]":
        """The reply to `request`, or the error in its place. Call this before the request is sent."""
        reply = self._replies[request.key] = asyncio.get_running_loop().create_future()
        return reply

    def forget(self, request: Message, reply: "asyncio.Future[Message | BridgeError]") -> None:
        if self._replies.get(request.key) is reply:
            del self._replies[request.key]

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.wait((self._reading,))

    async def _read(self, events: EventReader) -> None:
        why: BridgeError = OutcomeUnknown(
            "the server's stream ended before its reply came", "look before you repeat the request"
        )
        try:
            while (event := await events.next()) is not None:
                for message in messages_in(event):
                    await self._route(message)
                    del message
                del event
        except BridgeError as error:
            why = error
        except Exception as bug:  # noqa: BLE001 - the waiting requests get it as an error, with the fault named
            broken = terminal.report_fault(bug)
            why = OutcomeUnknown(broken.message, "please report it, and look before you repeat the request")
        finally:
            self._end(why)
            await self._response.aclose()
        await self.unsolicited.put(None)

    def read_on(self) -> None:
        """Read on: a large message has been handed on."""
        self._taken.set()

    async def _route(self, message: Message) -> None:
        self._taken.clear()
        reply = self._replies.pop(message.key, None) if message.kind is Kind.REPLY else None
        if reply is None:
            await self.unsolicited.put(message)
        elif not reply.done():
            reply.set_result(message)
        else:
            return
        if len(message.raw) > FREE and (reply is not None or self.has_listener):
            await self._taken.wait()  # the stream has one share of the memory, not one for each of its messages

    def _end(self, why: BridgeError) -> None:
        self.lost = True
        for reply in self._replies.values():
            if not reply.done():
                reply.set_result(why)


def _stream_lost_error() -> SessionLost:
    return SessionLost("the stream that was the session has ended")


async def _discard(response: StreamedResponse) -> None:
    """Read a body that does not matter, so that another request can have the connection."""
    with suppress(BridgeError):
        await read_acceptance(response)


async def _check_accepted(outcome: SendOutcome) -> None:
    """Raise the error that a POST led to."""
    response, verdict = outcome.response, outcome.verdict
    if response.status == 404:  # the endpoint's URL is the session's
        raise SessionLost(FORGOTTEN)
    if isinstance(verdict, Failure) and not 200 <= response.status < 300:
        words = await read_words(response)
        failed = quote(verdict.error, words, outcome.sent)
        # The TypeScript SDK's example answers 400: "No transport found for sessionId".
        raise lost_session(RefusedRequest(response.status, "", words), failed) or failed


async def _read_endpoint(url: Url, events: EventReader) -> Url:
    """The URL for messages, from the first event. Raises `UrlRefused` for another origin."""
    try:
        async with asyncio.timeout(ENDPOINT_TIMEOUT):
            first = await events.next()
    except TimeoutError:
        first = None
    if first is None or first.type != b"endpoint":
        raise TheirProtocolError("the server's stream does not begin with an endpoint event")
    return _resolve_endpoint(url, first.data.decode(errors="replace"))


def _resolve_endpoint(url: Url, reference: str) -> Url:
    try:
        endpoint = gate(urljoin(str(url), reference), Purpose.ENDPOINT, url)
    except ValueError:
        raise UrlRefused("the endpoint event has a URL that cannot be parsed") from None
    if endpoint.origin != url.origin:
        hint = "it would receive the credentials for this server: tell the server's operator"
        raise UrlRefused(f"the endpoint event names another origin, {endpoint.origin}", hint)
    return endpoint
