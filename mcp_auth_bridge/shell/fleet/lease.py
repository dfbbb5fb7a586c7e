"""A lock between machines: a lease in the Redis that they share, by the clock of that server.

A lease is longer than a token request may take (shell/net/oauth_http.py). So a holder that loses the Redis server
during a token request has its response before another machine may present the same refresh token. A holder prolongs its
lease while it lives.

A lock that expires cannot stop a holder that was paused and goes on. The record's generation does, as a fencing token:
it grows with each save, a holder reads it under the lock, marks the record before it spends a token and saves after it,
and the server refuses a save upon any generation but the newest.

A holder that could not save keeps trying, and releases the lease only afterwards. If a lease ran out without a release,
its holder may just have lost the server, so the successor first waits a moment.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.files.lock import LockHeld
from mcp_auth_bridge.stores.redis import RedisScripts

LEASE = 100.0
"""Seconds."""

_AGAIN = 1.0
"""Seconds between attempts to save and release after a failure."""

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
"""ARGV: the owner, its turn, milliseconds. `left`: the last holder did not release the lease.

An earlier turn of the same owner is certainly over, because the kernel's lock comes first: only a reply was lost.
"""

PROLONG = (
    _CLOCK
    + """
if foreign or turn ~= ARGV[2] then return 'lost' end
redis.call('HSET', KEYS[1], 'ends', string.format('%.0f', now + ARGV[3]))
return 'held'
"""
)

RELEASE = (
    _CLOCK
    + """
if owner and not foreign and tonumber(turn) <= tonumber(ARGV[2]) then redis.call('DEL', KEYS[1]) end
return 'free'
"""
)
"""Releases this turn, or an earlier one of the same owner."""

T = TypeVar("T")


class AsksServer(Protocol):
    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]:
        """Run `function`, which sends a request to the server, in a thread."""


class Leases:
    """The locks of one machine under `prefix`. Before it takes one, it holds the kernel's lock of that name.

    `flush` saves the records that could not be saved before. A lease lasts `lease` seconds.
    """

    def __init__(
        self, server: RedisScripts, ask: AsksServer, prefix: str, flush: Callable[[], None], lease: float = LEASE
    ) -> None:
        # runs the scripts
        self._server = server
        # runs a function in a thread
        self._ask = ask
        # first part of every key
        self._prefix = prefix
        # saves the records that could not be saved before
        self._flush = flush
        # seconds that a lease lasts
        self._lease = lease
        # the name of this process on the server
        self._owner = os.urandom(8).hex().encode()
        # leases that were asked for; the last number is the current turn
        self._turns = 0
        # turns that must still be released, by lock
        self._unreleased: dict[str, int] = {}
        # the task that releases them
        self._releasing: asyncio.Future[None] | None = None

    @contextlib.asynccontextmanager
    async def hold(self, name: str, timeout: float) -> AsyncIterator[None]:  # noqa: ASYNC109 - the error names the lock
        """Hold the lock `name` across awaits.

        Raises `LockHeld` after `timeout` seconds, which may be 0, and `StoreError` if the server does not respond.
        """
        self._turns += 1
        turn = self._turns
        try:
            await self._take(name, turn, timeout)
        except BaseException:
            self._release_later(name, turn)  # it may have been taken, and the reply was lost
            raise
        prolonging = asyncio.ensure_future(self._prolong(name, turn))
        try:
            yield
        finally:
            prolonging.cancel()
            await self._release(name, turn)

    async def settle(self) -> None:
        """Wait until everything is saved and released."""
        if self._releasing is not None:
            await asyncio.wait((self._releasing,))

    async def _take(self, name: str, turn: int, timeout: float) -> None:  # noqa: ASYNC109 - as above
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + timeout, _FIRST_POLL
        with debug_log.timed("lock", what=f"{name}, of the fleet"):
            while (outcome := await self._run(TAKE, name, turn)) == b"held":
                if loop.time() >= deadline:
                    raise LockHeld(
                        f"another machine has held the lock for {name} for more than {timeout:g} seconds",
                        f"try again: one that died loses it after {self._lease:g} seconds",
                    )
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_POLL)
            if outcome == b"left":
                await asyncio.sleep(self._lease / 20)

    async def _prolong(self, name: str, turn: int) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            with contextlib.suppress(StoreError):  # a lost server may return before the lease ends
                if await self._run(PROLONG, name, turn) == b"lost":
                    return

    async def _release(self, name: str, turn: int) -> None:
        try:
            await self._ask(self._flush)
            await self._run(RELEASE, name, turn)
        except BaseException as error:
            self._release_later(name, turn)
            if not isinstance(error, StoreError):
                raise

    def _release_later(self, name: str, turn: int) -> None:
        """Release in the background, for as long as it takes; one task does it for all locks."""
        self._unreleased[name] = turn
        if self._releasing is None:
            self._releasing = asyncio.ensure_future(self._release_all())

    async def _release_all(self) -> None:
        try:
            while self._unreleased:
                await asyncio.sleep(_AGAIN)
                with contextlib.suppress(StoreError):  # the next attempt may succeed
                    await self._ask(self._flush)
                    for name, turn in list(self._unreleased.items()):
                        await self._run(RELEASE, name, turn)
                        if self._unreleased[name] == turn:
                            del self._unreleased[name]
        finally:
            self._releasing = None

    async def _run(self, script: str, name: str, turn: int) -> object:
        milliseconds = round(1000 * self._lease)
        key = f"{self._prefix}:lock:{name}"
        return await self._ask(lambda: self._server.run(script, key, self._owner, b"%d" % turn, b"%d" % milliseconds))
