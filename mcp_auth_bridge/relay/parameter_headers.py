"""Sends the headers `Mcp-Param-*` with each call of a tool that asks for them by `x-mcp-header` (MCP 2026-07-28).

A server may demand them in a legacy session too: GitHub's does (github-mcp-server #3311, typescript-sdk #2639). The
relay learns from every `tools/list` that passes. If the server does not accept the headers of a call (-32020, so it
did not run), the relay lists the tools anew, all pages, and makes the call once more.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from mcp_auth_bridge.errors import BridgeError, LoginRequired
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    NOTHING,
    REPLY,
    Action,
    Hangup,
    Message,
    Note,
    Relay,
    Reviewing,
    ToServer,
    collected,
)
from mcp_auth_bridge.relay.call_numbers import LISTINGS, CallNumbers
from mcp_auth_bridge.relay.mcp_headers import version_of
from mcp_auth_bridge.relay.tool_headers import InvalidTool, ToolHeaders, result_in, without

HEADER_MISMATCH = -32020

_OF_TOOLS = ("tools/call", "tools/list")

_MISMATCH_IN_JSON = b"%d" % HEADER_MISMATCH
_LONGEST_REFUSAL = 65536  # bytes; a longer reply is not a refusal, and is not searched to find that out
_META_PREFIX = "io.modelcontextprotocol/"
_MOST_PAGES = 100

Show: TypeAlias = Callable[[Message, Sequence[InvalidTool]], tuple[Message, list[Note]]]
"""The client's view of a reply to `tools/list`, and the log's lines about its invalid tools."""


def show_all(listed: Message, invalid: Sequence[InvalidTool]) -> tuple[Message, list[Note]]:  # noqa: ARG001 - a `Show`
    """For the legacy era, which knows no `x-mcp-header`: `listed` as it is."""
    return listed, []


def hide_invalid(listed: Message, invalid: Sequence[InvalidTool]) -> tuple[Message, list[Note]]:
    """For the modern era: `listed` without its `invalid` tools, because their calls could not be sent properly."""
    notes = [Note(f"the tool {tool.name} is hidden: {tool.reason}") for tool in invalid]
    return without(listed, invalid), notes


class _Relisting(msgspec.Struct):
    """A new listing of the tools for `call`. The server did not accept its headers, and replied with `mismatch`."""

    call: int
    mismatch: Message
    pages: int = 0


class ParameterHeaders(Reviewing):
    """Wraps the relay that gives each request exactly one reply, inside the one that adds the headers of the era.

    `numbers` are those of its own calls.
    """

    def __init__(self, inner: Relay, show: Show, numbers: CallNumbers | None = None) -> None:
        super().__init__(inner)

        # Which tools the client sees.
        self._show = show

        # The headers that the calls of each tool need.
        self._tools = ToolHeaders()

        # The client's `tools/call` or `tools/list` of each call under way.
        self._requests: dict[int, Message] = {}

        # The replies -32020 to calls that have not ended yet, by call.
        self._mismatches: dict[int, Message] = {}

        # The listings under way, by the number of the call that lists the tools.
        self._relistings: dict[int, _Relisting] = {}

        # The calls that were made once more. No call is made a third time.
        self._repeated: set[int] = set()

        # The numbers of the calls that list tools.
        self._numbers = numbers or CallNumbers(LISTINGS)

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        if message.kind is REPLY:
            if call in self._relistings:
                return self._review_tools(call, message)
            request = self._requests.get(call)
            if request is not None and message.key == request.key:
                return self._replied(call, request, message)
        return self._review(self._inner.from_server(call, message))

    def alive(self, call: int) -> Sequence[Action]:
        relisting = self._relistings.get(call)  # the call that waits for the list is alive with it
        return self._review(self._inner.alive(relisting.call if relisting is not None else call))

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        if (relisting := self._relistings.pop(call, None)) is not None:
            return self._give_up(relisting, error)
        if (mismatch := self._mismatches.pop(call, None)) is not None:
            return [self._relist(_Relisting(call, mismatch), None)]
        self._requests.pop(call, None)
        self._repeated.discard(call)
        actions = self._inner.ended(call, error)
        return self._review(actions) if actions else actions

    def _replied(self, call: int, request: Message, reply: Message) -> Sequence[Action]:
        """The server's `reply` to `request`, the `tools/call` or `tools/list` of `call`."""
        if not reply.is_result and self._is_mismatch(call, request, reply):
            self._mismatches[call] = reply
            return NOTHING
        if self._mismatches:
            self._mismatches.pop(call, None)
        if request.method != "tools/list":
            return self._review(self._inner.from_server(call, reply))
        shown, notes = self._show(reply, self._tools.learn(reply))
        return [*notes, *self._review(self._inner.from_server(call, shown))]

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is ToServer:
                if action.message.method in _OF_TOOLS:
                    return self._reviewed(actions)
            elif type(action) is Hangup:
                return self._reviewed(actions)
        return actions

    def _reviewed(self, actions: Sequence[Action]) -> Sequence[Action]:
        reviewed: list[Action] = []
        for action in actions:
            if type(action) is ToServer and action.message.method in _OF_TOOLS:
                self._requests[action.call] = action.message
                reviewed.append(self._with_headers(action) if self._tools.are_annotated else action)
                continue
            if type(action) is Hangup:
                reviewed += self._forget(action.call)
            reviewed.append(action)
        return reviewed

    def _with_headers(self, action: ToServer) -> ToServer:
        if action.message.method != "tools/call" or not (own := self._tools.of(action.message)):
            return action
        return msgspec.structs.replace(action, headers={**action.headers, **own})

    @collected
    def _forget(self, call: int) -> Iterator[Action]:
        """Forget `call`, which is hung up on, and stop listing the tools for it."""
        self._requests.pop(call, None)
        self._mismatches.pop(call, None)
        self._repeated.discard(call)
        for own in [own for own, relisting in self._relistings.items() if relisting.call == call]:
            del self._relistings[own]
            yield Hangup(own)

    def _is_mismatch(self, call: int, request: Message, reply: Message) -> bool:
        return (
            len(reply.raw) <= _LONGEST_REFUSAL
            and _MISMATCH_IN_JSON in reply.raw  # nearly no message
            and request.method == "tools/call"
            and call not in self._repeated
            and replies.error_code(reply) == HEADER_MISMATCH
        )

    def _relist(self, relisting: _Relisting, cursor: Any) -> Action:
        """Request a page of tools. Any: the server's cursor is any JSON."""
        params = _metadata_of(self._requests[relisting.call])
        if cursor is not None:
            params["cursor"] = cursor
        call = self._numbers.take()
        relisting.pages += 1
        self._relistings[call] = relisting
        return ToServer(call, replies.request("tools/list", params, -call))

    @collected
    def _review_tools(self, own: int, message: Message) -> Iterator[Action]:
        relisting = self._relistings.pop(own)
        result = result_in(message)
        if result is None:
            yield from self._give_up(relisting, None)
            return
        _, notes = self._show(message, self._tools.learn(message))
        yield from notes
        cursor = result.get("nextCursor")
        if cursor is not None and relisting.pages < _MOST_PAGES:
            yield self._relist(relisting, cursor)
        else:
            self._repeated.add(relisting.call)
            yield self._with_headers(ToServer(relisting.call, self._requests[relisting.call]))

    @collected
    def _give_up(self, relisting: _Relisting, error: BridgeError | None) -> Iterator[Action]:
        """End the call, because the tools cannot be listed: a login is missing, or else with the reply -32020."""
        del self._requests[relisting.call]
        if isinstance(error, LoginRequired):
            yield from self._review(self._inner.ended(relisting.call, error))
            return
        yield from self._review(self._inner.from_server(relisting.call, relisting.mismatch))
        yield from self._review(self._inner.ended(relisting.call, None))


def _metadata_of(call: Message) -> dict[str, Mapping[str, Any]]:
    """The `_meta` that requests of the modern era need, as parameters; {} for a call of the legacy era. Any: JSON."""
    if not version_of(call):
        return {}
    members = call.params["_meta"].items()
    return {"_meta": {key: value for key, value in members if key.startswith(_META_PREFIX)}}
