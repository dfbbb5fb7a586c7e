"""The effects that a pure flow may ask the shell to perform, and the generator by which it asks.

A flow is a generator: it yields an `Effect` and is sent that effect's result, or is thrown a `BridgeError`. Flows
compose with `yield from`; `shell.run_flow` performs the effects; tests play the shell by hand.
"""

from collections.abc import Generator, Mapping
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import msgspec

from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import CALLBACK_PATH, Url

R = TypeVar("R")


class Effect(msgspec.Struct, Generic[R], frozen=True):
    """Something that the shell does for a flow; `R` is the type of its result."""


# The results of different effects differ; `ask` restores each one's type.
Flow: TypeAlias = Generator[Effect[Any], Any, R]


def ask(effect: Effect[R]) -> Flow[R]:
    """Yield one effect and return its result with its type."""
    result: R = yield effect
    return result


class Response(msgspec.Struct, frozen=True):
    """An HTTP response of an OAuth server."""

    # The HTTP status code.
    status: int
    # By lower-case name; values in order of arrival.
    headers: Mapping[str, tuple[str, ...]]
    # The whole body.
    body: bytes
    # When it arrived: Unix time in seconds.
    at: float
    # The secrets of the request. No message repeats them, even if the response does.
    secrets: tuple[Secret, ...] = ()

    def header(self, name: str) -> str:
        """The first value of the header `name` (lower case), "" if it is absent."""
        return self.headers.get(name, ("",))[0]


class Fetch(Effect[Response], frozen=True):
    """One HTTP exchange with an OAuth server. A response of any status is a result.

    Raises `Unreachable`, `UrlRefused` or `OutcomeUnknown`.
    """

    # The URL of the request. It has passed the gate.
    url: Url
    # Sent besides those that HTTP needs, by lower-case name.
    headers: Mapping[str, Secret | str] = {}
    # Posted as application/x-www-form-urlencoded.
    form: Mapping[str, Secret | str] | None = None
    # Posted as application/json.
    document: bytes | None = None
    # Of a request without `form` and `document`.
    method: Literal["GET", "DELETE", "OPTIONS"] = "GET"
    # The MCP server whose metadata name `url`: `url` must not lead nearer to this machine than the MCP server itself is
    # (`oauth/address_zones.py`). None if the user's configuration or an earlier login names `url`.
    led_by: Url | None = None
    # How many redirects are followed, within the origin. With 0, a redirect is the result.
    redirects: int = 3

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets that the request sends."""
        sent = (*self.headers.values(), *(self.form or {}).values())
        return tuple(value for value in sent if isinstance(value, Secret))


class Listen(Effect[str], frozen=True):
    """Bind the loopback callback and return its redirect URI.

    It listens at `port` if that is free, else at any port; 0 means any port. `host` is the name of the loopback
    interface in the URI: some authorization servers accept `localhost` and refuse addresses. Only `path` is served.
    """

    port: int = 0
    host: str = "127.0.0.1"
    path: str = CALLBACK_PATH


class Authorize(Effect[Mapping[str, str]], frozen=True):
    """Open `url` in the user's browser and return the parameters of the first callback with `state`.

    Callbacks with another state are ignored. Raises `LoginRequired` if no callback arrives in time.
    """

    url: str
    state: str


class Show(Effect[None], frozen=True):
    """Ask the user to open `url` on any device and to confirm or enter `code` there (RFC 8628 section 3.3)."""

    code: str
    url: str


class Tell(Effect[None], frozen=True):
    """Print one `sentence` about the progress of the login."""

    sentence: str


class Sleep(Effect[None], frozen=True):
    """Wait for `seconds`."""

    seconds: float


class Agree(Effect[None], frozen=True):
    """Ask the user a `question`, of one sentence, about something that a careful user might refuse.

    `answer` is the option of `login` that agrees in advance. Raises `LoginRequired` unless the user agrees.
    """

    question: str
    answer: str


class Now(Effect[float], frozen=True):
    """The Unix time in seconds, for signatures."""


class Entropy(Effect[bytes], frozen=True):
    """`size` random bytes."""

    size: int
