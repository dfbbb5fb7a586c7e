"""What credentials that renew themselves need of the shell."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

import msgspec

from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.stores.base import Store

T = TypeVar("T")


class Beside(Protocol):
    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]:
        """The result of `function`, which asks the store, without holding up the loop for longer than a disk does."""


async def at_once(function: Callable[[], T]) -> T:
    """For a store on disk or in memory, which answers in microseconds."""
    return function()


class World(msgspec.Struct, frozen=True):
    """What the shell lends: a store once its key is there, a kernel lock, a way to run flows, the time (Unix seconds),
    a person's attention for what went wrong without stopping anything, random bytes, and a way to ask a store that is
    far away.
    """

    open_store: Callable[[], Awaitable[Store]]
    lock: Callable[[], AbstractAsyncContextManager[None]]
    drive: Callable[[Flow[Session]], Awaitable[Session]]
    now: Callable[[], float]
    warn: Callable[[BridgeError], None]
    entropy: Callable[[int], bytes]
    beside: Beside = at_once
