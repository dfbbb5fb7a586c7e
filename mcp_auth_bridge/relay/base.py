"""The vocabulary of the relays: messages go in, actions come out. A relay has no I/O and no clock.

A relay never waits: it returns `Wake`, and its `woke` is called when the time is over. Relays nest: the outer one
hands a message to the inner one and reviews the actions that come back.

Each message passes some twenty relays, and few of them have anything to do with it. So the methods that see every
message are plain: a method looks whether the message or an action concerns its relay, by type first, and hands on the
sequence of the inner relay itself if not. The work that is seldom done is written as a generator and `collected`.
Nothing is lazy: a relay has finished with a message before the outer one sees the first action. No relay changes a
sequence that it got from another one or has returned.
"""

import functools
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, ParamSpec, Protocol, TypeAlias

import msgspec

from mcp_auth_bridge.errors import BridgeError


class Kind:
    """The kind of a message: one of the four below, each compared by identity.

    It is not an `enum`: each look at a member of one costs a thousand instructions before Python 3.12, and there are
    dozens for a message.
    """

    REQUEST: ClassVar["Kind"]
    NOTIFICATION: ClassVar["Kind"]
    REPLY: ClassVar["Kind"]
    BATCH: ClassVar["Kind"]

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Kind.{self.name}"


Kind.REQUEST, Kind.NOTIFICATION, Kind.REPLY, Kind.BATCH = map(Kind, ("REQUEST", "NOTIFICATION", "REPLY", "BATCH"))

_text = msgspec.json.Decoder(str)
_set = msgspec.structs.force_setattr


REQUEST, NOTIFICATION, REPLY, BATCH = Kind.REQUEST, Kind.NOTIFICATION, Kind.REPLY, Kind.BATCH
"""The same under names of their own: to find a member of an enumeration, Python 3.11 takes longer than for a call."""


class Message(msgspec.Struct, frozen=True):
    """One JSON-RPC message: its bytes as they arrived, without a line end, and the members that the relays look at.

    `id` is the raw JSON of the id (`b'1'` is not `b'"1"'`, `b'1.0'` stays `b'1.0'`), None if the message has no id.
    `method` is None for replies and batches. `is_stateless`: it is a reply to `initialize` that names no session.
    `is_result`: it is a reply that is known to have no `error`, so that nothing has to be decoded to find that out.
    `key` is made of the id, whatever it is given: a value that compares as JSON does (`1` and `1.0` are one id, `1` and
    `"1"` are two), None if the message has no id.
    """

    kind: Kind
    raw: bytes
    id: bytes | None = None
    method: str | None = None
    is_result: bool = False
    is_stateless: bool = False
    key: Hashable = None

    def __post_init__(self) -> None:
        # Once, because each call asks for its key dozens of times.
        _set(self, "key", _key(self.id) if self.id else None)

    @property
    def params(self) -> dict[str, Any]:
        """The decoded parameters, {} if there are no named ones. Any: the MCP server defines them."""
        value = decoded(self.raw)
        params = value.get("params") if isinstance(value, dict) else None
        return params if isinstance(params, dict) else {}

    @property
    def cancelled_key(self) -> Hashable:
        """The key of the request that a `notifications/cancelled` names, None if it does not name one."""
        named = self.params.get("requestId")
        # To Python, true is 1.
        return named if isinstance(named, str | int | float) and not isinstance(named, bool) else None


def _key(id_: bytes) -> Hashable:
    if id_.isdigit():
        return int(id_)  # nearly all of them
    try:
        return _text.decode(id_)
    except msgspec.DecodeError:  # another number, or a text with a lone surrogate, which msgspec refuses
        return json.loads(id_)  # type: ignore[no-any-return]


def decoded(raw: bytes) -> Any:
    """The value of the JSON `raw`: a message that passed `peek`, or a part of one. Any: it is any JSON.

    A number beyond the range of a double becomes None. Python would read infinity, which JSON cannot express.
    """
    return json.loads(raw, parse_float=_finite)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


class Malformed(Exception):
    """Raised for bytes that are not a JSON-RPC message.

    `code` is -32700 or -32600 (JSON-RPC 2.0 section 5.1). `id` is the raw id if it could be read, else `null`.
    """

    def __init__(self, code: int, message: str, id: bytes = b"null") -> None:  # noqa: A002 - the name in JSON-RPC
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = id


class Excessive(Malformed):
    """Raised for JSON that exceeds a limit of `relay/json_limits.py`."""


class ToClient(msgspec.Struct, frozen=True):
    """Write `message` to the MCP client."""

    message: Message


class ToServer(msgspec.Struct, frozen=True):
    """POST `message` to the MCP server. Everything that comes back arrives under the number `call`.

    `headers` are those that MCP prescribes for this message.
    """

    call: int
    message: Message
    headers: Mapping[str, str] = {}


class Fail(msgspec.Struct, frozen=True):
    """Answer `request` with `error`. An outer relay may answer it in another way; else `replies.failure` does."""

    request: Message
    error: BridgeError


