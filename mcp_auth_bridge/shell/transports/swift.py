"""A message that is sent at once, and its short answer, without a task: what nearly all calls are.

A task, the futures that it waits for and its turns of the loop cost a call more than the rest of its way together. So a
`Swift` looks at the response in the callback of the connection, each time that bytes have come. It decides nothing by
itself. It takes only an answer that is whole, small and a plain success: a JSON message, an event stream that holds the
reply, or an acceptance, without an error in it, for a client that reads. Anything else goes on in a task, in the code
that every other call takes, from the first byte of the response on: it is read again by the code that knows.

So a response that a `Swift` takes leads to the same messages and to the same knowledge (cookies, sessions that work) as
there. The property that shows this is in `tests/properties/test_swift.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from mcp_auth_bridge.relay.base import REPLY, REQUEST, Message
from mcp_auth_bridge.relay.http_semantics import (
    EventStream,
    Failure,
    SingleMessage,
    Unauthorized,
    Verdict,
    refusal_in_reply,
)
from mcp_auth_bridge.relay.sse import EventParser
from mcp_auth_bridge.shell.net.begun import Begun
from mcp_auth_bridge.shell.transports import heartbeat
from mcp_auth_bridge.shell.transports.answers import Deliver
from mcp_auth_bridge.shell.transports.attempts import verdict_on
from mcp_auth_bridge.shell.transports.messages import LARGEST, messages_in, parsed
from mcp_auth_bridge.shell.transports.send_outcome import Alive, HeaderFields, Reading, ResponseFields, SendOutcome
from mcp_auth_bridge.shell.transports.sender import Sender

LARGEST_REQUEST = 64 * 1024
"""Bytes of a message that is sent at once: a larger one leaves in pieces, beside other work."""

_LINES = 64  # line ends in a stream that is read without letting others have their turn
_ERROR = b'"error"'
_REFUSALS = (Unauthorized, Failure)
_GO_ON: list[Message] = []
"""Stands for a response that is read elsewhere."""


class Course(Protocol):
    """The calls as the relay sees them, each by its number: what becomes of the messages that were sent."""

    def is_congested(self) -> bool:
        """Whether the client has to read before it is given more."""

    def alive(self, call: int) -> None:
        """The server has given a sign of life."""

    def arrived(self, call: int, messages: list[Message]) -> None:
        """These messages came in return, and nothing more will: the call is over. Raises nothing."""

    async def deliver(self, call: int, message: Message) -> None:
        """Take a message that came in return. Waits while the client has to read."""

    def goes_on(self, call: int, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Do `work`, which delivers the messages, in a task; its end is the end of the call."""


class Transport(Protocol):
    """The transport of a message, as far as a `Swift` needs it."""

    @property
    def sender(self) -> Sender:
        """Sends the message, and goes on if its response is unusual."""

    def fields(self, headers: HeaderFields) -> HeaderFields:
        """The headers of a request but for cookies and credentials, if the relay has given `headers`."""

    async def read(
        self, message: Message, headers: HeaderFields, alive: Alive, outcome: SendOutcome, hand_on: Deliver
    ) -> None:
        """Read a response of any shape to `message`, which the relay sent with `headers`."""


