"""The log: events in lines that are safe to paste into an issue.

With `--debug` each event is one line on stderr (`line_format.py`), and in the log file of `run` (`log_lines.py`).
Without it, only the events of `MARKED` are written, and only to the log file. Nothing secret can get in:

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
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.console.line_format import Scalar
from mcp_auth_bridge.shell.console.log_text import clean

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
    "relay.starts",
    "relay.waits",
    "relay.fails",
    "relay.call",
    "relay.hangs_up",
]


MARKED: frozenset[LogEvent] = frozenset(
    {
        "started",
        "relay.starts",
        "relay.fails",
        "credentials",
        "login.asks",
        "login.granted",
        "mcp.refused",
        "session.opened",
        "session.lost",
        "session.closed",
    }
)
"""The events that a log file holds without `--debug` too: few, and enough to tell what happened to a user."""


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
    # kind of the store, as the configuration names it
    store: str
    # path of the configuration file
    config: str
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


_SCALARS = (str, int, float, bool, type(None))

_QUOTED = "“.*”"

on = False
"""Whether all events are written. Code that has to compute a field looks at this first."""


def enable() -> None:
    """Write all events for the rest of the process."""
    global on  # noqa: PLW0603 - one process has one stderr, and one decision about it
    on = True


def describe_process(command: str) -> None:
    """Write the first event, which describes this process."""
    python = ".".join(map(str, sys.version_info[:3]))
    event("started", version=__version__, command=command, python=python, system=sys.platform, pid=os.getpid())


def event(name: LogEvent, **fields: Unpack[Fields]) -> None:
    """Write one event, if all are written or it is marked. An empty string and None are left out.

    Raises `TypeError` for an unknown field and for a value that is not a scalar.
    """
    if not on and name not in MARKED:
        return
    checked = {field: _checked(field, value) for field, value in fields.items()}
    written = {field: value for field, value in checked.items() if value is not None}
    if on:
        terminal.write_event(name, written)
    terminal.log_event("info" if name in MARKED else "debug", name, written)


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
    """Stands in for a `LogLine` that is not to be written, at no cost: every message passes here."""

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
    return LogLine(name, fields) if on or name in MARKED else _NO_LINE


def failure(error: BaseException) -> LoggedFailure:
    """The class of `error`, and the message of a `BridgeError` without its quotations, which may be a server's text."""
    if not isinstance(error, BridgeError):
        return {"failure": type(error).__name__}
    return {"failure": type(error).__name__, "says": re.sub(_QUOTED, "“…”", error.message, flags=re.DOTALL)}


def _checked(name: str, value: object) -> Scalar | None:
    """`value` as it may be written, None if it is to be left out. Raises as `event`."""
    if name not in Fields.__annotations__ or not isinstance(value, _SCALARS) or type(value) not in _SCALARS:
        raise TypeError(f"not a field of the log: {name}, a {type(value).__name__}")
    return clean(value) or None if isinstance(value, str) else value
