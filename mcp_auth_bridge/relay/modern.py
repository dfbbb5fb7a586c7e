"""MCP 2026-07-28 on both sides: there is no session, and each request has headers made from its body.

The relay cancels a call by hanging up. Tools with an invalid `x-mcp-header` are hidden from the client, because
their calls could not be sent properly. If the server does not accept the headers of a call (-32020, so it did not run),
the relay lists the tools anew and makes the call once more.
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
    """A new listing of the tools for `call`. The server did not accept its headers, and replied with `mismatch`."""

    call: int
    mismatch: Message
    pages: int = 0


class Modern(Around):
    """Wraps the relay that gives each request exactly one reply."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)

        # The headers that the calls of each tool need.
        self._tools = ToolHeaders()

        # The client's request of each call under way.
        self._requests: dict[int, Message] = {}

        # The replies -32020 to calls that have not ended yet, by call.
        self._mismatches: dict[int, Message] = {}

        # The listings under way, by the number of the call that lists the tools.
        self._relistings: dict[int, _Relisting] = {}

        # The calls that were made once more. No call is made a third time.
        self._repeated: set[int] = set()

        # The numbers of the calls that list tools.
        self._numbers = CallNumbers(OWN)

    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is not Kind.REPLY:  # a modern server sends no requests, so there is nothing to reply to
            yield from self._review(self._inner.from_client(message))

    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        if call in self._relistings:
            yield from self._review_tools(call, message)
        elif message.kind is Kind.REQUEST:
            return  # forbidden in this revision, and a modern client could not answer it
        elif self._is_mismatch(call, message):
            self._mismatches[call] = message
        else:
            if self._is_reply(call, message):
                self._mismatches.pop(call, None)
                if self._requests[call].method == "tools/list":
                    message, notes = self._tools.learn(message)
                    yield from notes
            yield from self._review(self._inner.from_server(call, message))

    def alive(self, call: int) -> Iterator[Action]:
        relisting = self._relistings.get(call)  # the call that waits for the list is alive with it
        yield from self._review(self._inner.alive(relisting.call if relisting is not None else call))

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if (relisting := self._relistings.pop(call, None)) is not None:
            yield from self._give_up(relisting)
        elif (mismatch := self._mismatches.pop(call, None)) is not None:
            yield from self._relist(_Relisting(call, mismatch), None)
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
                # This revision does not POST notifications: a cancellation is the hangup that follows.
                continue
            if isinstance(action, Hangup):
                yield from self._forget(action.call)
            yield action

    def _forget(self, call: int) -> Iterator[Action]:
        """Forget `call`, which is hung up on, and stop listing the tools for it."""
        self._requests.pop(call, None)
        self._mismatches.pop(call, None)
        self._repeated.discard(call)
        for own in [own for own, relisting in self._relistings.items() if relisting.call == call]:
            del self._relistings[own]
            yield Hangup(own)

    def _headers(self, request: Message) -> Mapping[str, str]:
        headers = standard_headers(request)
        return {**headers, **self._tools.of(request)} if request.method == "tools/call" else headers

    def _is_reply(self, call: int, message: Message) -> bool:
        request = self._requests.get(call)
        return request is not None and message.kind is Kind.REPLY and message.key == request.key

    def _is_mismatch(self, call: int, message: Message) -> bool:
        return (
            self._is_reply(call, message)
            and self._requests[call].method == "tools/call"
            and call not in self._repeated
            and replies.error_code(message) == HEADER_MISMATCH
        )

    def _relist(self, relisting: _Relisting, cursor: Any) -> Iterator[Action]:
        """Request a page of tools with the `_meta` of the refused call. Any: the server's cursor is any JSON."""
        meta = self._requests[relisting.call].params.get("_meta")
        members = meta.items() if isinstance(meta, dict) else ()
        own = {key: value for key, value in members if key.startswith(_META_PREFIX)}
        call = self._numbers.take()
        params = {"_meta": own} if cursor is None else {"_meta": own, "cursor": cursor}
        listing = replies.request("tools/list", params, -call)
        relisting.pages += 1
        self._relistings[call] = relisting
        yield ToServer(call, listing, self._headers(listing))

    def _review_tools(self, own: int, message: Message) -> Iterator[Action]:
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
        """End the call with the server's reply -32020, because the tools cannot be listed."""
        del self._requests[relisting.call]
        yield from self._review(self._inner.from_server(relisting.call, relisting.mismatch))
        yield from self._review(self._inner.ended(relisting.call, None))
