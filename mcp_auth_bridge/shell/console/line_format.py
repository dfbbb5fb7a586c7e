"""How lines on stderr are written: in words, or one JSON object a line for programs (`--log-format json`).

Every object has `time` (RFC 3339, UTC), `level` and, once a server is chosen, `server`. By level:

    error   `message`; `code`, `exit_code`, `rpc_code`, `sent`, `retry_safe`, `action`, and what else is known of it:
            the same as in `data` of the bridge's JSON-RPC errors
    info    `message`; `url` where a person is to open one
    debug   `event`, and the fields of that event (`--debug`)
"""

import re
import time
from collections.abc import Mapping
from typing import Protocol, TypeAlias

from mcp_auth_bridge.errors import BridgeError, described, printable
from mcp_auth_bridge.shell.console.stderr import Stderr
from mcp_auth_bridge.shell.console.text_layout import lines, width

PREFIX = "mcp-auth-bridge: "
_INDENT = "  "

_BARE = re.compile(r"[\w./:@%~,\[\]…+-]+")

Scalar: TypeAlias = str | int | float | bool


class LineFormat(Protocol):
    def about(self, server: str) -> None:
        """All that follows is about `server`."""

    def note(self, text: str) -> None: ...

    def url(self, url: str) -> None: ...

    def failure(self, error: BridgeError) -> None: ...

    def event(self, name: str, fields: Mapping[str, Scalar]) -> None: ...

    def pass_on(self, said: str) -> None:
        """Write the lines `said` that another process of ours has written in this form."""


class TextLines:
    """For people: one prefixed line each, that a log can be searched for; on a terminal they fill its width, and the
    prefix stands once. A host runs one bridge for each server, and shows their words apart.
    """

    def __init__(self) -> None:
        self._stderr = Stderr(lambda count: f"{PREFIX}{_missing(count)}\n")
        self._first = PREFIX

    def about(self, server: str) -> None:
        pass

    def note(self, text: str) -> None:
        columns = width()
        if not columns:
            self._line(text)
            return
        first, self._first = self._first, _INDENT
        self._stderr.write("".join(f"{line}\n" for line in lines(printable(text), columns, first)))

    def url(self, url: str) -> None:
        """On a line of its own, unwrapped, so that it can be copied."""
        self._stderr.write(f"\n{printable(url)}\n\n")

    def failure(self, error: BridgeError) -> None:
        self.note(error.message)
        if error.hint:
            self.note(f"hint: {error.hint}")

    def event(self, name: str, fields: Mapping[str, Scalar]) -> None:
        shown = "".join(f" {key}={_shown(value)}" for key, value in fields.items())
        self._line(f"debug {_clock('%H:%M:%S')} {name}{shown}")

    def pass_on(self, said: str) -> None:
        self._stderr.write(said)

    def _line(self, text: str) -> None:
        self._stderr.write(f"{PREFIX}{printable(text)}\n")


class JsonLines:
    """For programs. An agent may start ten bridges that share one stderr: each line says whose it is."""

    def __init__(self) -> None:
        self._stderr = Stderr(lambda count: self._line("info", {"message": _missing(count)}))
        self._server: dict[str, str] = {}

    def about(self, server: str) -> None:
        self._server = {"server": server} if server else {}

    def note(self, text: str) -> None:
        self._write("info", {"message": printable(text)})

    def url(self, url: str) -> None:
        self._write("info", {"message": "open this address in a browser", "url": printable(url)})

    def failure(self, error: BridgeError) -> None:
        codes = {"exit_code": error.exit_code, "rpc_code": error.rpc_code}
        self._write("error", {"message": printable(error.message), **codes, **described(error)})

    def event(self, name: str, fields: Mapping[str, Scalar]) -> None:
        self._write("debug", {"event": name, **fields})

    def pass_on(self, said: str) -> None:
        self._stderr.write(said)

    def _write(self, level: str, members: Mapping[str, object]) -> None:
        self._stderr.write(self._line(level, members))

    def _line(self, level: str, members: Mapping[str, object]) -> str:
        import json  # for programs alone; unlike msgspec it writes what no encoding can, as a file's name may hold

        document = {"time": _clock("%Y-%m-%dT%H:%M:%S"), "level": level, **self._server, **members}
        return json.dumps(document) + "\n"


def _missing(count: int) -> str:
    return f"{count} lines are missing here, because nobody read them in time"


def _shown(value: Scalar) -> str:
    if not isinstance(value, str):
        return f"{value:g}" if isinstance(value, float) else str(value).lower()
    return value if _BARE.fullmatch(value) else '"' + value.replace('"', "'") + '"'


def _clock(shape: str) -> str:
    now = time.time()
    return f"{time.strftime(shape, time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"
