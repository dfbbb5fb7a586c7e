"""A lock between machines: a lease in the Redis that they share, by that server's clock.

A lease is longer than a token request may take (shell/net/oauth_http.py): whoever loses the server in the middle of
one has its answer before anybody else may present the same refresh token. It is prolonged while it is held.

No lock with an expiry can stop a holder that was stopped itself and comes back. What stops it is the generation of the
record, which serves as the fencing token: it grows with each save, a holder reads it under the lock, marks the record
before it spends a token and saves after it, and the server refuses a save upon any generation but the newest.

A holder that could not save is not forgotten: it goes on trying to, and gives the lease back only afterwards. One whose
lease ran out without having been given back may just have lost the server, so its successor first waits a moment.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.files.lock import Held
from mcp_auth_bridge.stores.redis import RedisScripts

LEASE = 100.0
"""Seconds."""

_AGAIN = 1.0
"""Seconds between attempts to give back what could not be saved or released."""

_FIRST_POLL, _LONGEST_POLL = 0.02, 0.5  # seconds, doubled each time

_CLOCK = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local owner, turn, ends = unpack(redis.call('HMGET', KEYS[1], 'owner', 'turn', 'ends'))
local foreign = owner and owner ~= ARGV[1]
"""

TAKE = (
    _CLOCK
    + """
if foreign and tonumber(ends) > now then return 'held' end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'turn', ARGV[2], 'ends', string.format('%.0f', now + ARGV[3]))
return foreign and 'left' or 'free'
"""
)
"""ARGV: the owner, its turn, milliseconds. `left`: the holder before did not give it back. One's own earlier turn is
over for certain, because the kernel's lock comes first: such a one was taken without our hearing of it.
"""

PROLONG = (
    _CLOCK
    + """
if foreign or turn ~= ARGV[2] then return 'lost' end
redis.call('HSET', KEYS[1], 'ends', string.format('%.0f', now + ARGV[3]))
return 'held'
"""
)

GIVE_BACK = (
    _CLOCK
    + """
if owner and not foreign and tonumber(turn) <= tonumber(ARGV[2]) then redis.call('DEL', KEYS[1]) end
return 'free'
"""
)
"""This turn, or an earlier one."""

T = TypeVar("T")


class AsksServer(Protocol):
    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]:
        """Run `function`, which asks the server, beside the loop."""


class Leases:
    """The locks under `prefix`; whoever takes one holds the kernel's lock of that name already.

    `flush` saves what could not be saved before. A lease lasts `lease` seconds.
    """

    def __init__(
        self, server: RedisScripts, ask: AsksServer, prefix: str, flush: Callable[[], None], lease: float = LEASE
    ) -> None:
        self._server = server
        self._ask = ask
        self._prefix = prefix
        self._flush = flush
        self._lease = lease
        self._owner = os.urandom(8).hex().encode()
        self._turns = 0
        self._owed: dict[str, int] = {}
        self._paying: asyncio.Future[None] | None = None

    @contextlib.asynccontextmanager
    async def hold(self, name: str, timeout: float) -> AsyncIterator[None]:  # noqa: ASYNC109 - the error names the lock
        """Hold the lock `name` across awaits. Raises `Held` after `timeout` seconds, `StoreError` without a server."""
        self._turns += 1
        turn = self._turns
        try:
            await self._take(name, turn, timeout)
        except BaseException:
            self._owe(name, turn)  # it may have been taken without our hearing of it
            raise
        prolonging = asyncio.ensure_future(self._prolong(name, turn))
        try:
            yield
        finally:
            prolonging.cancel()
            await self._give_back(name, turn)

    async def settle(self) -> None:
        """Wait until everything is saved and given back."""
        if self._paying is not None:
            await asyncio.wait((self._paying,))

    async def _take(self, name: str, turn: int, timeout: float) -> None:  # noqa: ASYNC109 - as above
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + timeout, _FIRST_POLL
        with debug_log.timed("lock", what=f"{name}, of the fleet"):
            while (answer := await self._run(TAKE, name, turn)) == b"held":
                if loop.time() >= deadline:
                    raise Held(
                        f"another machine has held the lock for {name} for more than {timeout:g} seconds",
                        f"try again: one that died loses it after {self._lease:g} seconds",
                    )
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_POLL)
            if answer == b"left":
                await asyncio.sleep(self._lease / 20)

    async def _prolong(self, name: str, turn: int) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            with contextlib.suppress(StoreError):  # a lost server may come back before the lease is over
                if await self._run(PROLONG, name, turn) == b"lost":
                    return

    async def _give_back(self, name: str, turn: int) -> None:
        try:
            await self._ask(self._flush)
            await self._run(GIVE_BACK, name, turn)
        except BaseException as error:
            self._owe(name, turn)
            if not isinstance(error, StoreError):
                raise

    def _owe(self, name: str, turn: int) -> None:
        """Give back later: all in one task, for as long as it takes."""
        self._owed[name] = turn
        if self._paying is None:
            self._paying = asyncio.ensure_future(self._pay())

    async def _pay(self) -> None:
        try:
            while self._owed:
                await asyncio.sleep(_AGAIN)
                with contextlib.suppress(StoreError):  # the next attempt may succeed
                    await self._ask(self._flush)
                    for name, turn in list(self._owed.items()):
                        await self._run(GIVE_BACK, name, turn)
                        if self._owed[name] == turn:
                            del self._owed[name]
        finally:
            self._paying = None

    async def _run(self, script: str, name: str, turn: int) -> object:
        milliseconds = round(1000 * self._lease)
        key = f"{self._prefix}:lock:{name}"
        return await self._ask(lambda: self._server.run(script, key, self._owner, b"%d" % turn, b"%d" % milliseconds))
