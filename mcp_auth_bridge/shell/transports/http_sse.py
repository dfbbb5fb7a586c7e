"""The HTTP+SSE transport of MCP 2024-11-05: one stream carries all that the server says, our messages are POSTs.

The stream is the session. It cannot be resumed: when it is lost, so is every answer that was still to come on it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Hashable
from contextlib import aclosing
from urllib.parse import urljoin

from mcp_auth_bridge.errors import BridgeError, OutcomeUnknown, SessionLost, TheirProtocolError, UrlRefused, fault
from mcp_auth_bridge.relay.base import Kind, Message
from mcp_auth_bridge.relay.http_semantics import Failure
from mcp_auth_bridge.relay.resumption import Resumption
from mcp_auth_bridge.relay.sse import ServerSentEvent
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.net.memory_budget import FREE
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.transports.messages import LARGEST, Denied, admitted, events, parsed
from mcp_auth_bridge.shell.transports.refusal_text import quote, words
from mcp_auth_bridge.shell.transports.send_outcome import HeaderFields, SendOutcome
from mcp_auth_bridge.shell.transports.sender import Sender
from mcp_auth_bridge.urls import Purpose, Url, gate

ENDPOINT_TIMEOUT = 10.0
"""Seconds for the first event, which says where messages go; it comes at once where it comes at all."""

# Messages that nobody listens to yet. They come from a server that speaks before it has answered `initialize`.
_EARLY = 64


class HttpSse:
    """The transport, on one stream after the other: each `initialize` opens a new one."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._stream: _Stream | None = None

    async def open(self) -> None:
        """Open a stream. Raises `TheirProtocolError` if it is none of this transport, and what `Sender.stream` does."""
        await self.close()
        answer = await self._sender.stream({})
        arriving = events(answer, Resumption())
        try:
            endpoint = await _endpoint(self._sender.url, arriving)
        except BaseException:
            await answer.aclose()
            raise
        self._stream = _Stream(endpoint, answer, arriving)

    async def post(self, message: Message, headers: HeaderFields) -> AsyncGenerator[Message, None]:  # noqa: ARG002 - this transport has none
        """Send `message` once; its answer comes on the stream."""
        if message.method == "initialize" and (self._stream is None or self._stream.used or self._stream.lost):
            await self.open()
        stream = self._stream
        if stream is None or stream.lost:
            raise SessionLost("the stream that was the session has ended")
        stream.used = True
        call = _Call(stream, message)
        try:
            outcome = await self._sender.send("POST", {}, message, stream.endpoint, call.read)
            async with aclosing(outcome.messages()) as messages:
                async for received in messages:
                    yield received
        finally:
            call.close()

    async def listen(self, headers: HeaderFields) -> AsyncGenerator[Message, None]:  # noqa: ARG002 - as above
        """All that answers no request of ours. Raises `SessionLost` when the stream ends."""
        stream = self._stream
        if stream is not None:
            stream.heard = True
        while stream is not None and (message := await stream.others.get()) is not None:
            yield message
            stream.go_on()
        raise SessionLost("the stream that was the session has ended")

    async def close(self) -> None:
        """End the stream, and with it the session."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await stream.close()


class _Call:
    """A message to the server, and its response on the `stream` if it is a request."""

    def __init__(self, stream: "_Stream", message: Message) -> None:
        self._stream = stream
        self._message = message
        self._response = stream.expect(message) if message.kind is Kind.REQUEST else None

    async def read(self, outcome: SendOutcome) -> AsyncGenerator[Message, None]:
        """The response, once the POST was accepted. Raises `Denied` if it refuses the credentials."""
        await _check_accepted(outcome)
        if self._response is None:
            return
        received = await self._response
        if isinstance(received, BridgeError):
            raise received
        try:
            admitted(received.raw)
        except Denied:
            self._response = self._stream.expect(self._message)  # the message is sent again after this
            raise
        yield received

    def close(self) -> None:
        if self._response is not None:
            self._stream.forget(self._message, self._response)
            self._stream.go_on()


class _Stream:
    """One open stream and who waits for what on it. It is read no faster than its messages are taken."""

    def __init__(self, endpoint: Url, answer: StreamedResponse, arriving: AsyncIterator[ServerSentEvent]) -> None:
        self.endpoint = endpoint
        self.used = False
        self.lost = False
        self.heard = False  # by somebody who takes what answers no request
        self.others: asyncio.Queue[Message | None] = asyncio.Queue(_EARLY)
        self._responses: dict[Hashable, asyncio.Future[Message | BridgeError]] = {}
        self._answer = answer
        self._taken = asyncio.Event()
        self._reading = asyncio.create_task(self._read(arriving))

    def expect(self, request: Message) -> "asyncio.Future[Message | BridgeError]":
        """The response to `request`, or why there is none: to be awaited after it was sent, to be had before."""
        response = self._responses[request.key] = asyncio.get_running_loop().create_future()
        return response

    def forget(self, request: Message, response: "asyncio.Future[Message | BridgeError]") -> None:
        if self._responses.get(request.key) is response:
            del self._responses[request.key]

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.wait((self._reading,))

    async def _read(self, arriving: AsyncIterator[ServerSentEvent]) -> None:
        why: BridgeError = OutcomeUnknown(
            "the server's stream ended before its answer came", "look before you repeat the request"
        )
        try:
            async for event in arriving:
                if event.data and event.type == b"message":
                    for message in parsed(event.data):
                        await self._route(message)
        except BridgeError as error:
            why = error
        except Exception as bug:  # noqa: BLE001 - whoever waits gets it as an answer, with the fault named
            broken = fault(bug)
            terminal.complain(broken)
            why = OutcomeUnknown(broken.message, "please report it, and look before you repeat the request")
        finally:
            self._end(why)
            await self._answer.aclose()
        await self.others.put(None)

    def go_on(self) -> None:
        """Read on: a large message has been handed on."""
        self._taken.set()

    async def _route(self, message: Message) -> None:
        self._taken.clear()
        response = self._responses.pop(message.key, None) if message.kind is Kind.REPLY else None
        if response is None:
            await self.others.put(message)
        elif not response.done():
            response.set_result(message)
        else:
            return
        if len(message.raw) > FREE and (response is not None or self.heard):
            await self._taken.wait()  # the stream has one share of the memory, not one for each of its messages

    def _end(self, why: BridgeError) -> None:
        self.lost = True
        for response in self._responses.values():
            if not response.done():
                response.set_result(why)


async def _check_accepted(outcome: SendOutcome) -> None:
    """Raise the error that a POST led to. Otherwise free its connection: nothing in the body counts."""
    response, verdict = outcome.response, outcome.verdict
    if 200 <= response.status < 300:
        await response.read(LARGEST)
        await response.aclose()
    elif response.status == 404:  # the endpoint's URL is the session's
        raise SessionLost("the server no longer knows the MCP session")
    elif isinstance(verdict, Failure):
        raise quote(verdict.error, await words(response), outcome.sent)


async def _endpoint(url: Url, arriving: AsyncIterator[ServerSentEvent]) -> Url:
    """Where messages go: the first event says it. Raises `UrlRefused` for another origin."""
    try:
        async with asyncio.timeout(ENDPOINT_TIMEOUT):
            first = await anext(arriving, None)
    except TimeoutError:
        first = None
    if first is None or first.type != b"endpoint":
        raise TheirProtocolError("the server's stream does not begin with an endpoint event")
    return _within(url, first.data.decode(errors="replace"))


def _within(url: Url, reference: str) -> Url:
    try:
        endpoint = gate(urljoin(str(url), reference), Purpose.ENDPOINT, url)
    except ValueError:
        raise UrlRefused("the endpoint event has a URL that cannot be parsed") from None
    if endpoint.origin != url.origin:
        hint = "it would get the credentials that are for this server: tell its operator"
        raise UrlRefused(f"the endpoint event names another origin, {endpoint.origin}", hint)
    return endpoint
