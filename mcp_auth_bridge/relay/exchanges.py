"""The requests that run at a legacy server, and the client's requests that they answer.

One request at the server may answer several of the client's, one after the other: the first of them, and the retries
that carry the user's input.
"""

from collections.abc import Hashable, Iterator
from typing import Any

import msgspec

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay.base import Message
from mcp_auth_bridge.relay.input_required import refusal_code
from mcp_auth_bridge.relay.modern_requests import INTERACTIVE, capabilities_in, legacy_form, level_in, meta_of
from mcp_auth_bridge.relay.replies import with_id
from mcp_auth_bridge.relay.rewriting import rewrite

_TOKEN = "progressToken"


class Exchange(msgspec.Struct, eq=False):
    """One request at the server."""

    # Its number: a later one has a higher number.
    number: int

    # The client's request that began it, or the last retry.
    asked: Message

    # The request as the server knows it.
    sent: Message

    # The progress token that the server knows, None if the request has none. Any: any JSON.
    token: Any = None

    # Whether the client waits for a reply to `asked`. Else the call is parked.
    is_awaited: bool = True

    # The capabilities that `asked` declares. Any: any JSON.
    capabilities: dict[str, Any] = {}

    # The place in `LEVELS` of the log level for which `asked` asks.
    level: int | None = None

    # The progress token of `asked`. Any: any JSON.
    client_token: Any = None

    # The highest progress that the client was told.
    progress: float = float("-inf")

    # The server's requests without an answer, by the key that the client knows them by. None: the server withdrew it.
    inputs: dict[str, Message | None] = {}

    # The number of the server's requests so far.
    count: int = 0

    # How the request ended while it was parked.
    outcome: Message | BridgeError | None = None

    # Whether the server refuses it until the user has visited a URL. Then it has to be sent again.
    lacks_consent: bool = False

    @property
    def is_interactive(self) -> bool:
        """Whether its result may ask the client for input."""
        return self.asked.method in INTERACTIVE

    @property
    def runs(self) -> bool:
        """Whether the server still works on it."""
        return self.outcome is None

    def answers_to(self, request: Message) -> None:
        """Let `request`, the client's, be the one that is answered."""
        meta = meta_of(request)
        self.asked, self.is_awaited = request, True
        self.capabilities, self.level, self.client_token = capabilities_in(meta), level_in(meta), _token_in(meta)


class Exchanges:
    """The requests at the server, by the ids, calls and progress tokens that they have there."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, Exchange] = {}
        self._by_call: dict[int, Exchange] = {}
        self._numbers = 0

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._by_key.values())

    def begin(self, request: Message) -> Exchange:
        """An exchange for the client's `request`. Its id and progress token stay, unless the server knows them."""
        self._numbers += 1
        sent = legacy_form(request)
        if request.key in self._by_key:
            sent = with_id(sent, b'"mcp-auth-bridge/exchange/%d"' % self._numbers)
        exchange = Exchange(self._numbers, request, sent, inputs={})
        exchange.answers_to(request)
        exchange.token = exchange.client_token
        if exchange.token is not None and self.of_token(exchange.token) is not None:
            exchange.token = f"mcp-auth-bridge/progress/{self._numbers}"
            exchange.sent = rewrite(sent, {("params", "_meta", _TOKEN): exchange.token})
        self._by_key[exchange.sent.key] = exchange
        return exchange

    def end(self, exchange: Exchange) -> None:
        del self._by_key[exchange.sent.key]
        self._by_call = {call: other for call, other in self._by_call.items() if other is not exchange}

    def note_call(self, call: int, sent: Message) -> None:
        """Note that `call` carries `sent`. A call that is made again may carry it under another id."""
        exchange = self._by_key.get(sent.key)
        if exchange is not None:
            self._by_call[call] = exchange

    def of_call(self, call: int) -> Exchange | None:
        return self._by_call.get(call)

    def of_reply(self, reply: Message) -> Exchange | None:
        return self._by_key.get(reply.key)

    def of_token(self, token: Any) -> Exchange | None:
        """The exchange whose progress the server reports with `token`. Any: any JSON."""
        known = (exchange for exchange in self if exchange.token is not None)
        return next((exchange for exchange in known if _same(exchange.token, token)), None)

    def of_client(self, key: Hashable) -> Exchange | None:
        """The exchange that answers the client's request `key`; a call that is parked if no request has that key."""
        found = [exchange for exchange in self if exchange.asked.key == key]
        return next((exchange for exchange in found if exchange.is_awaited), found[0] if found else None)

    def that_may_ask(self, request: Message) -> Exchange | None:
        """The exchange that the server's `request` may belong to, if it does not say: see `parked_calls.py`."""
        able = [
            exchange
            for exchange in self
            if exchange.is_interactive and exchange.runs and refusal_code(request, exchange.capabilities) is None
        ]
        return max(able, key=lambda exchange: (exchange.is_awaited, exchange.number), default=None)

    def withdraw(self, key: Hashable) -> None:
        """Forget the server's request `key`. A client that knows of it may answer it: that is ignored."""
        for exchange in self:
            for name, request in exchange.inputs.items():
                if request is not None and request.key == key:
                    exchange.inputs[name] = None


def _token_in(meta: dict[str, Any]) -> Any:
    token = meta.get(_TOKEN)
    return token if isinstance(token, str | int) and not isinstance(token, bool) else None


def _same(one: Any, other: Any) -> bool:
    return not isinstance(other, bool) and bool(one == other)
