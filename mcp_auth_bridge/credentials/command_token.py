"""What a command prints → a token and its end: one line of text, or a JSON document of a kind that many CLIs share."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from mcp_auth_bridge.credentials.services import Companion, at_once
from mcp_auth_bridge.errors import BridgeError, CredentialMissing, StoreError, quoted
from mcp_auth_bridge.oauth.claims import expiry, numeric_date
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.stores.base import Stale, Store

_LEAD, _SHORTEST_LEAD = 30.0, 2.0
"""Seconds before its end at which a token is replaced: a tenth of what is left of it, within these bounds. Clocks and
ends are rounded to whole seconds, and half of a very short life is all that can be done about that.
"""

_SHORTEST_LIFE = 1.0
"""Seconds for which what was printed is used in any case: a CLI may print a cached token to its last second."""

_TOKENS = ("access_token", "token", "accessToken")
"""RFC 6749 section 5.1; gcloud, Kubernetes' ExecCredential; az."""

_ENDS = ("expires_at", "expires_on", "expiry", "token_expiry", "expirationTimestamp")
"""az, Go's oauth2.Token, gcloud, Kubernetes. az's `expiresOn` is in a local time that it does not name."""

_WITHIN = ("status", "credential")
"""Where Kubernetes (client.authentication.k8s.io) and `gcloud config config-helper` keep them."""


class CommandReply(msgspec.Struct, frozen=True):
    """A token. Times are Unix seconds; without `expires_at` it is good until it is refused."""

    value: Secret
    obtained_at: float
    expires_at: float | None = None

    def due(self, now: float) -> bool:
        """Whether it should be replaced before its next use."""
        if self.expires_at is None:
            return False
        left = max(0.0, self.expires_at - self.obtained_at)
        lead = min(max(0.1 * left, _SHORTEST_LEAD), _LEAD, 0.5 * left)
        return now >= max(self.expires_at - lead, self.obtained_at + _SHORTEST_LIFE)


def printed(text: Secret, argv: tuple[str, ...], now: float) -> CommandReply:
    """The token in what `argv` printed at `now`. Raises `CredentialMissing`, which repeats nothing of it."""
    value, ends = _read(text.reveal().strip(), argv, now)
    known = [end for end in (ends, expiry(value)) if end is not None]
    return CommandReply(Secret(value), now, min(known, default=None))


def _read(text: str, argv: tuple[str, ...], now: float) -> tuple[str, float | None]:
    if text.startswith("{"):
        return _from_document(text, argv, now)
    if (count := len(text.splitlines())) != 1:
        raise _unfit(
            argv, f"printed {count} lines", "let it print the token alone, or a JSON document with access_token"
        )
    return text, None


def _from_document(text: str, argv: tuple[str, ...], now: float) -> tuple[str, float | None]:
    hint = f"one of its names must be {' or '.join(_TOKENS)}, and its value a text"
    try:
        document = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        raise _unfit(argv, "printed something that begins like JSON and is none", hint) from None
    for place in (document, *(document.get(name) for name in _WITHIN)):
        if isinstance(place, dict) and (token := _first_text(place)):
            return token, _end(place, now)
    raise _unfit(argv, "printed a JSON document without a token", hint)


def _first_text(place: Mapping[str, Any]) -> str:
    found = [place[name] for name in _TOKENS if isinstance(place.get(name), str)]
    return next(filter(None, found), "")


def _end(place: Mapping[str, Any], now: float) -> float | None:
    """When the token of such a document ends: what cannot be understood is left to the server's refusal."""
    if (lifetime := numeric_date(place.get("expires_in"))) is not None:
        return now + lifetime
    ends = (_moment(place[name]) for name in _ENDS if name in place)
    return next((end for end in ends if end is not None), None)


