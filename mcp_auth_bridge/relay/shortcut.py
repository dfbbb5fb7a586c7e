"""Leads most messages past the relays that have something to do on occasion only.

Around the relays of the server's era stand those that serve the client's user: at the opening, for lists, while a login
is missing, in a new session. In between, they only hand on what they see, five of them twice for each message. So the
calls of tools and the like, their replies and their ends pass them by, unless an action comes back that concerns one.
"""

from collections.abc import Callable, Sequence

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay.base import (
    REQUEST,
    Action,
    Fail,
    Message,
    Occasional,
    Relay,
    Remember,
    SessionOpened,
    ToClient,
    ToServer,
)
from mcp_auth_bridge.relay.greetings import DISCOVER, INITIALIZE
from mcp_auth_bridge.relay.list_results import CHANGES

_CALLS = frozenset({"completion/complete", "prompts/get", "resources/read", "tools/call"})
"""The methods of requests that concern none of these relays."""

_OPENINGS = (INITIALIZE, DISCOVER)


class Shortcut:
    """`core` is wrapped by the relays that `wrap` makes, from the inside out.

    These change only when a message reaches them. So after each one that does, the shortcut looks whether all are idle.
    """

    def __init__(self, core: Relay, *wrap: Callable[[Relay], Occasional]) -> None:
        self._core = core
        self._inner, self._occasional = core, list[Occasional]()
        for make in wrap:
            self._inner = relay = make(self._inner)
            self._occasional.append(relay)
        self._is_free = self._are_idle()

    def from_client(self, message: Message) -> Sequence[Action]:
        if self._is_free and message.kind is REQUEST and message.method in _CALLS:
            return self._reviewed_if_needed(self._core.from_client(message))
        self._is_free = False  # also after an exception
        actions = self._inner.from_client(message)
        self._is_free = self._are_idle()
        return actions

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        if self._is_free:
            return self._reviewed_if_needed(self._core.from_server(call, message))
        actions = self._inner.from_server(call, message)
        self._is_free = self._are_idle()
        return actions

    def alive(self, call: int) -> Sequence[Action]:
        if self._is_free:
            return self._reviewed_if_needed(self._core.alive(call))
        actions = self._inner.alive(call)
        self._is_free = self._are_idle()
        return actions

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        if self._is_free:
            actions = self._core.ended(call, error)
            return self._reviewed_if_needed(actions) if actions else actions
        actions = self._inner.ended(call, error)
        self._is_free = self._are_idle()
        return actions

    def woke(self, timer: str) -> Sequence[Action]:
        self._is_free = False  # as above
        actions = self._inner.woke(timer)
        self._is_free = self._are_idle()
        return actions

    def _are_idle(self) -> bool:
        return all(relay.is_idle for relay in self._occasional)

    def _reviewed_if_needed(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is ToClient:
                concerns = action.message.kind is REQUEST or action.message.method in CHANGES
            elif type(action) is ToServer:
                concerns = action.message.method in _OPENINGS
            else:
                concerns = isinstance(action, Fail | Remember | SessionOpened)
            if concerns:
                return self._reviewed(actions)
        return actions

    def _reviewed(self, actions: Sequence[Action]) -> Sequence[Action]:
        self._is_free = False  # as above
        for relay in self._occasional:
            actions = relay.review(actions)
        self._is_free = self._are_idle()
        return actions
