"""The formats of a line on stderr: text for people, or a JSON object for programs (`--log-format json`).

Every object has `time` (RFC 3339, UTC), `level` and, once a server is chosen, `server`. By level:

    error   `message`; `code`, `exit_code`, `rpc_code`, `sent`, `retry_safe`, `action`, and the error's own facts:
            the same as in `data` of the bridge's JSON-RPC errors
    info    `message`; `url` where the user is to open one
    debug   `event`, and the fields of that event (`--debug`)

The log file has lines of the same form (`log_lines.py`).
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from mcp_auth_bridge.errors import BridgeError, error_data, printable
from mcp_auth_bridge.shell.console.stderr import Stderr
from mcp_auth_bridge.shell.console.text_layout import terminal_width, wrap_lines

PREFIX = "mcp-auth-bridge: "
_INDENT = "  "

_BARE = r"[\w./:@%~,\[\]…+-]+"

Scalar: TypeAlias = str | int | float | bool
DroppedLine: TypeAlias = Callable[[int], str]
"""Makes the line that says how many lines were dropped."""


class Sink(Protocol):
    """Where lines go: stderr, or a file."""

    def write(self, text: str) -> None:
        """Write `text`, which is whole lines, or drop it. Never raises, and never waits."""


class LineFormat(Protocol):
    """Writes to stderr, or to the log file."""

    def set_server(self, name: str) -> None:
        """Say that all later lines are about the server `name`, "" for no server."""

    def write_message(self, text: str) -> None:
        """Write what is going on."""

    def write_url(self, url: str) -> None:
        """Write a URL that the user is to open."""

    def write_error(self, error: BridgeError) -> None:
        """Write the message of `error`, its hint, and for programs its codes and facts."""

    def write_event(self, name: str, fields: Mapping[str, Scalar]) -> None:
        """Write one event of the debug log."""

    def pass_on(self, lines: str) -> None:
        """Write `lines` that another process of the bridge has written: those of `JsonLines`, and Python's own."""


class TextLines:
    """The format for people. In a log each line begins with the prefix, so that it can be found. On a terminal only the
    first line does, and messages fill the width. The server is not named: a host runs one bridge for each server, and
    shows their lines apart.
    """

    def __init__(self) -> None:
        self._stderr = Stderr(lambda count: f"{PREFIX}{_missing(count)}\n")
        self._first = PREFIX

    def set_server(self, name: str) -> None:
        pass

    def write_message(self, text: str) -> None:
        columns = terminal_width()
        if not columns:
            self._line(text)
            return
        first, self._first = self._first, _INDENT
        self._stderr.write("".join(f"{line}\n" for line in wrap_lines(printable(text), columns, first)))

    def write_url(self, url: str) -> None:
        # On a line of its own, unwrapped, so that it can be copied.
        self._stderr.write(f"\n{printable(url)}\n\n")

    def write_error(self, error: BridgeError) -> None:
        self.write_message(error.message)
        if error.hint:
            self.write_message(f"hint: {error.hint}")

    def write_event(self, name: str, fields: Mapping[str, Scalar]) -> None:
        self._event(clock("%H:%M:%S"), name, fields)

    def pass_on(self, lines: str) -> None:
        for line in decode_lines(lines):
            if isinstance(line, str):
                self._stderr.write(f"{line}\n")
                continue
            at = line.pop("time")[11:]
            del line["level"]
            line.pop("server", None)
            if name := line.pop("event", None):
                self._event(at, name, line)
            else:
                self._line(line["message"])

    def _event(self, at: str, name: str, fields: Mapping[str, Scalar]) -> None:
        shown = "".join(f" {key}={_shown(value)}" for key, value in fields.items())
        self._line(f"debug {at} {name}{shown}")

    def _line(self, text: str) -> None:
        self._stderr.write(f"{PREFIX}{printable(text)}\n")


class JsonLines:
    """The format for programs. An agent may start ten bridges that share one stderr, so each line names its server."""

    def __init__(self, open_sink: Callable[[DroppedLine], Sink] = Stderr) -> None:
        self._sink = open_sink(lambda count: self._line("info", {"message": self._missing(count)}))
        self._server: dict[str, str] = {}

    def set_server(self, name: str) -> None:
        self._server = {"server": name} if name else {}

    def write_message(self, text: str) -> None:
        self._write("info", {"message": printable(text)})

    def write_url(self, url: str) -> None:
        self._write("info", {"message": "open this address in a browser", "url": printable(url)})

    def write_error(self, error: BridgeError) -> None:
        codes = {"exit_code": error.exit_code, "rpc_code": error.rpc_code}
        self._write("error", {"message": printable(error.message), **codes, **error_data(error)})

    def write_event(self, name: str, fields: Mapping[str, Scalar]) -> None:
        self._write("debug", {"event": name, **fields})

    def pass_on(self, lines: str) -> None:
        self._sink.write(lines)

    def _missing(self, count: int) -> str:
        return _missing(count)

    def _write(self, level: str, members: Mapping[str, object]) -> None:
        self._sink.write(self._line(level, members))

    def _line(self, level: str, members: Mapping[str, object]) -> str:
        import json  # only programs need it; unlike msgspec it writes lone surrogates, as a file's name may hold

        document = {"time": clock("%Y-%m-%dT%H:%M:%S"), "level": level, **self._server, **members}
        return json.dumps(document) + "\n"


def decode_lines(lines: str) -> Iterator[dict[str, Any] | str]:
    """Each line of `lines` as the object that `JsonLines` has written, or as it is if it is not one. Any: JSON."""
    import json  # as above

    for line in lines.splitlines():
        try:
            decoded = json.loads(line)
        except ValueError:
            decoded = None
        yield decoded if isinstance(decoded, dict) and {"time", "level"} <= decoded.keys() else line


def _missing(count: int) -> str:
    return f"{count} lines are missing here, because stderr was not read in time"


def _shown(value: Scalar) -> str:
    if not isinstance(value, str):
        return f"{value:g}" if isinstance(value, float) else str(value).lower()
    return value if re.fullmatch(_BARE, value) else '"' + value.replace('"', "'") + '"'


def clock(shape: str) -> str:
    """The time in UTC, in the `shape` of `strftime`, with milliseconds."""
    now = time.time()
    return f"{time.strftime(shape, time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"
