"""A client of MCP 2026-07-28 in front of a server of an earlier revision.

The client knows no sessions, so the relay opens one itself, with the first request and on its behalf. The requests wait
for it. If it cannot be opened, they fail with its error. The relays below keep it open.

    from the client                        to the server                            to the client
    server/discover                        nothing, once the session is open        `DiscoverResult` from the session's
                                                                                    `InitializeResult` (legacy_server)
    requests, retries, cancellations       their legacy form (parked_calls)         results and errors as 2026-07-28
                                                                                    knows them (modern_results)
    logLevel in a request's `_meta`        logging/setLevel (log_levels)            messages of that level
    a call of a tool that runs as a task   a task, tasks/result (legacy_tasks)      the task's result
    subscriptions/listen                   resources/subscribe (listeners)          tagged notifications
    a method of earlier revisions, `_meta` that lacks its version or capabilities   an error (modern_requests)
    replies, other notifications           nothing                                  nothing

The session has the capabilities of the first request. A later request that declares more gets no more from the server;
one that declares less is asked for no more than it declares.

Source: specification 2026-07-28, basic/versioning; specification 2025-11-25, basic/lifecycle.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence

from mcp_auth_bridge.errors import BridgeError, OurProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    AFTER_FAULT,
    FORGET_INITIALIZE,
    NOTHING,
    NOTIFICATION,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Kind,
    Message,
    Relay,
    Reviewing,
    ToClient,
    ToServer,
    collected,
)
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.legacy_server import LegacyServer, initialize_for
from mcp_auth_bridge.relay.legacy_tasks import LegacyTasks
from mcp_auth_bridge.relay.listeners import Listeners
from mcp_auth_bridge.relay.log_levels import LogLevels
from mcp_auth_bridge.relay.modern_requests import refusal
from mcp_auth_bridge.relay.own_handshake import INITIALIZED
from mcp_auth_bridge.relay.parked_calls import ParkedCalls

_DISCOVER = "server/discover"


class ModernToLegacy(Reviewing):
    """Wraps the relay that keeps the session. `entropy` returns that many random bytes."""

    def __init__(self, inner: Relay, entropy: Callable[[int], bytes]) -> None:
        # The server's description of itself. The inner relays look at it too.
        self._server = LegacyServer()
        calls = ParkedCalls(LegacyTasks(inner, self._server), self._server, entropy)
        super().__init__(Listeners(LogLevels(calls, self._server), self._server))

        # The client's requests without a reply, by key.
        self._open: dict[Hashable, Message] = {}

        # Those of them that wait for the session, by key.
        self._waiting: dict[Hashable, Message] = {}

        # The relay's own `initialize` without a reply.
        self._opening: Message | None = None

        # The `initialize` of each call that carries one.
        self._initializing: dict[int, Message] = {}

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST:
            return self._request(message)
        if message.kind is NOTIFICATION and message.method == "notifications/cancelled":
            key = message.cancelled_key
            self._open.pop(key, None)
            if self._waiting.pop(key, None) is None:
                return self._review(self._inner.from_client(message))
        return NOTHING

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        sent = self._initializing.get(call)
        if sent is not None and message.kind is REPLY and message.key == sent.key:
            result = result_of(message)
            if result is not None:
                self._server.learn(result)
        actions = self._review(self._inner.from_server(call, message))
        return [*actions, *self._release()] if self._waiting and self._server.is_known else actions

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        self._initializing.pop(call, None)
        return self._review(self._inner.ended(call, error))

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        yield from self._review(self._inner.woke(timer))
        if timer == AFTER_FAULT and self._opening is not None:
            opening, self._opening = self._opening, None
            yield from self._review(self._inner.woke(FORGET_INITIALIZE))
            yield from self._open_session(opening)

    def _request(self, request: Message) -> Sequence[Action]:
        if request.key in self._open:
            return [Fail(request, OurProtocolError("this id belongs to a request that is still running"))]
        if (error := refusal(request)) is not None:
            return [Fail(request, error)]
        self._open[request.key] = request
        if self._server.is_known:
            return self._forward(request)
        self._waiting[request.key] = request
        return self._open_session(request)

    @collected
    def _open_session(self, first: Message) -> Iterator[Action]:
        """Open the session for `first`, unless that is under way. The confirmation follows the server's reply."""
        if self._opening is None:
            self._opening = initialize_for(first)
            for message in (self._opening, INITIALIZED):
                yield from self._review(self._inner.from_client(message))

    def _forward(self, request: Message) -> Sequence[Action]:
        if request.method == _DISCOVER:
            del self._open[request.key]
            return [ToClient(replies.result(request, self._server.discovery))]
        return self._review(self._inner.from_client(request))

    @collected
    def _release(self) -> Iterator[Action]:
        waiting, self._waiting = self._waiting, {}
        for request in waiting.values():
            yield from self._forward(request)

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is ToServer:
                if action.message.method == "initialize":
                    return self._reviewed(actions)
            elif type(action) is Fail or (type(action) is ToClient and self._opening is not None):
                return self._reviewed(actions)
            elif type(action) is ToClient and action.message.kind is REPLY:
                self._open.pop(action.message.key, None)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToServer(message=Message(kind=Kind.REQUEST, method="initialize") as sent):
                    self._initializing[action.call] = sent
                    yield action
                case ToClient(message=Message(kind=Kind.REPLY) as reply) if self._opens(reply):
                    self._opening = None  # a result, or the session would have failed it
                case Fail(request=request, error=error) if self._opens(request):
                    self._opening = None
                    yield from self._fail_waiting(error)
                case ToClient(message=Message(kind=Kind.REPLY) as reply):
                    self._open.pop(reply.key, None)
                    yield action
                case Fail(request=request):
                    self._open.pop(request.key, None)
                    yield action
                case _:
                    yield action

    def _opens(self, message: Message) -> bool:
        return self._opening is not None and message.key == self._opening.key

    @collected
    def _fail_waiting(self, error: BridgeError) -> Iterator[Action]:
        waiting, self._waiting = self._waiting, {}
        for request in waiting.values():
            self._open.pop(request.key, None)
            yield Fail(request, error)