class Hangup(msgspec.Struct, frozen=True):
    """Stop the requests that still run under `call`. Nothing more arrives under it."""

    call: int


class OpenStream(msgspec.Struct, frozen=True):
    """Open the server's own stream (GET), and close an earlier one. Its messages arrive under the call `STREAM`."""

    headers: Mapping[str, str] = {}


class SessionOpened(msgspec.Struct, frozen=True):
    """A session with the server is open and confirmed: the first one, or one in place of another that was lost.

    It is for the outer relays, which have to say or to repeat something in each session. The shell does nothing for it.
    """


class Wake(msgspec.Struct, frozen=True):
    """Call `woke(timer)` after `seconds`. A later `Wake` of the same timer replaces this one."""

    timer: str
    seconds: float


class Remember(msgspec.Struct, frozen=True):
    """Keep the server's `result` (raw JSON) of `method` for the next process."""

    method: str
    result: bytes


class SignIn(msgspec.Struct, frozen=True):
    """Start a login by the user. It ends as the call `SIGN_IN`, with an error if the login failed."""


class Note(msgspec.Struct, frozen=True):
    """Write `text` to the log."""

    text: str


class Report(msgspec.Struct, frozen=True):
    """Write `error` and its hint to the log."""

    error: BridgeError


Action: TypeAlias = (
    ToClient | ToServer | Fail | Hangup | OpenStream | SessionOpened | Wake | Remember | SignIn | Note | Report
)


NOTHING: Sequence[Action] = ()
"""No action."""

AFTER_FAULT = "after a fault"
"""The timer that wakes every relay once one of them has raised an exception: the actions of that entry are lost.

A relay that remembers that it has set a timer, or has sent a request of its own, sets or sends it again.
"""

FORGET_INITIALIZE = "forget initialize"
"""The timer that wakes every relay once a fault has answered the client's `initialize`, which cannot be cancelled."""

_Parameters = ParamSpec("_Parameters")


def collected(generate: Callable[_Parameters, Iterator[Action]]) -> Callable[_Parameters, list[Action]]:
    """Decorates a generator of actions: a call runs it to its end and returns them all."""

    @functools.wraps(generate)
    def collect(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> list[Action]:
        return list(generate(*args, **kwargs))

    return collect


class Relay(Protocol):
    """Invariant, for every history: each client request gets exactly one reply, unless the client cancelled it."""

    def from_client(self, message: Message) -> Sequence[Action]: ...

    def from_server(self, call: int, message: Message) -> Sequence[Action]: ...

    def alive(self, call: int) -> Sequence[Action]:
        """The server has accepted the message of `call`, or has sent bytes in return that are not a message yet.

        It comes before the messages of the call and between them, not with each.
        """

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        """Nothing more arrives under `call`. `error` is None if it ended without one."""

    def woke(self, timer: str) -> Sequence[Action]: ...


_ENTRIES = ("from_client", "from_server", "alive", "ended", "woke")


class Around:
    """Passes everything on to the relay `inner`, and hands back its actions."""

    _passed_on: ClassVar[tuple[str, ...]] = ()
    """The entries that a subclass leaves as they are."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._passed_on = tuple(entry for entry in _ENTRIES if getattr(cls, entry) is getattr(Around, entry))

    def __init__(self, inner: Relay) -> None:
        self._inner = inner
        for entry in self._passed_on:
            setattr(self, entry, getattr(inner, entry))  # in place of a method: a call less for each message

    def from_client(self, message: Message) -> Sequence[Action]:
        return self._inner.from_client(message)

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        return self._inner.from_server(call, message)

    def alive(self, call: int) -> Sequence[Action]:
        return self._inner.alive(call)

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        return self._inner.ended(call, error)

    def woke(self, timer: str) -> Sequence[Action]:
        return self._inner.woke(timer)


class Reviewing(Around, ABC):
    """Reviews the actions that come back from the relay `inner`."""

    def from_client(self, message: Message) -> Sequence[Action]:
        actions = self._inner.from_client(message)
        return self._review(actions) if actions else actions

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        actions = self._inner.from_server(call, message)
        return self._review(actions) if actions else actions

    def alive(self, call: int) -> Sequence[Action]:
        actions = self._inner.alive(call)
        return self._review(actions) if actions else actions

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        actions = self._inner.ended(call, error)
        return self._review(actions) if actions else actions

    def woke(self, timer: str) -> Sequence[Action]:
        actions = self._inner.woke(timer)
        return self._review(actions) if actions else actions

    @abstractmethod
    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        """The `actions` of the inner relay as this one hands them back: themselves, if none concerns it."""


class Occasional(Reviewing, ABC):
    """Has something to do on occasion only: see `shortcut.py`."""

    @property
    @abstractmethod
    def is_idle(self) -> bool:
        """Whether this is not an occasion.

        Then it hands on the call of a tool and the like, and everything from the server, and hands back all actions but
        those that `Shortcut` looks for.
        """

    def review(self, actions: Sequence[Action]) -> Sequence[Action]:
        """The `actions` of the inner relay as this one hands them back."""
        return self._review(actions) if actions else actions
