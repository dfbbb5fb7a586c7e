"""The evidence that checks share: each piece is gathered once, by the first check that asks for it."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor.held_credential import hold
from mcp_auth_bridge.doctor.store_look import look
from mcp_auth_bridge.doctor.subject import Subject

T = TypeVar("T")


class Once(Generic[T]):
    """Something that takes time, done once. Each caller gets the same result, or waits for it."""

    def __init__(self, gather: Callable[[], Awaitable[T]]) -> None:
        self._gather = gather
        self._lock = anyio.Lock()
        self._results: list[T] = []

    async def __call__(self) -> T:
        async with self._lock:
            if not self._results:
                self._results.append(await self._gather())
        return self._results[0]


class Evidence:
    """Everything about one subject that more than one check looks at. Nothing here raises a `BridgeError`."""

    def __init__(self, subject: Subject) -> None:
        # What is examined.
        self.subject = subject
        # The store.
        self.store = Once(lambda: look(subject))
        # The credential of the bridge to the server.
        self.credential = Once(lambda: hold(self.bridge, self.store))

    @property
    def bridge(self) -> Bridge:
        """The bridge to the server: checks of the sections after `HERE` run only if there is one."""
        bridge = self.subject.bridge
        if bridge is None:
            raise AssertionError
        return bridge
