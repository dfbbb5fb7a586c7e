"""The answer of the MCP server to one request: what a person would look at to find out what answered, and why."""

import re
from collections.abc import Mapping

import msgspec

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.errors import (
    BridgeError,
    OutcomeUnknown,
    Overdue,
    Sent,
    quoted,
)
from mcp_auth_bridge.http_syntax import media_type
from mcp_auth_bridge.relay.base import Message
from mcp_auth_bridge.relay.envelope import result_of

_FIRST_LINE = 100  # characters


class Question(msgspec.Struct, frozen=True):
    """A request to the MCP endpoint."""

    verb: str
    # The message in its body, None for a verb without one.
    message: Message | None = None
    # Headers besides those of the credentials.
    headers: Mapping[str, str] = {}

    def __str__(self) -> str:
        return f"{self.verb} {self.message.method}" if self.message is not None else self.verb


class Answer(msgspec.Struct, frozen=True):
    """The answer to one request: a response, or the error in its place."""

    # The request in words: "POST initialize".
    asked: str
    # The HTTP status; 0 if there was no response.
    status: int = 0
    # The header fields of `_KEPT`, by lower-case name; foreign text.
    fields: Mapping[str, tuple[str, ...]] = {}
    # Whether the response opened a session.
    in_session: bool = False
    # The beginning of the body, or the data of the first event, without what was sent; foreign text.
    text: str = ""
    # The server's own sentence in it, "" for none; foreign text, without what was sent.
    said: str = ""
    # The type of the first event of a stream, "" for none.
    event: str = ""
    # The JSON-RPC reply, a result or an error.
    reply: Message | None = None
    # The refusal of the credentials that were sent, or were not.
    refusal: Refusal | None = None
    # What the bridge makes of it if it is neither a reply nor a refusal: no connection, silence, a page, ….
    error: BridgeError | None = None
    # The paths within the origin to which it was redirected, in order.
    redirects: tuple[str, ...] = ()
    # From the request to the head of the response, or to the error.
    milliseconds: int = 0
    # When the head of the response had come, in Unix seconds by this machine's clock.
    received: float = 0.0

    @property
    def kind(self) -> str:
        """The media type of the body, "" if the response names none."""
        return media_type(self.field("content-type"))

    @property
    def first_line(self) -> str:
        """The first line of the body, quoted; "" for an empty one."""
        line = next(filter(None, map(str.strip, self.text.splitlines())), "")
        return quoted(line, _FIRST_LINE) if line else ""

    @property
    def result(self) -> bytes | None:
        """The raw result of the reply, None if there is none."""
        return result_of(self.reply) if self.reply is not None else None

    @property
    def is_unsent(self) -> bool:
        """Whether nothing was sent: there is no connection, or no credential that could be read."""
        return self.status == 0 and self.error is not None and self.error.sent is Sent.NO

    @property
    def is_silence(self) -> bool:
        """Whether the request was sent, and no response came in time."""
        return self.status == 0 and isinstance(self.error, Overdue)

    @property
    def is_cut(self) -> bool:
        """Whether the request was sent, and the connection ended before a response came."""
        return self.status == 0 and isinstance(self.error, OutcomeUnknown) and not isinstance(self.error, Overdue)

    def field(self, name: str) -> str:
        """The first value of the header field `name` (lower case), or ""; foreign text."""
        return next(iter(self.fields.get(name, ())), "")


def without_query(location: str) -> str:
    """The URL `location` without the part in which a single sign-on carries secrets."""
    return re.split(r"[?#]", location, maxsplit=1)[0]
