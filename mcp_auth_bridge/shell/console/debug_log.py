"""The debug log: events in lines that are safe to paste into an issue. Off by default; see `--debug`.

Each event is one line on stderr (`line_format.py`). Nothing secret can get in:

- An event's name and its fields come from closed sets, and a field is a number, a bool or a short string. No field
  exists for a body, an argument, a result, a header's value, a query, a code, a state, a session id or the id of a
  client's request. Any other type is refused, a `Secret` above all.
- URLs lose their user info, their query, and each part of the path that may be a key.
- The only text from a server is the sentence of a refusal, from which the credentials sent to that server are removed
  (`oauth/error_text.py`).

The module keeps no list of live secrets to compare with: it would be one more place where they are.
"""

import os
import re
import sys
import time
from types import TracebackType
from typing import Literal, Self, TypeAlias, TypedDict, Unpack

from mcp_auth_bridge import __version__
from mcp_auth_bridge.errors import BridgeError, printable
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.console.line_format import Scalar

LogEvent: TypeAlias = Literal[
    "started",
    "profile",
    "oauth",
    "login.listens",
    "login.asks",
    "login.answered",
    "login.granted",
    "mcp",
    "mcp.refused",
    "connected",
    "connection.reused",
    "connection.crossed",
    "connection.over",
    "credentials",
    "lock",
    "store.read",
    "store.saved",
    "store.put_back",
    "store.deleted",
    "session.opened",
    "session.lost",
    "session.closed",
    "stream.resumed",
    "stream.listens",
    "stream.passes_over",
    "relay.waits",
    "relay.fails",
    "relay.call",
    "relay.hangs_up",
]


class LoggedFailure(TypedDict, total=False):
    """The fields that describe an error."""

    # its class
    failure: str
    # its message, if the error is one of the bridge's own
    says: str


class Fields(LoggedFailure, total=False):
    """Every field that an event may have."""

    # version of the bridge
    version: str
    # version of Python
    python: str
    # the platform, as `sys.platform` names it
    system: str
    # the process id of the bridge
    pid: int
    # the command of the command line
    command: str
    # name of the server's profile
    profile: str
    # class of the profile's auth settings, or scheme of the credentials that were sent
    auth: str
    # HTTP method
    verb: str
    # URL without its query
    url: str
    # path of a URL without its query
    path: str
    # JSON-RPC method
    method: str
    # HTTP status
    status: int
    # milliseconds that the block took
    ms: int
    # bytes of the request's body
    bytes: int
    # number of the relay's call
    call: int
    # whether the stream goes on from an earlier one
    again: bool
    # the other end of a connection, as host and port
    peer: str
    # the proxy of the connection
    proxy: str
    # port of the loopback callback
    port: int
    # host of the loopback callback
    host: str
    # issuer of the authorization server
    issuer: str
    # scopes that were granted
    scope: str
    # whether the login has a refresh token
    renewable: bool
    # seconds until a timer ends
    seconds: float
    # error code of a refusal
    error: str
    # the server's own sentence in a refusal, without credentials
    said: str
    # what the event is about: the kind of a record, the name of a lock or of a timer
    what: str
    # how a decision of credentials or of a store ended
    outcome: str
    # status of the refusal that the credentials were asked about
    refused: int | None
    # generation of the record
    generation: int | None


LONGEST = 200  # characters of one field

_SCALARS = (str, int, float, bool, type(None))

_CUT = "…"
_USER_INFO = re.compile(r"(?<=//)[^/?#\s]*@")
_QUERY = re.compile(r"[?#]\S*")
_KEY_IN_PATH = re.compile(
    r"(?=[A-Za-z_%~+=-]*[0-9])[\w%~+=-]{16,}|(?=[a-z_-]*[A-Z][A-Z_-]*[a-z])[A-Za-z_-]{20,}|[A-Za-z]{24,}"
)
"""A run of characters that is not a word, percent-encoded or not: long, and with a digit, in both cases, or unbroken.

Some MCP servers have the user's key in the path of their URL. The closed list of fields does not stop such a key,
which is part of URLs, paths, names of locks and error messages (tests/e2e/test_canaries.py proves it).
"""
_QUOTED = re.compile("“.*”", re.DOTALL)

on = False
"""Whether the log is on. Code that has to compute a field looks at this first."""


def enable(command: str) -> None:
    """Turn the log on for the rest of the process, and write the first event, which describes this process."""
    global on  # noqa: PLW0603 - one process has one stderr, and one decision about it
    on = True
    python = ".".join(map(str, sys.version_info[:3]))
    event("started", version=__version__, command=command, python=python, system=sys.platform, pid=os.getpid())


def event(name: LogEvent, **fields: Unpack[Fields]) -> None:
    """Write one event if the log is on. Raises `TypeError` for an unknown field and for a value that is not a scalar.

    An empty string and None are left out.
    """
    if on:
        checked = {field: _checked(field, value) for field, value in fields.items()}
        terminal.write_event(name, {field: value for field, value in checked.items() if value is not None})


class LogLine:
    """Writes one event when its block ends, with the block's `ms`, and with the failure if an exception leaves it."""

    __slots__ = ("_began", "_fields", "_name")

    def __init__(self, name: LogEvent, fields: Fields) -> None:
        self._name: LogEvent = name
        self._fields = fields
        self._began = time.monotonic()

    def add(self, **fields: Unpack[Fields]) -> None:
        self._fields.update(fields)

    def fail(self, error: BaseException | None) -> None:
        """Add `error`, which the block has caught, as its failure; None adds nothing."""
        if error is not None:
            self.add(**failure(error))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.fail(error)
        self.add(ms=round((time.monotonic() - self._began) * 1000))
        event(self._name, **self._fields)


class _NoLine:
    """Stands in for a `LogLine` while the log is off, at no cost: every message passes here."""

    __slots__ = ()

    def add(self, **_: Unpack[Fields]) -> None:
        pass

    def fail(self, _: BaseException | None) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


_NO_LINE = _NoLine()


def timed(name: LogEvent, **fields: Unpack[Fields]) -> LogLine | _NoLine:
    """`with debug_log.timed(…) as line` writes one event when the block ends; the block may `add` fields to it."""
    return LogLine(name, fields) if on else _NO_LINE


def failure(error: BaseException) -> LoggedFailure:
    """The class of `error`, and the message of a `BridgeError` without its quotations, which may be a server's text."""
    if not isinstance(error, BridgeError):
        return {"failure": type(error).__name__}
    return {"failure": type(error).__name__, "says": _QUOTED.sub("“…”", error.message)}


def _checked(name: str, value: object) -> Scalar | None:
    """`value` as it may be written, None if it is to be left out. Raises as `event`."""
    if name not in Fields.__annotations__ or not isinstance(value, _SCALARS) or type(value) not in _SCALARS:
        raise TypeError(f"not a field of the log: {name}, a {type(value).__name__}")
    return clean(value) or None if isinstance(value, str) else value


def clean(text: str) -> str:
    """`text` in printable characters, at most `LONGEST` of them, and its URLs without what may be secret."""
    text = _USER_INFO.sub(f"{_CUT}@", printable(text[: LONGEST * 4]))
    text = _KEY_IN_PATH.sub(_CUT, _QUERY.sub("", text))
    return text if len(text) <= LONGEST else text[:LONGEST] + _CUT
