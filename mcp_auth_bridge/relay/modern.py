"""MCP 2026-07-28 on both sides: no session; every request stands for itself, with headers made from its body.

Cancelling is hanging up. Tools whose `x-mcp-header` is invalid are hidden, because no call of theirs could be sent
properly. A call whose headers the server does not accept is sent once more after its tools were listed anew: with
-32020 the server has said that it did not run it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Action, Around, Hangup, Kind, Message, Relay, ToServer
from mcp_auth_bridge.relay.call_numbers import OWN, CallNumbers
from mcp_auth_bridge.relay.mcp_headers import standard_headers
from mcp_auth_bridge.relay.tool_headers import ToolHeaders, result_in

HEADER_MISMATCH = -32020

_META_PREFIX = "io.modelcontextprotocol/"
_MOST_PAGES = 100


class _Relisting(msgspec.Struct):
    """The tools are being listed anew for the sake of `call`, whose headers were refused with `refusal`."""

    call: int
    refusal: Message
    pages: int = 0


class Modern(Around):
    """Wraps the relay that keeps the promise of one answer."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)
        self._tools = ToolHeaders()
        self._requests: dict[int, Message] = {}
        self._refusals: dict[int, Message] = {}
        self._relistings: dict[int, _Relisting] = {}
        self._repeated: set[int] = set()
        self._numbers = CallNumbers(OWN)

    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is not Kind.REPLY:  # a modern server asks nothing, so nothing is answered
            yield from self._review(self._inner.from_client(message))

    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        if call in self._relistings:
            yield from self._listed(call, message)
        elif message.kind is Kind.REQUEST:
            return  # forbidden in this revision, and this client could not answer
        elif self._is_refusal(call, message):
            self._refusals[call] = message
        else:
            if self._answers(call, message):
                self._refusals.pop(call, None)
                if self._requests[call].method == "tools/list":
                    message, notes = self._tools.learn(message)
                    yield from notes
            yield from self._review(self._inner.from_server(call, message))

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if (relisting := self._relistings.pop(call, None)) is not None:
            yield from self._give_up(relisting)
        elif (refusal := self._refusals.pop(call, None)) is not None:
            yield from self._relist(_Relisting(call, refusal), None)
        else:
            self._requests.pop(call, None)
            self._repeated.discard(call)
            yield from self._review(self._inner.ended(call, error))

    def _review(self, actions: Iterable[Action]) -> Iterator[Action]:
        for action in actions:
            if isinstance(action, ToServer):
                if action.message.kind is Kind.REQUEST:
                    self._requests[action.call] = action.message
                    yield msgspec.structs.replace(action, headers=self._headers(action.message))
                # A notification has no place in this revision's HTTP: cancelling is the hanging up that follows.
                continue
            if isinstance(action, Hangup):
                yield from self._hung_up(action.call)
            yield action

    def _hung_up(self, call: int) -> Iterator[Action]:
        """Nobody waits for `call` any more, and so not for the tools that are listed for its sake."""
        self._requests.pop(call, None)
        self._refusals.pop(call, None)
        self._repeated.discard(call)
        for own in [own for own, relisting in self._relistings.items() if relisting.call == call]:
            del self._relistings[own]
            yield Hangup(own)

    def _headers(self, request: Message) -> Mapping[str, str]:
        headers = standard_headers(request)
        return {**headers, **self._tools.of(request)} if request.method == "tools/call" else headers

    def _answers(self, call: int, message: Message) -> bool:
        request = self._requests.get(call)
        return request is not None and message.kind is Kind.REPLY and message.key == request.key

    def _is_refusal(self, call: int, message: Message) -> bool:
        return (
            self._answers(call, message)
            and self._requests[call].method == "tools/call"
            and call not in self._repeated
            and replies.error_code(message) == HEADER_MISMATCH
        )

    def _relist(self, relisting: _Relisting, cursor: Any) -> Iterator[Action]:
        """Ask for a page of tools in the name of the refused request. Any: a cursor is the server's business."""
        meta = self._requests[relisting.call].params.get("_meta")
        members = meta.items() if isinstance(meta, dict) else ()
        own = {key: value for key, value in members if key.startswith(_META_PREFIX)}
        call = self._numbers.take()
        params = {"_meta": own} if cursor is None else {"_meta": own, "cursor": cursor}
        listing = replies.request("tools/list", params, -call)
        relisting.pages += 1
        self._relistings[call] = relisting
        yield ToServer(call, listing, self._headers(listing))

    def _listed(self, own: int, message: Message) -> Iterator[Action]:
        if message.kind is not Kind.REPLY:
            return
        relisting = self._relistings.pop(own)
        result = result_in(message)
        if result is None:
            yield from self._give_up(relisting)
            return
        _, notes = self._tools.learn(message)
        yield from notes
        cursor = result.get("nextCursor")
        if cursor is not None and relisting.pages < _MOST_PAGES:
            yield from self._relist(relisting, cursor)
        else:
            self._repeated.add(relisting.call)
            request = self._requests[relisting.call]
            yield ToServer(relisting.call, request, self._headers(request))

    def _give_up(self, relisting: _Relisting) -> Iterator[Action]:
        """The tools cannot be listed: the call ends with what its server said."""
        del self._requests[relisting.call]
        yield from self._review(self._inner.from_server(relisting.call, relisting.refusal))
        yield from self._review(self._inner.ended(relisting.call, None))
