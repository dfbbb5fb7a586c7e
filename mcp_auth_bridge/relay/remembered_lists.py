"""Answers lists from memory while the server is away, slow, or lacks a login, and says so when the truth is there.

MCP clients wait 20 to 30 s for a list, and some drop a server whose list fails (Gemini CLI). So if the server
does not give a list, the client gets the last one, else an empty one. Most clients ask again when they are told that
the list has changed. The client gets the error where a person has to act and no list is remembered.

The relay asks the server for a list only once at a time: a client that asks again waits for the same reply. After a
failure the relay asks again by itself until the server answers.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import count

import msgspec

from mcp_auth_bridge.errors import BridgeError, OurProtocolError, StoreError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.away import Pauses, is_away, may_be_wrong_url, may_pass
from mcp_auth_bridge.relay.base import (
    NOTHING,
    REQUEST,
    Action,
    Fail,
    Kind,
    Message,
    Occasional,
    Relay,
    Remember,
    Report,
    SessionOpened,
    ToClient,
    Wake,
    collected,
)
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.greetings import DISCOVER, INITIALIZE, lists_in
from mcp_auth_bridge.relay.list_results import (
    TOOLS,
    capability_of,
    changed,
    empty,
    in_era_of,
    is_first_page,
    items_in,
)
from mcp_auth_bridge.relay.pending_lists import PendingList, PendingLists
from mcp_auth_bridge.relay.rewriting import REMOVED, as_json, rewrite

PATIENCE = 8.0
"""Seconds that the server has for a list."""

PATIENCE_FOR_UNKNOWN_TOOLS = 15.0
"""The same for tools that are not remembered: to some clients an empty list in their place is final (Codex, Cline)."""

PATIENCE_WITH_THE_SLOW = 0.5
"""The same while the server is late with another list: some clients ask for one list after the other."""

AGAIN = "list again"
"""The timer of the relay's own next attempt."""


class _Owed(msgspec.Struct):
    """A list that the client has not got from the server. `told` is the result in its place, None for an error."""

    request: Message
    told: bytes | None