class Swift:
    """One POST of `message` as the call of that number. `headers` are those of the relay."""

    def __init__(
        self, transport: Transport, call: int, message: Message, headers: HeaderFields, course: Course
    ) -> None:
        # Reads an unusual response.
        self._transport = transport
        # Sends the message.
        self._sender = transport.sender
        # The number of the call.
        self._call = call
        # What is sent.
        self._message = message
        # The headers that the relay gave.
        self._headers = headers
        # Those that are sent.
        self._fields = transport.fields(headers)
        # Gets what comes in return.
        self._course = course
        # The clock of the loop.
        self._time = asyncio.get_running_loop().time
        # When the next sign of life is due (`Heartbeat`).
        self._due = heartbeat.first_due(message, self._time())
        # The request, its response, and its credentials. Set by `send`.
        self._begun: Begun
        self._credentials: HeaderFields
        # The headers of the response.
        self._head: ResponseFields = {}
        # Its verdict, None before its head has come.
        self._verdict: Verdict | None = None
        # Whether the response is not looked at any more: it was taken, a task goes on with it, or it is not wanted.
        self._is_over = False
        # Whether the task that goes on has begun.
        self._is_resumed = False

    def send(self) -> bool:
        """Send the message. False if something has to be waited for: then nothing was sent."""
        sent = self._sender.at_once(self._fields, self._message, self._moved)
        if sent is None:
            return False
        self._begun, self._credentials = sent
        return True

    def cancel(self) -> None:
        """End the connection: the call is not wanted any more. Does nothing after the end of the call."""
        if not self._is_over:
            self._abandon()

    def _moved(self) -> None:
        """Look at the response: bytes have come, or nothing more can come."""
        if self._is_over:
            return
        try:
            looked = self._look()
        except Exception:  # noqa: BLE001 - where the call goes on, the same fault is met again, and reported
            looked = _GO_ON
        if looked is _GO_ON:
            self._go_on()
        elif looked is not None:
            self._take(looked)

    def _look(self) -> list[Message] | None:
        """All messages of the response; None if more is to come, `_GO_ON` if it is not for this class."""
        begun = self._begun
        if (head := begun.arrived_head()) is None:
            return None if begun.waits else _GO_ON
        if (verdict := self._verdict) is None:
            self._head = head.fields
            verdict = self._verdict = verdict_on(head.status, head.fields, self._fields, self._message)
        if type(verdict) in _REFUSALS:
            return _GO_ON
        self._alive()
        if self._is_over:
            return None  # that was the sign for the relay to hang up
        if (body := begun.whole_body()) is None:
            # Messages that have come do not wait for the end of their stream. One without a reply is not left open.
            silent = type(verdict) is EventStream and self._message.kind is REQUEST and not begun.body_so_far
            return None if begun.waits and (silent or type(verdict) is SingleMessage) else _GO_ON
        if self._course.is_congested() or _ERROR in body or (type(verdict) is EventStream and _is_dense(body)):
            return _GO_ON
        return self._messages(body)

    def _messages(self, body: bytes) -> list[Message]:
        """The messages in the whole `body`; `_GO_ON` if one refuses the credentials, or if the reply is missing."""
        kind = type(self._verdict)
        if kind is SingleMessage:
            messages, first, is_answered = parsed(body), body, True
        elif kind is EventStream:
            messages = _streamed(body)
            first = messages[0].raw if messages and messages[0].kind is REPLY else b""
            is_answered = self._message.kind is not REQUEST or self._is_answered_by(messages)
        else:
            messages, first, is_answered = [], body, True
        return messages if is_answered and refusal_in_reply(first) is None else _GO_ON

    def _is_answered_by(self, messages: list[Message]) -> bool:
        key = self._message.key
        for message in messages:  # noqa: SIM110 - a generator would cost more than the loop
            if message.kind is REPLY and message.key == key:
                return True
        return False

    def _take(self, messages: list[Message]) -> None:
        self._is_over = True
        self._sender.accepted(self._fields, self._message, self._head, self._verdict)
        self._begun.release()  # before the messages are used, so that the next request can have the connection
        self._course.arrived(self._call, messages)

    def _alive(self) -> None:
        if (now := self._time()) >= self._due:
            self._due = now + heartbeat.PAUSE
            self._course.alive(self._call)

    def _go_on(self) -> None:
        self._is_over = True
        self._course.goes_on(self._call, self._rest).add_done_callback(self._rest_is_over)

    async def _rest(self) -> None:
        """What is left of the call, in the code for every response."""
        self._is_resumed = True
        read = partial(self._transport.read, self._message, self._headers, self._alive)
        reading = Reading(read, partial(self._course.deliver, self._call))
        await self._sender.post(self._fields, self._message, reading, sent=(self._begun, self._credentials))

    def _rest_is_over(self, _: asyncio.Task[None]) -> None:
        if not self._is_resumed:  # the task was cancelled before it began
            self._abandon()

    def _abandon(self) -> None:
        self._is_over = True
        self._sender.over(self._message)
        self._begun.abort()


def _is_dense(body: bytes) -> bool:
    """Whether a stream has more lines than may be read without letting others have their turn."""
    return body.count(b"\n") + body.count(b"\r") > _LINES


def _streamed(body: bytes) -> list[Message]:
    return [message for event in EventParser(LARGEST).feed(body) for message in messages_in(event)]
