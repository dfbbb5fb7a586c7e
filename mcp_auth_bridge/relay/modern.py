"""MCP 2026-07-28 on both sides: no session; every request stands for itself, with headers made from its body.

Cancelling is hanging up. Tools whose `x-mcp-header` is invalid are hidden, because no call of theirs could be sent
properly. A call whose headers the server does not accept is sent once more after its tools were listed anew: with
-32020 the server has said that it did not run it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay import answers
from mcp_auth_bridge.relay.base import Action, Around, Hangup, Kind, Message, Note, Relay, ToServer
from mcp_auth_bridge.relay.mcp_headers import (
    Annotations,
    InvalidAnnotation,
    annotations_of,
    parameter_headers,
    standard_headers,
)

HEADER_MISMATCH = -32020

_META_PREFIX = "io.modelcontextprotocol/"
_MOST_PAGES = 100


class _Relisting(msgspec.Struct):
    """The tools are being listed anew for the sake of `call`, whose headers were refused with `refusal`."""

    call: int
    refusal: Message
    pages: int = 0


class Modern(Around):
    """Wraps the relay that keeps the promise of one answer. Its own calls count down from -1."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)
        self._requests: dict[int, Message] = {}
        self._tools: dict[str, Annotations] = {}
        self._refusals: dict[int, Message] = {}
        self._relistings: dict[int, _Relisting] = {}
        self._repeated: set[int] = set()
        self._last = 0

    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is not Kind.RESPONSE:  # a modern server asks nothing, so nothing is answered
            yield from self._seen(self._inner.from_client(message))

    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        if call in self._relistings:
            yield from self._listed(call, message)
        elif message.kind is Kind.REQUEST:
            return  # forbidden in this revision, and this client could not answer
        elif self._is_refusal(call, message):
            self._refusals[call] = message
        else:
            if message.kind is Kind.RESPONSE and self._method(call) == "tools/list":
                message, notes = self._learned(message)
                yield from notes
            yield from self._seen(self._inner.from_server(call, message))

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if (relisting := self._relistings.pop(call, None)) is not None:
            yield from self._give_up(relisting)
        elif (refusal := self._refusals.pop(call, None)) is not None:
            yield from self._relist(_Relisting(call, refusal), None)
        else:
            self._forget(call)
            yield from self._seen(self._inner.ended(call, error))

    def _seen(self, actions: Iterable[Action]) -> Iterator[Action]:
        for action in actions:
            if isinstance(action, ToServer):
                if action.message.kind is Kind.REQUEST:
                    self._requests[action.call] = action.message
                    yield msgspec.structs.replace(action, headers=self._headers(action.message))
                # A notification has no place in this revision's HTTP: cancelling is the hanging up that follows.
                continue
            if isinstance(action, Hangup):
                self._forget(action.call)
            yield action

    def _headers(self, request: Message) -> Mapping[str, str]:
        headers = standard_headers(request)
        if request.method == "tools/call" and (annotations := self._tools.get(str(request.params.get("name")))):
            headers.update(parameter_headers(annotations, request.params.get("arguments")))
        return headers

    def _method(self, call: int) -> str | None:
        request = self._requests.get(call)
        return request.method if request is not None else None

    def _forget(self, call: int) -> None:
        self._requests.pop(call, None)
        self._refusals.pop(call, None)
        self._repeated.discard(call)
        for own, relisting in list(self._relistings.items()):
            if relisting.call == call:
                del self._relistings[own]

    def _learned(self, listed: Message) -> tuple[Message, list[Note]]:
        """The answer without the tools that must not be shown, byte for byte if there are none; why, for the log."""
        body = json.loads(listed.raw)
        result = body.get("result")
        tools = result.get("tools") if isinstance(result, dict) else None
        if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
            return listed, []
        shown, notes = [], []
        for tool in tools:
            try:
                self._tools[str(tool.get("name"))] = annotations_of(tool)
                shown.append(tool)
            except InvalidAnnotation as invalid:
                notes.append(Note(f"the tool {str(tool.get('name'))[:80]!r} is hidden: {invalid}"))
        if not notes:
            return listed, []
        body["result"]["tools"] = shown
        return msgspec.structs.replace(listed, raw=json.dumps(body, ensure_ascii=False).encode()), notes

    def _is_refusal(self, call: int, message: Message) -> bool:
        if message.kind is not Kind.RESPONSE or self._method(call) != "tools/call" or call in self._repeated:
            return False
        return answers.error_code(message) == HEADER_MISMATCH

    def _relist(self, relisting: _Relisting, cursor: Any) -> Iterator[Action]:
        """Ask for a page of tools in the name of the refused request. Any: a cursor is the server's business."""
        request = self._requests[relisting.call]
        meta = {key: value for key, value in request.params.get("_meta", {}).items() if key.startswith(_META_PREFIX)}
        params = {"_meta": meta} if cursor is None else {"_meta": meta, "cursor": cursor}
        listing = answers.request("tools/list", params)
        self._last -= 1
        relisting.pages += 1
        self._relistings[self._last] = relisting
        yield ToServer(self._last, listing, self._headers(listing))

    def _listed(self, own: int, message: Message) -> Iterator[Action]:
        if message.kind is not Kind.RESPONSE:
            return
        relisting = self._relistings.pop(own)
        result = json.loads(message.raw).get("result")
        if not isinstance(result, dict):
            yield from self._give_up(relisting)
            return
        _, notes = self._learned(message)
        yield from notes
        if "nextCursor" in result and relisting.pages < _MOST_PAGES:
            yield from self._relist(relisting, result["nextCursor"])
        else:
            self._repeated.add(relisting.call)
            request = self._requests[relisting.call]
            yield ToServer(relisting.call, request, self._headers(request))

    def _give_up(self, relisting: _Relisting) -> Iterator[Action]:
        """The tools cannot be listed: the call ends with what its server said."""
        self._forget(relisting.call)
        yield from self._inner.from_server(relisting.call, relisting.refusal)
        yield from self._inner.ended(relisting.call, None)
