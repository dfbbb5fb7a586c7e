"""The services of the shell that credentials need to renew themselves."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.stores.base import Store

if TYPE_CHECKING:
    from mcp_auth_bridge.effects import Flow

T = TypeVar("T")


class Companion(Protocol):
    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]:
        """The result of `function`, which asks the store, without blocking the loop for longer than a disk would."""


async def at_once(function: Callable[[], T]) -> T:
    """Call `function` directly, for a store on disk or in memory, which answers in microseconds."""
    return function()


class Services(msgspec.Struct, frozen=True):
    """The shell's services for the credentials of one server."""

    # Opens the store, as soon as its sealing key has been read.
    open_store: Callable[[], Awaitable[Store]]
    # The lock around every refresh of this login, between all processes that share the store.
    lock: Callable[[], AbstractAsyncContextManager[None]]
    # The turn of one process on this machine to refresh the login: the others wait and use its result.
    turn: Callable[[], AbstractAsyncContextManager[None]]
    # Runs a flow with the network.
    drive: "Callable[[Flow[Session]], Awaitable[Session]]"
    # The time in Unix seconds, which may be set back.
    now: Callable[[], float]
    # Seconds that only grow, for pauses.
    ticks: Callable[[], float]
    # Tells the user about a failure that stops nothing.
    warn: Callable[[BridgeError], None]
    # Returns the given number of random bytes.
    entropy: Callable[[int], bytes]
    # Calls a store that may be far away.
    beside: Companion = at_once
