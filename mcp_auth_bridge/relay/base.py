"""What a relay is told and what it may do: messages in, actions out, no I/O and no clock.

A relay never waits. Time reaches it as `woke`, which answers its own earlier `Wake`. Relays nest: the outer one hands a
message to the inner one and looks at the actions that come back.
"""

import enum
import json
import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import msgspec

from mcp_auth_bridge.errors import BridgeError


class Kind(enum.Enum):
    REQUEST = "request"
    NOTIFICATION = "notification"
    REPLY = "reply"
    BATCH = "batch"


class Message(msgspec.Struct, frozen=True):
    """One JSON-RPC message: its bytes as they arrived (no line end) and a lossless peek at them.

    `id` is the raw JSON of the id (`b'1'` is not `b'"1"'`, `b'1.0'` stays `b'1.0'`), None where there is none;
    `method` is None for responses and batches.
    """

    kind: Kind
    raw: bytes
    id: bytes | None = None
    method: str | None = None

    @property
    def key(self) -> Hashable:
        """The id as a value that compares as JSON does: `1` and `1.0` are one id, `1` and `"1"` are two."""
        raw = self.id or b"null"
        if raw.isdigit():
            return int(raw)  # nearly all of them; each call asks for its key several times
        return json.loads(raw)  # type: ignore[no-any-return]  # ids are strings and numbers

    @property
    def params(self) -> dict[str, Any]:
        """The decoded parameters, {} where there are none by name. Any: they are the server's business."""
        value = decoded(self.raw)
        params = value.get("params") if isinstance(value, dict) else None
        return params if isinstance(params, dict) else {}

    @property
    def target(self) -> Hashable:
        """The key of the request that a `notifications/cancelled` names, None where it names none."""
        named = self.params.get("requestId")
        # To Python, true is 1.
        return named if isinstance(named, str | int | float) and not isinstance(named, bool) else None


def decoded(raw: bytes) -> Any:
    """The value of `raw`, the JSON of a message that passed `peek`, or of a part of one. Any: whatever it says.

    A number beyond the range of a double is None: Python would read infinity, and JSON has no word to write that with.
    """
    return json.loads(raw, parse_float=_finite)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


class Malformed(Exception):
    """Not a JSON-RPC message. `code` is -32700 or -32600; `id` is the raw id where one could be read."""

    def __init__(self, code: int, message: str, id: bytes = b"null") -> None:  # noqa: A002 - the name in JSON-RPC
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = id


class Excessive(Malformed):
    """JSON that goes beyond a limit of `relay/json_limits.py`."""


class ToClient(msgspec.Struct, frozen=True):
    """Write `message` to the MCP client."""

    message: Message


class ToServer(msgspec.Struct, frozen=True):
    """POST `message`; what comes back arrives under the number `call`. `headers` are those of the protocol's rules."""

    call: int
    message: Message
    headers: Mapping[str, str] = {}


class Fail(msgspec.Struct, frozen=True):
    """Answer `request` with `error`. An outer relay may know better; else `answers.failure` finds the words."""

    request: Message
    error: BridgeError


class Hangup(msgspec.Struct, frozen=True):
    """Stop whatever still runs under `call`; nothing more of it arrives."""

    call: int


class OpenStream(msgspec.Struct, frozen=True):
    """Open the server's own stream (GET), in place of the one that may be open; it arrives under the call `STREAM`."""

    headers: Mapping[str, str] = {}


class SessionOpened(msgspec.Struct, frozen=True):
    """A session with the server is open and confirmed: the first one, or one in place of another that was lost.

    It is for the outer relays, which have to say or to repeat something in each session. The shell does nothing for it.
    """


class Wake(msgspec.Struct, frozen=True):
    """Call `woke(timer)` in `seconds`; a later Wake of the same timer replaces this one."""

    timer: str
    seconds: float


class Remember(msgspec.Struct, frozen=True):
    """Keep the `result` (raw JSON) of `method` for the next process: what this remote said last time."""

    method: str
    result: bytes


class SignIn(msgspec.Struct, frozen=True):
    """Log a person in, if one can be expected; it ends as the call `SIGN_IN`: well, or with why there is no login."""


class Note(msgspec.Struct, frozen=True):
    """Say `text` in the log."""

    text: str


class Report(msgspec.Struct, frozen=True):
    """Say in the log that something failed."""

    error: BridgeError


Action: TypeAlias = (
    ToClient | ToServer | Fail | Hangup | OpenStream | SessionOpened | Wake | Remember | SignIn | Note | Report
)


class Relay(Protocol):
    """Invariant, for every history: each client request gets exactly one answer, unless the client cancelled it."""

    def from_client(self, message: Message) -> Iterable[Action]: ...

    def from_server(self, call: int, message: Message) -> Iterable[Action]: ...

    def ended(self, call: int, error: BridgeError | None) -> Iterable[Action]:
        """Nothing more comes under `call`, which ended well (None) or for a reason."""

    def woke(self, timer: str) -> Iterable[Action]: ...


class Around:
    """A relay around a relay: everything goes in to the `inner` one, and `_seen` looks at what comes back."""

    def __init__(self, inner: Relay) -> None:
        self._inner = inner

    def from_client(self, message: Message) -> Iterator[Action]:
        yield from self._seen(self._inner.from_client(message))

    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        yield from self._seen(self._inner.from_server(call, message))

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        yield from self._seen(self._inner.ended(call, error))

    def woke(self, timer: str) -> Iterator[Action]:
        yield from self._seen(self._inner.woke(timer))

    def _seen(self, actions: Iterable[Action]) -> Iterator[Action]:
        yield from actions
