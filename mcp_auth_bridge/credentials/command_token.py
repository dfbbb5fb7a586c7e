"""The token that a command prints. The command runs when a token is needed, and processes share the token.

A command prints one line of text, or a JSON document in one of the forms that CLIs use.
"""

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
"""Seconds before its expiry at which a token is replaced: a tenth of its lifetime, within these bounds, but never more
than half of its lifetime. The lower bound is there because clocks and expiries are rounded to whole seconds.
"""

_SHORTEST_LIFE = 1.0
"""Seconds for which any printed token is used: a CLI may print a cached one until its last second."""

_TOKENS = ("access_token", "token", "accessToken")
"""The members with the token: RFC 6749 section 5.1; gcloud and Kubernetes' ExecCredential; az."""

_EXPIRIES = ("expires_at", "expires_on", "expiry", "token_expiry", "expirationTimestamp")
"""The members with the expiry: az, Go's oauth2.Token, gcloud, Kubernetes. az's `expiresOn` lacks its time zone."""

_WITHIN = ("status", "credential")
"""The members in which Kubernetes (client.authentication.k8s.io) and `gcloud config config-helper` keep them."""

RECORDS = "printed "
"""The prefix of the keys of the records in which processes share printed tokens."""


class CommandReply(msgspec.Struct, frozen=True):
    """A printed token. Times are in Unix seconds; without `expires_at` it is used until it is refused."""

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


def parse_output(text: Secret, argv: tuple[str, ...], now: float) -> CommandReply:
    """The token in the `text` that `argv` printed at `now`. Raises `CredentialMissing`, which repeats nothing of it."""
    value, ends = _parse(text.reveal().strip(), argv, now)
    known = [end for end in (ends, expiry(value)) if end is not None]
    return CommandReply(Secret(value), now, min(known, default=None))


def _parse(text: str, argv: tuple[str, ...], now: float) -> tuple[str, float | None]:
    if text.startswith("{"):
        return _parse_document(text, argv, now)
    if (count := len(text.splitlines())) != 1:
        raise _output_error(
            argv, f"printed {count} lines", "make it print only the token, or a JSON document with access_token"
        )
    return text, None


def _parse_document(text: str, argv: tuple[str, ...], now: float) -> tuple[str, float | None]:
    hint = f"one of its names must be {' or '.join(_TOKENS)}, and its value a string"
    try:
        document = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        raise _output_error(argv, "printed something that begins like JSON, but is malformed", hint) from None
    for place in (document, *(document.get(name) for name in _WITHIN)):
        if isinstance(place, dict) and (token := _token_text(place)):
            return token, _expiry(place, now)
    raise _output_error(argv, "printed a JSON document without a token", hint)


def _token_text(place: Mapping[str, Any]) -> str:
    found = [place[name] for name in _TOKENS if isinstance(place.get(name), str)]
    return next(filter(None, found), "")


def _expiry(place: Mapping[str, Any], now: float) -> float | None:
    """When the token in `place` expires, in Unix seconds; None if that cannot be read: a refusal shows it then."""
    if (lifetime := numeric_date(place.get("expires_in"))) is not None:
        return now + lifetime
    ends = (_parse_moment(place[name]) for name in _EXPIRIES if name in place)
    return next((end for end in ends if end is not None), None)


