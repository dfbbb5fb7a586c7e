"""The `requestState` handles of parked calls: random, bound to their request, good for one retry, limited in number.

Source: specification 2026-07-28, basic/patterns/mrtr ("requestState"): a client may send anything in its place.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from mcp_auth_bridge.relay.base import Message
from mcp_auth_bridge.relay.exchanges import Exchange
from mcp_auth_bridge.relay.input_required import digest_of

_HANDLE_SIZE = 24  # bytes
_MOST = 64


class _Parked(msgspec.Struct):
    """`number` names the timer of the handle, `digest` the parts that a retry shares with the request."""

    number: int
    exchange: Exchange
    digest: bytes


class RequestStates:
    """`entropy` returns that many random bytes."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._parked: dict[str, _Parked] = {}
        self._issued = 0

    def issue(self, exchange: Exchange) -> tuple[str, int]:
        """A handle for `exchange`, and its number for `expire`."""
        handle = self._entropy(_HANDLE_SIZE).hex()
        self._issued += 1
        self._parked[handle] = _Parked(self._issued, exchange, digest_of(exchange.asked))
        return handle, self._issued

    def redeem(self, handle: Any, retry: Message) -> Exchange | None:
        """The exchange of `handle`, None if it is unknown, was used, has expired, or belongs to another request.

        Any: a client may send any JSON in its place.
        """
        parked = self._parked.get(handle) if isinstance(handle, str) else None
        if parked is None or parked.digest != digest_of(retry):
            return None
        del self._parked[handle]
        return parked.exchange

    def expire(self, number: int) -> Exchange | None:
        """The exchange whose handle has that number, if it was not used. It cannot be used any more."""
        return self._drop(next((handle for handle, parked in self._parked.items() if parked.number == number), None))

    def drop_oldest(self) -> Exchange | None:
        """The exchange of the oldest handle if there are too many. It cannot be used any more."""
        return self._drop(next(iter(self._parked))) if len(self._parked) > _MOST else None

    def forget(self, exchange: Exchange) -> None:
        self._parked = {handle: parked for handle, parked in self._parked.items() if parked.exchange is not exchange}

    def _drop(self, handle: str | None) -> Exchange | None:
        return None if handle is None else self._parked.pop(handle).exchange
