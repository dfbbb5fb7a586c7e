"""Everything a pure flow may ask of the world, and how it asks.

A flow is a generator: it yields an `Effect` and is sent that effect's result, or is thrown a `BridgeError`. Flows
compose with `yield from`; `shell.drive` performs them; tests play the world by hand.
"""

from collections.abc import Generator, Mapping
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import msgspec

from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Url

R = TypeVar("R")

CALLBACK_PATH = "/callback"
"""Of the redirect URI, where nobody has registered another."""


class Effect(msgspec.Struct, Generic[R], frozen=True):
    """A wish whose fulfilment has the type `R`."""


# The results of different effects differ; `ask` restores each one's type.
Flow: TypeAlias = Generator[Effect[Any], Any, R]


def ask(effect: Effect[R]) -> Flow[R]:
    """Yield one effect and return its result with its type."""
    result: R = yield effect
    return result


class Response(msgspec.Struct, frozen=True):
    """An HTTP answer. `headers` have lower-case names, values in order of arrival; `at` is Unix time in seconds.

    `secrets` are those of the request: nobody repeats them, whatever the answer says.
    """

    status: int
    headers: Mapping[str, tuple[str, ...]]
    body: bytes
    at: float
    secrets: tuple[Secret, ...] = ()

    def header(self, name: str) -> str:
        """The first value of the header `name` (lower case), or ""."""
        return self.headers.get(name, ("",))[0]


class Fetch(Effect[Response], frozen=True):
    """One HTTP exchange with an OAuth server: a POST of the `form` or `document`, otherwise what `method` says.

    `form` is sent as application/x-www-form-urlencoded, `document` as application/json; `headers` may hold secrets.
    `led_by` is the MCP server whose metadata led to `url`: it may lead no nearer than it stands itself
    (`oauth/address_zones.py`); None where the user's own configuration or an earlier login did. `redirects` is how
    many are followed, within the origin; with 0 a redirect is the result.
    Raises `Unreachable`, `UrlRefused` or `OutcomeUnknown`; any status is a result.
    """

    url: Url
    headers: Mapping[str, Secret | str] = {}
    form: Mapping[str, Secret | str] | None = None
    document: bytes | None = None
    method: Literal["GET", "DELETE", "OPTIONS"] = "GET"
    led_by: Url | None = None
    redirects: int = 3

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What is sent as a credential."""
        sent = (*self.headers.values(), *(self.form or {}).values())
        return tuple(value for value in sent if isinstance(value, Secret))


class Listen(Effect[str], frozen=True):
    """Bind the loopback callback and return its redirect URI: at `port` if that is free, else at any; 0 for any.

    `host` is how the URI spells the loopback interface: some servers accept `localhost` and no address. `path` is the
    only one that answers.
    """

    port: int = 0
    host: str = "127.0.0.1"
    path: str = CALLBACK_PATH


class Authorize(Effect[Mapping[str, str]], frozen=True):
    """Send the person to `url` and return the parameters of the first callback that carries `state`.

    Callbacks with another state change nothing. Raises `LoginRequired` when nobody comes back in time.
    """

    url: str
    state: str


class Show(Effect[None], frozen=True):
    """Tell the person to go to `url`, on any device, and to confirm or enter `code` there (RFC 8628 section 3.3)."""

    code: str
    url: str


class Tell(Effect[None], frozen=True):
    """Say what is going on, in one `sentence`."""

    sentence: str


class Sleep(Effect[None], frozen=True):
    """Let `seconds` pass."""

    seconds: float


class Agree(Effect[None], frozen=True):
    """Ask the person to agree to something that a careful one might not: `question` is one sentence.

    `answer` is the option of `login` that says yes in advance. Raises `LoginRequired` without a yes.
    """

    question: str
    answer: str


class Now(Effect[float], frozen=True):
    """The time in Unix seconds, for what is signed with it."""


class Entropy(Effect[bytes], frozen=True):
    """`size` random bytes."""

    size: int
