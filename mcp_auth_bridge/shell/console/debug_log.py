"""The debug log: what happened, in lines that are safe to paste into an issue. Off by default; see `--debug`.

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
    "connection.over",
    "credentials",
    "lock",
    "store.read",
    "store.saved",
    "store.put_back",
    "store.deleted",
    "session.opened",
    "session.closed",
    "stream.resumed",
    "stream.listens",
    "relay.waits",
    "relay.fails",
    "relay.call",
    "relay.hangs_up",
]


class LoggedFailure(TypedDict, total=False):
    """An error: its class, and its words if they are ours."""

    failure: str
    says: str


class Fields(LoggedFailure, total=False):
    """Every field that there is. `ms` are milliseconds, `bytes` those of a body, `said` is a server's own sentence."""

    version: str
    python: str
    system: str
    pid: int
    command: str
    profile: str
    auth: str
    verb: str
    url: str
    path: str
    method: str
    status: int
    ms: int
    bytes: int
    call: int
    again: bool
    peer: str
    proxy: str
    port: int
    host: str
    issuer: str
    scope: str
    renewable: bool
    seconds: float
    error: str
    said: str
    what: str
    outcome: str
    refused: int | None
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

Some MCP servers have the user's key in the path of their URL. The closed list of fields does not stop that one, which
stands in URLs, paths, names of locks and error messages (tests/e2e/test_canaries.py proves it).
"""
_QUOTED = re.compile("“.*”", re.DOTALL)

on = False
"""Whether there is a log. Whoever has to compute a field looks at this first."""


def begin(command: str) -> None:
    """There is a log from now on, and it says first what it is about."""
    global on  # noqa: PLW0603 - one process has one stderr, and one decision about it
    on = True
    python = ".".join(map(str, sys.version_info[:3]))
    event("started", version=__version__, command=command, python=python, system=sys.platform, pid=os.getpid())


def event(name: LogEvent, **fields: Unpack[Fields]) -> None:
    """Write one event, if there is a log. Raises `TypeError` for what is no scalar and for what has no field."""
    if on:
        checked = {field: _checked(field, value) for field, value in fields.items()}
        terminal.record(name, {field: value for field, value in checked.items() if value is not None})


class LogLine:
    """One event at the end of a block, with its `ms`, and the failure if an exception leaves it."""

    __slots__ = ("_began", "_fields", "_name")

    def __init__(self, name: LogEvent, fields: Fields) -> None:
        self._name: LogEvent = name
        self._fields = fields
        self._began = time.monotonic()

    def add(self, **fields: Unpack[Fields]) -> None:
        self._fields.update(fields)

    def fail(self, error: BaseException | None) -> None:
        """Say how the block ended, where an error does not leave it."""
        if error is not None:
            self.add(**failure(error))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.fail(error)
        self.add(ms=round((time.monotonic() - self._began) * 1000))
        event(self._name, **self._fields)


class _NoLine:
    """Stands for a `Line` while there is no log: this is on every message's way."""

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
    """`with log.timed(…) as line`: one event when the block is over, to which the block may `add` fields."""
    return LogLine(name, fields) if on else _NO_LINE


def failure(error: BaseException) -> LoggedFailure:
    """The class of `error`, and what one of ours says without what it quotes: that may be the remote's."""
    if not isinstance(error, BridgeError):
        return {"failure": type(error).__name__}
    return {"failure": type(error).__name__, "says": _QUOTED.sub("“…”", error.message)}


def _checked(name: str, value: object) -> Scalar | None:
    """`value` fit for the log, None for what need not be said. Raises `TypeError` for what must not be."""
    if name not in Fields.__annotations__ or not isinstance(value, _SCALARS) or type(value) not in _SCALARS:
        raise TypeError(f"no field of the log: {name}, a {type(value).__name__}")
    return clean(value) or None if isinstance(value, str) else value


def clean(text: str) -> str:
    """`text` in printable characters, at most `LONGEST` of them, and its URLs without what may be secret."""
    text = _USER_INFO.sub(f"{_CUT}@", printable(text[: LONGEST * 4]))
    text = _KEY_IN_PATH.sub(_CUT, _QUERY.sub("", text))
    return text if len(text) <= LONGEST else text[:LONGEST] + _CUT