def _parse_moment(value: Any) -> float | None:  # Any: a member of a foreign JSON document
    """A NumericDate, or a date of RFC 3339, which names its zone."""
    if not isinstance(value, str) or value.isdecimal():
        return numeric_date(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def _output_error(argv: tuple[str, ...], problem: str, hint: str) -> CredentialMissing:
    return CredentialMissing(f"the command {quoted(argv[0])} {problem}", hint)


class CommandRecord:
    """The record `key`, in which processes share the newest token that `argv` printed.

    `open_store` is None if there is no store: nothing is kept, or the key would have to come from a keyring. `warn`
    tells the user once of a store that cannot be used: without it the command only runs more often. The caller calls
    `load`, then `save`, under a lock between processes.
    """

    def __init__(
        self,
        key: str,
        argv: tuple[str, ...],
        open_store: Callable[[], Awaitable[Store]] | None,
        warn: Callable[[BridgeError], None],
        beside: Companion = at_once,
    ) -> None:
        # The key of the record.
        self._key = key
        # The command. Its digest is in the record, so that no other command uses the token.
        self._argv = argv
        # Opens the store, None if there is none.
        self._open_store = open_store
        # Tells the user about a store that cannot be used.
        self._warn = warn
        # Calls a store that may be far away.
        self._beside = beside
        # The store as of the last `load`.
        self._store: Store | None = None
        # The record's generation as of the last `load`.
        self._generation: int | None = None
        # Whether the user has been warned.
        self._warned = False

    async def load(self) -> CommandReply | None:
        """The shared token, None if there is none from this command."""
        self._store = self._generation = None
        try:
            self._store = store = await self._open_store() if self._open_store else None
            record = await self._beside(lambda: store.load(self._key)) if store else None
        except StoreError as error:
            self._warn_once(error)
            return None
        if record is None:
            return None
        self._generation = record.generation
        return _load(record.secret, self._argv)

    async def save(self, reply: CommandReply) -> None:
        """Share `reply` in place of the token that was loaded."""
        if (store := self._store) is None:
            return
        try:
            await self._beside(lambda: store.save(self._key, _dump(reply, self._argv), self._generation))
        except Stale:
            return  # a logout, or a command of another configuration: its record is as good
        except StoreError as error:
            self._warn_once(error)

    def _warn_once(self, error: StoreError) -> None:
        if not self._warned:
            self._warn(error)
        self._warned = True


class CommandToken:
    """The token that a command prints, used until shortly before it expires, or until it is refused.

    The command runs once for all requests that wait, in one process at a time, and all processes share its token. `run`
    runs it and returns its output, `lock` is a lock between processes, and `now` returns the time in Unix seconds.
    """

    def __init__(
        self,
        argv: tuple[str, ...],
        run: Callable[[], Awaitable[Secret]],
        lock: Callable[[], AbstractAsyncContextManager[None]],
        now: Callable[[], float],
        record: CommandRecord,
    ) -> None:
        # The command.
        self._argv = argv
        # Runs the command and returns its output.
        self._run = run
        # The lock between processes.
        self._lock = lock
        # Returns the time in Unix seconds.
        self._now = now
        # The record in which processes share the token.
        self._record = record
        # The newest token that this process knows.
        self._reply: CommandReply | None = None
        # The run under way, for all requests that wait.
        self._fetching: asyncio.Future[CommandReply] | None = None

    async def read(self, refused: Secret | None = None) -> Secret:
        while (current := self._usable(refused)) is None:
            if self._fetching is None:
                return (await asyncio.shield(self._begin(refused))).value
            await asyncio.shield(self._fetching)  # then check its token
        return current.value

    def at_hand(self) -> Secret | None:
        return None  # it may be due

    def _usable(self, refused: Secret | None) -> CommandReply | None:
        current = self._reply
        usable = current is not None and not current.due(self._now()) and current.value != refused
        return current if usable else None

    def _begin(self, refused: Secret | None) -> asyncio.Future[CommandReply]:
        """Start a run that goes on if the request that started it is cancelled: others wait for it."""
        self._fetching = asyncio.ensure_future(self._fetch(refused))
        self._fetching.add_done_callback(self._ended)
        return self._fetching

    def _ended(self, fetching: asyncio.Future[CommandReply]) -> None:
        self._fetching = None
        if not fetching.cancelled():
            fetching.exception()  # the waiting requests get it; asyncio would complain if no request waited any more

    async def _fetch(self, refused: Secret | None) -> CommandReply:
        async with self._lock():
            if (shared := await self._record.load()) is not None:
                self._reply = shared
            if (current := self._usable(refused)) is not None:
                return current
            self._reply = fresh = parse_output(await self._run(), self._argv, self._now())
            await self._record.save(fresh)
            return fresh


class _Shared(msgspec.Struct, frozen=True):
    command: str
    value: str
    obtained_at: float
    expires_at: float | None


def _dump(token: CommandReply, argv: tuple[str, ...]) -> str:
    shared = _Shared(_digest(argv), token.value.reveal(), token.obtained_at, token.expires_at)
    return msgspec.json.encode(shared).decode()


def _load(text: str, argv: tuple[str, ...]) -> CommandReply | None:
    """The token, if `argv` printed it and not a command that the configuration named earlier; else None."""
    try:
        shared = msgspec.json.decode(text, type=_Shared)
    except msgspec.MsgspecError:
        return None  # a record of another version, which is written anew
    if shared.command != _digest(argv):
        return None
    return CommandReply(Secret(shared.value), shared.obtained_at, shared.expires_at)


def _digest(argv: tuple[str, ...]) -> str:
    return sha256("\0".join(argv).encode()).hexdigest()
