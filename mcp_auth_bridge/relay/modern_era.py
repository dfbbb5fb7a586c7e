"""Makes sure that the server speaks the modern era: checks each refusal that looks like the other era's.

A server may have been replaced by an older one, or memory may be wrong. Before such a refusal reaches the client, the
relay asks for `server/discover`, which every modern server must answer. If the server proves to be modern, the refusal
stands; if not, the request fails with `EraRefused`, and it was not executed.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import count

import msgspec

from mcp_auth_bridge.errors import BridgeError, EraRefused, OutcomeUnknown, Overdue
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    AFTER_FAULT,
    NOTHING,
    NOTIFICATION,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Message,
    Relay,
    Reviewing,
    ToClient,
    Wake,
    collected,
)
from mcp_auth_bridge.relay.era import (
    DISCOVER,
    is_doubtful,
    is_modern,
    may_be_refused_unread,
    may_mean_other_era,
    refused_discover_error,
)
from mcp_auth_bridge.relay.own_handshake import META

SILENCE = 20.0
"""Seconds of silence on `server/discover` after which the other era is tried: a server may need ten to wake up, and
some never answer a method that they do not know.
"""

_UNFOUNDED = 60.0  # seconds after an unfounded doubt before there can be another
_SILENCE_TIMER = "silent discover"
_UNFOUNDED_TIMER = "unfounded doubt"


class _Withheld(msgspec.Struct):
    """A refusal that waits for the proof: `action` passes it on, `cause` is its error."""

    request: Message
    action: Action
    cause: BridgeError


class ModernEra(Reviewing):
    """Wraps the relay of the modern era."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)

        # The requests without a reply, by key.
        self._open: dict[Hashable, Message] = {}

        # The refusals that wait for the proof, by key.
        self._withheld: dict[Hashable, _Withheld] = {}

        # The relay's own `server/discover`, while it has no reply.
        self._proving: Message | None = None

        # For the ids of the relay's own requests.
        self._numbers = count(1)

        # Whether a doubt has proven unfounded a short time ago.
        self._unfounded = False

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is NOTIFICATION and message.method == "notifications/cancelled":
            self._open.pop(message.cancelled_key, None)
            if self._withheld.pop(message.cancelled_key, None) is not None:
                return NOTHING  # it has ended below
        return self._send(message)

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        if timer == _UNFOUNDED_TIMER:
            self._unfounded = False
        elif timer == _SILENCE_TIMER:
            for request in [request for request in self._open.values() if request.method == DISCOVER]:
                yield from self._silent(request)
        else:
            if timer == AFTER_FAULT:
                yield from (Wake(_SILENCE_TIMER, SILENCE), Wake(_UNFOUNDED_TIMER, _UNFOUNDED))
            yield from self._review(self._inner.woke(timer))

    def _send(self, message: Message) -> Sequence[Action]:
        actions = NOTHING
        if message.kind is REQUEST:
            self._open[message.key] = message
            if message.method == DISCOVER:
                actions = [Wake(_SILENCE_TIMER, SILENCE)]
        sent = self._review(self._inner.from_client(message))
        return [*actions, *sent] if actions else sent

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        if len(actions) == 1 and type(action := actions[0]) is ToClient:  # nearly every reply
            return self._told(action, actions)
        for action in actions:
            if type(action) is ToClient or type(action) is Fail:
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            if type(action) is ToClient:
                yield from self._told(action, (action,))
            elif type(action) is Fail and self._open.get(action.request.key) is action.request:
                del self._open[action.request.key]
                yield from self._failed(action.request, action, action.error)
            else:
                yield action

    def _told(self, action: ToClient, itself: Sequence[Action]) -> Sequence[Action]:
        """The actions in place of `action`: `itself`, if it is not a refusal."""
        reply = action.message
        request = self._open.pop(reply.key, None) if reply.kind is REPLY else None
        if request is None:
            return itself
        if request.method == DISCOVER:
            if is_modern(reply):
                return self._prove(request, action)
            return self._disprove(request, refused_discover_error(reply))
        if not self._unfounded and not reply.is_result and is_doubtful(request, reply):
            return self._withhold(_Withheld(request, action, refused_discover_error(reply)))
        return itself

    @collected
    def _failed(self, request: Message, action: Fail, error: BridgeError) -> Iterator[Action]:
        if request.method == DISCOVER and (may_mean_other_era(error) or _is_cut(error)):
            yield from self._disprove(request, error)
        elif request is self._proving:
            yield from self._pass_on()
        elif request.method != DISCOVER and not self._unfounded and may_be_refused_unread(error):
            yield from self._withhold(_Withheld(request, action, error))
        else:
            yield action

    @collected
    def _silent(self, request: Message) -> Iterator[Action]:
        del self._open[request.key]
        cancelled = replies.notification("notifications/cancelled", {"requestId": request.key})
        yield from self._review(self._inner.from_client(cancelled))
        silence = f"the server did not answer {DISCOVER} within {SILENCE:g} seconds"
        yield from self._disprove(request, OutcomeUnknown(silence, "check that it speaks MCP"))

    @collected
    def _withhold(self, withheld: _Withheld) -> Iterator[Action]:
        self._withheld[withheld.request.key] = withheld
        if self._proving is None:
            self._proving = replies.request(DISCOVER, {"_meta": META}, next(self._numbers))
            yield from self._send(self._proving)

    @collected
    def _prove(self, request: Message, action: ToClient) -> Iterator[Action]:
        if request is not self._proving:
            yield action
            return
        self._unfounded = True
        yield Wake(_UNFOUNDED_TIMER, _UNFOUNDED)
        yield from self._pass_on()

    @collected
    def _disprove(self, request: Message, cause: BridgeError) -> Iterator[Action]:
        """Fail all that waits for the proof, or the client's own `server/discover`: it belongs to the other era."""
        if request is not self._proving:
            yield Fail(request, EraRefused(cause))
            return
        for withheld in self._take_withheld():
            yield Fail(withheld.request, EraRefused(withheld.cause))

    @collected
    def _pass_on(self) -> Iterator[Action]:
        """Let the refusals stand."""
        yield from (withheld.action for withheld in self._take_withheld())

    def _take_withheld(self) -> Iterable[_Withheld]:
        self._proving = None
        withheld, self._withheld = self._withheld, {}
        return withheld.values()


def _is_cut(error: BridgeError) -> bool:
    """Whether the server ended the connection instead of answering, as some do at a method that they do not know.

    Nothing was executed: `server/discover` only reads. If the server is away, the other era finds that out as well.
    """
    return isinstance(error, OutcomeUnknown) and not isinstance(error, Overdue)
