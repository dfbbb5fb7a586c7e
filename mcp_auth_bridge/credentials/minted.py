"""What a command prints as the value of a header: one run for everybody who waits, and for every process."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from hashlib import sha256

import msgspec

from mcp_auth_bridge.credentials.printed import Printed, printed
from mcp_auth_bridge.credentials.world import Beside, at_once
from mcp_auth_bridge.errors import BridgeError, StoreError
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.stores.base import Stale, Store

RECORDS = "printed "
"""The keys of the records that share what a command printed begin so."""


class World(msgspec.Struct, frozen=True):
    """What the shell lends: what the command prints, a kernel lock around it, the store that its tokens are shared
    through (None where nothing is kept, or a keyring would have to be asked), the time (Unix seconds), a person's
    attention for what went wrong without stopping anything, and a way to ask the store `beside` the loop.
    """

    read: Callable[[], Awaitable[Secret]]
    lock: Callable[[], AbstractAsyncContextManager[None]]
    open_store: Callable[[], Awaitable[Store]] | None
    now: Callable[[], float]
    warn: Callable[[BridgeError], None]
    beside: Beside = at_once


class Minted:
    """What a command prints, until shortly before it ends, or until it is refused.

    The command is run once for everybody who waits, by one process at a time, and its token is everybody's: `key` names
    the record in the store.
    """

    def __init__(self, key: str, argv: tuple[str, ...], world: World) -> None:
        self._key = key
        self._argv = argv
        self._world = world
        self._printed: Printed | None = None
        self._fetching: asyncio.Future[Printed] | None = None
        self._warned = False

    async def read(self, refused: Secret | None = None) -> Secret:
        while (current := self._good(refused)) is None:
            if self._fetching is None:
                return (await asyncio.shield(self._begin(refused))).value
            await asyncio.shield(self._fetching)  # and look whether that was good enough
        return current.value

    def _good(self, refused: Secret | None) -> Printed | None:
        current = self._printed
        usable = current is not None and not current.due(self._world.now()) and current.value != refused
        return current if usable else None

    def _begin(self, refused: Secret | None) -> asyncio.Future[Printed]:
        """It goes on when the request that wanted it is cancelled: others wait for it."""
        self._fetching = asyncio.ensure_future(self._fetch(refused))
        self._fetching.add_done_callback(self._ended)
        return self._fetching

    def _ended(self, fetching: asyncio.Future[Printed]) -> None:
        self._fetching = None
        if not fetching.cancelled():
            fetching.exception()  # whoever waits is told; asyncio complains where nobody does

    async def _fetch(self, refused: Secret | None) -> Printed:
        async with self._world.lock():
            store = await self._opened()
            generation = await self._adopt(store) if store else None
            if (shared := self._good(refused)) is not None:
                return shared
            self._printed = fresh = printed(await self._world.read(), self._argv, self._world.now())
            if store:
                await self._share(store, fresh, generation)
            return fresh

    async def _opened(self) -> Store | None:
        try:
            return await self._world.open_store() if self._world.open_store else None
        except StoreError as error:
            self._warn(error)
            return None

    async def _adopt(self, store: Store) -> int | None:
        """Take what another process has got; the record's generation."""
        try:
            record = await self._world.beside(lambda: store.load(self._key))
        except StoreError as error:
            self._warn(error)
            return None
        if record is None:
            return None
        if (shared := _load(record.secret, self._argv)) is not None:
            self._printed = shared
        return record.generation

    async def _share(self, store: Store, fresh: Printed, generation: int | None) -> None:
        try:
            await self._world.beside(lambda: store.save(self._key, _dump(fresh, self._argv), generation))
        except Stale:
            return  # a logout, or another configuration's command: theirs is as good
        except StoreError as error:
            self._warn(error)

    def _warn(self, error: StoreError) -> None:
        """Once: without the store it is only run more often."""
        if not self._warned:
            self._world.warn(error)
        self._warned = True


class _Shared(msgspec.Struct, frozen=True):
    command: str
    value: str
    obtained_at: float
    expires_at: float | None


def _dump(token: Printed, argv: tuple[str, ...]) -> str:
    shared = _Shared(_digest(argv), token.value.reveal(), token.obtained_at, token.expires_at)
    return msgspec.json.encode(shared).decode()


def _load(text: str, argv: tuple[str, ...]) -> Printed | None:
    """The token, if `argv` printed it: not that of a command which stood in the configuration before."""
    try:
        shared = msgspec.json.decode(text, type=_Shared)
    except msgspec.MsgspecError:
        return None  # another version's: it is written anew
    if shared.command != _digest(argv):
        return None
    return Printed(Secret(shared.value), shared.obtained_at, shared.expires_at)


def _digest(argv: tuple[str, ...]) -> str:
    return sha256("\0".join(argv).encode()).hexdigest()
