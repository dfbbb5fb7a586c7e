"""The lists on their way to the server. The server gets each request once; its reply serves all that wait for it."""

from collections.abc import Hashable

import msgspec

from mcp_auth_bridge.relay.base import Message


class PendingList(msgspec.Struct):
    """A `request` on its way to the server. `waiting` are the client's requests that the reply answers.

    It is late if nothing waits: the client has been answered in the server's place, or the bridge asks by itself.
    """

    request: Message
    waiting: list[Message]


class PendingLists:
    """By the key of the request that the server gets."""

    def __init__(self) -> None:
        self._lists: dict[Hashable, PendingList] = {}

    def __bool__(self) -> bool:
        return bool(self._lists)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._lists

    def waits(self, key: Hashable) -> bool:
        """Whether the client's request with this `key` has no reply, or a late one of the server's."""
        return key in self._lists or any(key in _keys(pending) for pending in self._lists.values())

    @property
    def are_late(self) -> bool:
        return any(not pending.waiting for pending in self._lists.values())

    @property
    def methods(self) -> set[str | None]:
        return {pending.request.method for pending in self._lists.values()}

    def add(self, request: Message, *waiting: Message) -> None:
        self._lists[request.key] = PendingList(request, list(waiting))

    def join(self, request: Message) -> bool:
        """Let `request` wait for a late list of its kind. Returns whether there is one."""
        late = (one for one in self._lists.values() if not one.waiting and one.request.method == request.method)
        pending = next(late, None)
        if pending is not None:
            pending.waiting.append(request)
        return pending is not None

    def pop(self, key: Hashable) -> PendingList:
        return self._lists.pop(key)

    def leave(self, request: Message) -> bool:
        """`request` waits no longer; its list is late from now on. Returns whether it has waited."""
        for pending in self._lists.values():
            if request in pending.waiting:
                pending.waiting.remove(request)
                return True
        return False

    def cancel(self, key: Hashable) -> bool:
        """Forget the client's request with this `key`. Returns whether the server need not know of that."""
        for pending in list(self._lists.values()):
            if key in _keys(pending):
                pending.waiting = [request for request in pending.waiting if request.key != key]
                if pending.request.key != key:
                    return True
                del self._lists[key]
                return False
        return key in self._lists


def _keys(pending: PendingList) -> list[Hashable]:
    return [request.key for request in pending.waiting]
