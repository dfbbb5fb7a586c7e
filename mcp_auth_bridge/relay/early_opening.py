"""Answers the client's opening, `initialize` or `server/discover`, in the server's place where the server cannot.

The server's own reply is the truth, so the client gets that if it comes while the client waits. Otherwise the client
gets the server's last reply, or the least that can be true. Such a reply may promise lists that the server proves not
to have. Then they are empty: some clients drop a server whose list fails (Gemini CLI).

An error on the opening helps no user: most clients hide its text and never try again. The result of a tool call reports
what is wrong, because users and models read it.
"""

from abc import abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from mcp_auth_bridge.errors import BridgeError
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
    Occasional,
    Relay,
    Remember,
    ToClient,
    ToServer,
    Wake,
    collected,
)
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.greetings import DISCOVER, INITIALIZE, lists_in, proves_server
from mcp_auth_bridge.relay.list_results import capability_of, empty_reply, is_list

_OPENINGS = (INITIALIZE, DISCOVER)

QUICK = 0.3
"""Seconds that the server has for its reply if it is remembered."""


class EarlyOpening(Occasional):
    """Wraps the relay that opens the exchange with the server `name`; `memory` holds its last results, by method."""

    method: str
    """The request that opens the exchange."""

    def __init__(self, inner: Relay, name: str, memory: Mapping[str, bytes]) -> None:
        super().__init__(inner)

        # The name of the server, for people and models.
        self._name = name

        # The server's last results of `initialize` and `server/discover`, raw JSON by method.
        self._memory = dict(memory)

        # The client's newest opening.
        self._newest: Message | None = None

        # The same, while the server has not answered it.
        self._opening: Message | None = None

        # Whether the client has a reply to it.
        self._greeted = False

        # The calls under way that open an exchange with the server, each with its method.
        self._calls: dict[int, str] = {}

        # The capabilities with lists that a reply in the server's place has promised.
        self._promised: frozenset[str] = frozenset()

        # The capabilities with lists that the server has declared, None while it has not answered.
        self._declared: frozenset[str] | None = None

        # The requests for lists that rely on the promise, by key.
        self._lists: dict[Hashable, Message] = {}

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST and (message.method == self.method or is_list(message)):
            return self._asked(message)
        if message.kind is NOTIFICATION and message.method == "notifications/cancelled":
            self._cancelled(message.cancelled_key)
        return self._review(self._inner.from_client(message))

    @collected
    def _asked(self, message: Message) -> Iterator[Action]:
        """Pass on an opening, or a request for a list."""
        if message.method == self.method and self._opening is None:
            self._opening = self._newest = message
            self._greeted, self._promised = False, frozenset()
            yield Wake(f"early {self.method}", QUICK if self._knows_server else self._patience(message))
        elif is_list(message) and self._is_absent(message):
            yield ToClient(empty_reply(message))
            return
        elif is_list(message) and self._promised:
            self._lists[message.key] = message
        yield from self._review(self._inner.from_client(message))

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        learnt: Sequence[Action] = NOTHING
        if self._calls and call in self._calls and message.kind is REPLY:
            learnt = self._learn(self._calls[call], result_of(message))
        actions = self._review(self._inner.from_server(call, message))
        return [*learnt, *actions] if learnt else actions

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        self._calls.pop(call, None)
        return self._review(self._inner.ended(call, error))

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        if timer != f"early {self.method}":
            if timer == FORGET_INITIALIZE and self.method == INITIALIZE:
                self._opening = None
            elif timer == AFTER_FAULT and self._opening is not None:
                yield Wake(f"early {self.method}", QUICK)
            yield from self._review(self._inner.woke(timer))
        elif self._opening is not None and not self._greeted:
            yield self._greet(self._opening)

    @property
    def _knows_server(self) -> bool:
        return any(replies.members(self._memory.get(method)) for method in (INITIALIZE, DISCOVER))

    @abstractmethod
    def _patience(self, opening: Message) -> float:
        """The seconds that a server which is not remembered has for its own reply to `opening`."""
        ...

    @abstractmethod
    def _result(self, opening: Message) -> Any:
        """The result of `opening` in the server's place. Any: any JSON."""
        ...

    def _worth_remembering(self, method: str, result: bytes) -> bytes:  # noqa: ARG002 - for subclasses
        """The form in which the server's `result` of `method` is remembered."""
        return result

    @property
    def is_idle(self) -> bool:
        return self._opening is None and not self._calls and not self._lists

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is ToServer:
                concerns = bool(self._calls) or action.message.method in _OPENINGS
            elif type(action) is ToClient:
                concerns = action.message.kind is REPLY and (self._opening is not None or bool(self._lists))
            else:
                concerns = isinstance(action, Fail | Remember)
            if concerns:
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToServer(call=call, message=Message(kind=Kind.REQUEST, method=method)):
                    self._calls.pop(call, None)
                    if method in _OPENINGS:
                        self._calls[call] = method
                    yield action
                case Remember(method=method, result=result) if method in _OPENINGS:
                    yield from self._learn(method, result)
                case ToClient(message=Message(kind=Kind.REPLY) as reply):
                    yield from self._replied(reply)
                case Fail(request=request) if request is self._opening:
                    self._opening = None
                    if not self._greeted:
                        yield self._greet(request)
                case Fail(request=request):
                    self._lists.pop(request.key, None)
                    yield action
                case _:
                    yield action

    @collected
    def _replied(self, reply: Message) -> Iterator[Action]:
        if self._opening is not None and reply.key == self._opening.key:
            self._opening = None
            if self._greeted:
                return  # the client has been answered in the server's place
            self._greeted = True
        request = self._lists.pop(reply.key, None)
        if request is not None and self._is_absent(request) and result_of(reply) is None:
            reply = empty_reply(request)
        yield ToClient(reply)

    def _greet(self, opening: Message) -> Action:
        self._greeted = True
        reply = replies.result(opening, self._result(opening))
        self._promised = lists_in(result_of(reply))
        return ToClient(reply)

    def _is_absent(self, request: Message) -> bool:
        """Whether the list that `request` asks for was promised, and the server does not have it."""
        capability = capability_of(request.method)
        return self._declared is not None and capability in self._promised - self._declared

    def _cancelled(self, key: Hashable) -> None:
        self._lists.pop(key, None)
        if self._opening is not None and self._opening.method == DISCOVER and self._opening.key == key:
            self._opening = None  # `initialize` must not be cancelled, and gets its reply

    @collected
    def _learn(self, method: str, result: bytes | None) -> Iterator[Action]:
        """Remember the server's description of itself."""
        if result is None or not proves_server(method, result):
            return
        self._declared = lists_in(result)
        worth = self._worth_remembering(method, result)
        if replies.members(self._memory.get(method)) != replies.members(worth):
            self._memory[method] = worth
            yield Remember(method, worth)
