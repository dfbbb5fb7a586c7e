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
from typing import Protocol

from mcp_auth_bridge.relay.base import Kind, Message
from mcp_auth_bridge.relay.http_semantics import (
    EventStream,
    Failure,
    SingleMessage,
    Unauthorized,
    Verdict,
    refusal_in_reply,
)
from mcp_auth_bridge.relay.sse import EventParser
from mcp_auth_bridge.shell.transports.attempts import verdict_on
from mcp_auth_bridge.shell.transports.messages import LARGEST, messages_in, parsed
from mcp_auth_bridge.shell.transports.send_outcome import HeaderFields, Read, Reading, ResponseFields
from mcp_auth_bridge.shell.transports.sender import Sender, SentAtOnce

LARGEST_REQUEST = 64 * 1024
"""Bytes of a message that is sent at once: a larger one leaves in pieces, beside other work."""

_LINES = 64  # line ends in a stream that is read without letting others have their turn
_ERROR = b'"error"'
_GO_ON: list[Message] = []
"""Stands for a response that is read elsewhere."""


class Course(Protocol):
    """A call as the relay sees it: what becomes of a message that was sent."""

    @property
    def congested(self) -> bool:
        """Whether the client has to read before it is given more."""

    def alive(self) -> None:
        """The server has given a sign of life."""

    def arrived(self, messages: list[Message]) -> None:
        """These messages came in return, and nothing more will: the call is over. Raises nothing."""

    async def deliver(self, message: Message) -> None:
        """Take a message that came in return. Waits while the client has to read."""

    def goes_on(self, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Do `work`, which delivers the messages, in a task; its end is the end of the call."""


class Swift:
    """One POST. `fields` are its headers but for cookies and credentials; `read` reads a response of any shape."""

    def __init__(self, sender: Sender, message: Message, fields: HeaderFields, course: Course, read: Read) -> None:
        # Sends the message, and goes on if its response is unusual.
        self._sender = sender
        # What is sent.
        self._message = message
        # Its headers.
        self._fields = fields
        # Gets what comes in return.
        self._course = course
        # Reads an unusual response.
        self._read = read
        # The request and its response. Set by `send`.
        self._sent: SentAtOnce
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
        self._sent = sent
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
        begun = self._sent.begun
        if (head := begun.head) is None:
            return None if begun.waits else _GO_ON
        if (verdict := self._verdict) is None:
            self._head = head.fields
            verdict = self._verdict = verdict_on(head.status, head.fields, self._fields, self._message)
        if isinstance(verdict, Unauthorized | Failure):
            return _GO_ON
        self._course.alive()
        if self._is_over:
            return None  # that was the sign for the relay to hang up
        if (body := begun.whole_body()) is None:
            # Messages that have come do not wait for the end of their stream. One without a reply is not left open.
            silent = isinstance(verdict, EventStream) and self._is_request and not begun.body_so_far
            return None if begun.waits and (silent or isinstance(verdict, SingleMessage)) else _GO_ON
        if self._course.congested or _ERROR in body or (isinstance(verdict, EventStream) and _is_dense(body)):
            return _GO_ON
        return self._messages(body)

    def _messages(self, body: bytes) -> list[Message]:
        """The messages in the whole `body`; `_GO_ON` if one refuses the credentials, or if the reply is missing."""
        match self._verdict:
            case EventStream():
                messages = _streamed(body)
                first = messages[0].raw if messages and messages[0].kind is Kind.REPLY else b""
                is_answered = not self._is_request or any(map(self._is_reply, messages))
            case SingleMessage():
                messages, first, is_answered = parsed(body), body, True
            case _:
                messages, first, is_answered = [], body, True
        return messages if is_answered and refusal_in_reply(first) is None else _GO_ON

    @property
    def _is_request(self) -> bool:
        return self._message.kind is Kind.REQUEST

    def _is_reply(self, message: Message) -> bool:
        return message.kind is Kind.REPLY and message.key == self._message.key

    def _take(self, messages: list[Message]) -> None:
        self._is_over = True
        self._sender.accepted(self._fields, self._message, self._head, self._verdict)
        self._sender.over(self._message)
        self._sent.begun.release()  # before the messages are used, so that the next request can have the connection
        self._course.arrived(messages)

    def _go_on(self) -> None:
        self._is_over = True
        self._course.goes_on(self._rest).add_done_callback(self._rest_is_over)

    async def _rest(self) -> None:
        """What is left of the call, in the code for every response."""
        self._is_resumed = True
        reading = Reading(self._read, self._course.deliver)
        await self._sender.post(self._fields, self._message, reading, sent=self._sent)

    def _rest_is_over(self, _: asyncio.Task[None]) -> None:
        if not self._is_resumed:  # the task was cancelled before it began
            self._abandon()

    def _abandon(self) -> None:
        self._is_over = True
        self._sender.over(self._message)
        self._sent.begun.abort()


def _is_dense(body: bytes) -> bool:
    """Whether a stream has more lines than may be read without letting others have their turn."""
    return body.count(b"\n") + body.count(b"\r") > _LINES


def _streamed(body: bytes) -> list[Message]:
    return [message for event in EventParser(LARGEST).feed(body) for message in messages_in(event)]