class RememberedLists(Occasional):
    """Wraps the relay that opens the exchange with the server. `memory` holds the server's last results, by method."""

    def __init__(self, inner: Relay, memory: Mapping[str, bytes]) -> None:
        super().__init__(inner)

        # The server's last whole lists, raw JSON by method.
        self._memory = {method: raw for method, raw in memory.items() if items_in(method, raw) is not None}

        # The lists on their way to the server.
        self._pending = PendingLists()

        # The client's requests whose patience has a timer, by its name.
        self._timers: dict[str, Message] = {}

        # The lists that the client has not got from the server, by method.
        self._owed: dict[str, _Owed] = {}

        # For the names of the timers, and for the ids of the relay's own requests.
        self._numbers = count(1)

        # Whether the relay's next attempt has a timer.
        self._pausing = False

        # The pauses before the relay's own attempts.
        self._pauses = Pauses()

        # The key of the client's opening, while it has no reply.
        self._opening: Hashable = None

        # The capabilities with lists that the client knows of.
        self._offered: frozenset[str] = frozenset()

        # Whether a session was open since the client's `initialize`.
        self._was_open = False

        # Whether the server has answered: then its refusals are the truth.
        self._heard = False

        # The last failure that was written to the log.
        self._reported = ""

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST:
            if self._pending and self._pending.waits(message.key):
                return (Fail(message, OurProtocolError("this id belongs to a request that is still running")),)
            if is_first_page(message):
                return self._ask(message)
            if message.method in (INITIALIZE, DISCOVER):
                self._opening = message.key
                if message.method == INITIALIZE:
                    self._owed, self._was_open = {}, False
        elif message.method == "notifications/cancelled" and self._pending.cancel(message.cancelled_key):
            return NOTHING
        return self._review(self._inner.from_client(message))

    def woke(self, timer: str) -> Sequence[Action]:
        if timer in self._timers:
            return self._lose_patience(self._timers.pop(timer))
        if timer == AGAIN:
            self._pausing = False
            self._pauses.attempt()
            return self._ask_again()
        return self._review(self._inner.woke(timer))

    @collected
    def _ask(self, request: Message) -> Iterator[Action]:
        timer = f"list {next(self._numbers)}"
        self._timers[timer] = request
        yield Wake(timer, self._patience(request))
        if not self._pending.join(request):
            self._pending.add(request, request)
            yield from self._review(self._inner.from_client(request))

    def _patience(self, request: Message) -> float:
        if self._pending.are_late:
            return PATIENCE_WITH_THE_SLOW
        return PATIENCE_FOR_UNKNOWN_TOOLS if request.method == TOOLS and TOOLS not in self._memory else PATIENCE

    def _lose_patience(self, request: Message) -> Sequence[Action]:
        if not self._pending.leave(request):
            return NOTHING
        return (self._stand_in(request, self._memory.get(request.method or "") or empty(request)),)

    def _stand_in(self, request: Message, result: bytes) -> Action:
        """The reply to `request` with the raw `result` in place of the server's."""
        self._owed[request.method or ""] = _Owed(request, result)
        return ToClient(in_era_of(request, replies.raw_result(request, result)))

    @property
    def is_idle(self) -> bool:
        return not self._waits

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            kind = type(action)
            if kind is SessionOpened or (self._waits and (kind is ToClient or kind is Fail)):
                return self._reviewed(actions)
        return actions

    @property
    def _waits(self) -> bool:
        """Whether a reply is awaited that this relay looks at."""
        return bool(self._pending) or self._opening is not None

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY) as reply) if reply.key in self._pending:
                    yield from self._listed(self._pending.pop(reply.key), reply)
                case ToClient(message=Message(kind=Kind.REPLY) as reply) if reply.key == self._opening:
                    self._opening, self._offered = None, lists_in(result_of(reply))
                    yield action
                case Fail(request=request, error=error) if request.key in self._pending:
                    yield from self._failed(self._pending.pop(request.key), error)
                case SessionOpened():
                    yield action
                    yield from self._session_opened()
                case _:
                    yield action

    @collected
    def _listed(self, asked: PendingList, reply: Message) -> Iterator[Action]:
        method, result = asked.request.method or "", result_of(reply)
        self._heard = True
        self._pauses.reset()
        if result is not None and items_in(method, result) is not None and self._memory.get(method) != result:
            self._memory[method] = result
            yield Remember(method, result)
        for request in asked.waiting:
            yield ToClient(reply if request is asked.request else replies.with_id(reply, request.id or b"null"))
        owed = self._owed.pop(method, None)
        if asked.waiting or owed is None:
            return
        differs = result is not None and (owed.told is None or items_in(method, owed.told) != items_in(method, result))
        yield from self._announce({capability_of(method)} if differs else set())
        yield from self._announce_the_rest()

    @collected
    def _announce_the_rest(self) -> Iterator[Action]:
        """Let the client ask again for the lists that it has not got, unless they are on their way."""
        rest = [method for method in self._owed if method not in self._pending.methods]
        for method in rest:
            del self._owed[method]
        yield from self._announce({capability_of(method) for method in rest})

    @collected
    def _session_opened(self) -> Iterator[Action]:
        self._heard = True
        if self._owed or self._was_open:
            yield from self._announce(self._offered)
        self._owed, self._was_open = {}, True

    @collected
    def _announce(self, capabilities: Iterable[str]) -> Iterator[Action]:
        for capability in sorted(self._offered.intersection(capabilities)):
            yield ToClient(changed(capability))

    @collected
    def _failed(self, asked: PendingList, error: BridgeError) -> Iterator[Action]:
        for request in asked.waiting:
            yield from self._answer(request, error)
        if self._owed and may_pass(error) and not self._pausing:
            self._pausing = True
            yield Wake(AGAIN, self._pauses.after(error))

    @collected
    def _answer(self, request: Message, error: BridgeError) -> Iterator[Action]:
        """Answer `request`, which failed with `error`: from memory, or with an empty list if nothing better is known.

        Of a server that has never answered, the user has to hear that its URL may be wrong. The tools are the one list
        whose error users get to see, and the one that a missing login has an entry for.
        """
        method = request.method or ""
        known = self._memory.get(method) if may_pass(error) or isinstance(error, StoreError) else None
        is_sure = is_away(error) and not may_be_wrong_url(error)
        if known is None and (is_sure or (method != TOOLS and (may_pass(error) or not self._heard))):
            known = empty(request)
            if is_away(error) and error.message != self._reported:
                self._reported = error.message
                yield Report(error)
        if known is None:
            self._owed[method] = _Owed(request, None)
            yield Fail(request, error)
        else:
            yield self._stand_in(request, known)

    @collected
    def _ask_again(self) -> Iterator[Action]:
        """Repeat a request of the client under an id of its own, unless a list is on its way anyway."""
        if not self._owed or self._pending.are_late:
            return
        owed = self._owed.get(TOOLS) or next(iter(self._owed.values()))
        id_ = as_json(f"mcp-auth-bridge/{owed.request.method}/{next(self._numbers)}")
        request = rewrite(replies.with_id(owed.request, id_), {("params", "_meta", "progressToken"): REMOVED})
        self._pending.add(request)
        yield from self._review(self._inner.from_client(request))