def _moment(value: Any) -> float | None:  # Any: a member of a foreign JSON document
    """A NumericDate, or a date of RFC 3339, which names its zone."""
    if not isinstance(value, str) or value.isdecimal():
        return numeric_date(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def _unfit(argv: tuple[str, ...], problem: str, hint: str) -> CredentialMissing:
    return CredentialMissing(f"the command {quoted(argv[0])} {problem}", hint)


RECORDS = "printed "
"""The keys of the records that share what a command printed begin so."""


class CommandServices(msgspec.Struct, frozen=True):
    """What the shell lends: what the command prints, a kernel lock around it, the store that its tokens are shared
    through (None where nothing is kept, or a keyring would have to be asked), the time (Unix seconds), a person's
    attention for what went wrong without stopping anything, and a way to ask the store `beside` the loop.
    """

    read: Callable[[], Awaitable[Secret]]
    lock: Callable[[], AbstractAsyncContextManager[None]]
    open_store: Callable[[], Awaitable[Store]] | None
    now: Callable[[], float]
    warn: Callable[[BridgeError], None]
    beside: Companion = at_once


class CommandToken:
    """What a command prints, until shortly before it ends, or until it is refused.

    The command is run once for everybody who waits, by one process at a time, and its token is everybody's: `key` names
    the record in the store.
    """

    def __init__(self, key: str, argv: tuple[str, ...], services: CommandServices) -> None:
        self._key = key
        self._argv = argv
        self._services = services
        self._printed: CommandReply | None = None
        self._fetching: asyncio.Future[CommandReply] | None = None
        self._warned = False

    async def read(self, refused: Secret | None = None) -> Secret:
        while (current := self._good(refused)) is None:
            if self._fetching is None:
                return (await asyncio.shield(self._begin(refused))).value
            await asyncio.shield(self._fetching)  # and look whether that was good enough
        return current.value

    def _good(self, refused: Secret | None) -> CommandReply | None:
        current = self._printed
        usable = current is not None and not current.due(self._services.now()) and current.value != refused
        return current if usable else None

    def _begin(self, refused: Secret | None) -> asyncio.Future[CommandReply]:
        """It goes on when the request that wanted it is cancelled: others wait for it."""
        self._fetching = asyncio.ensure_future(self._fetch(refused))
        self._fetching.add_done_callback(self._ended)
        return self._fetching

    def _ended(self, fetching: asyncio.Future[CommandReply]) -> None:
        self._fetching = None
        if not fetching.cancelled():
            fetching.exception()  # whoever waits is told; asyncio complains where nobody does

    async def _fetch(self, refused: Secret | None) -> CommandReply:
        async with self._services.lock():
            store = await self._opened()
            generation = await self._adopt(store) if store else None
            if (shared := self._good(refused)) is not None:
                return shared
            self._printed = fresh = printed(await self._services.read(), self._argv, self._services.now())
            if store:
                await self._share(store, fresh, generation)
            return fresh

    async def _opened(self) -> Store | None:
        try:
            return await self._services.open_store() if self._services.open_store else None
        except StoreError as error:
            self._warn(error)
            return None

    async def _adopt(self, store: Store) -> int | None:
        """Take what another process has got; the record's generation."""
        try:
            record = await self._services.beside(lambda: store.load(self._key))
        except StoreError as error:
            self._warn(error)
            return None
        if record is None:
            return None
        if (shared := _load(record.secret, self._argv)) is not None:
            self._printed = shared
        return record.generation

    async def _share(self, store: Store, fresh: CommandReply, generation: int | None) -> None:
        try:
            await self._services.beside(lambda: store.save(self._key, _dump(fresh, self._argv), generation))
        except Stale:
            return  # a logout, or another configuration's command: theirs is as good
        except StoreError as error:
            self._warn(error)

    def _warn(self, error: StoreError) -> None:
        """Once: without the store it is only run more often."""
        if not self._warned:
            self._services.warn(error)
        self._warned = True


class _Shared(msgspec.Struct, frozen=True):
    command: str
    value: str
    obtained_at: float
    expires_at: float | None


def _dump(token: CommandReply, argv: tuple[str, ...]) -> str:
    shared = _Shared(_digest(argv), token.value.reveal(), token.obtained_at, token.expires_at)
    return msgspec.json.encode(shared).decode()


def _load(text: str, argv: tuple[str, ...]) -> CommandReply | None:
    """The token, if `argv` printed it: not that of a command which stood in the configuration before."""
    try:
        shared = msgspec.json.decode(text, type=_Shared)
    except msgspec.MsgspecError:
        return None  # another version's: it is written anew
    if shared.command != _digest(argv):
        return None
    return CommandReply(Secret(shared.value), shared.obtained_at, shared.expires_at)


def _digest(argv: tuple[str, ...]) -> str:
    return sha256("\0".join(argv).encode()).hexdigest()
