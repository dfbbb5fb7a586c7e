"""Answers the server's requests that the client has not declared a capability for, in the client's place.

Servers send such requests although they must not, and a client that does not know them may never answer: Cline's CLI
answers nothing at all, so its tool call would wait for 60 seconds. The answers are those of the specification
(2025-11-25, client/roots, client/sampling, client/elicitation, "Error Handling"; client/tasks).

`ping` is answered here for every client: it asks whether this side is alive, and some clients never answer it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import REQUEST, Action, Kind, Message, Occasional, Relay, ToClient, collected
from mcp_auth_bridge.relay.modern_requests import CAPABILITIES_KEY

_METHOD_NOT_FOUND = -32601
_INVALID_PARAMS = -32602
_NEEDED = {
    "roots/list": "roots",
    "sampling/createMessage": "sampling",
    "elicitation/create": "elicitation",
    "tasks/cancel": "tasks",
    "tasks/get": "tasks",
    "tasks/list": "tasks",
    "tasks/result": "tasks",
}
"""The capability that a server's request needs, by method."""


class ClientCapabilities(Occasional):
    """Wraps the relay of a legacy session."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)
        self._declared: Mapping[str, Any] = {}  # Any: the client may declare any JSON

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST and message.method == "initialize":
            self._declared = declared_in(message)
        return self._review(self._inner.from_client(message))

    @property
    def is_idle(self) -> bool:
        return True

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is ToClient and action.message.kind is REQUEST:
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        answers: list[Message] = []
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REQUEST) as request) if answer := self._answer(request):
                    answers.append(answer)
                case _:
                    yield action
        for answer in answers:  # only now: until then the inner relay is still at work
            yield from self._review(self._inner.from_client(answer))

    def _answer(self, request: Message) -> Message | None:
        """The answer to `request` of the server, None if the client is to give it."""
        if request.method == "ping":
            return replies.result(request, {})
        needed = _NEEDED.get(request.method or "")
        if needed is None:
            return None
        if not isinstance(self._declared.get(needed), dict):
            return _refusal(request, _METHOD_NOT_FOUND, needed)
        if needed == "elicitation" and not _takes_mode(self._declared, request.params.get("mode")):
            return _refusal(request, _INVALID_PARAMS, "this mode of elicitation")
        return None


def _refusal(request: Message, code: int, unsupported: str) -> Message:
    return replies.error(request, {"code": code, "message": f"the MCP client does not support {unsupported}"})


def declared_in(request: Message) -> Mapping[str, Any]:
    """The client's capabilities as `request` declares them: `initialize`, or any request since MCP 2026-07-28.

    Any: any JSON.
    """
    params = request.params
    if request.method != "initialize":
        meta = params.get("_meta")
        params = {"capabilities": meta.get(CAPABILITIES_KEY)} if isinstance(meta, dict) else {}
    capabilities = params.get("capabilities")
    return capabilities if isinstance(capabilities, dict) else {}


def takes_urls(declared: Mapping[str, Any]) -> bool:
    """Whether a client with these capabilities shows its user a URL (URL mode of elicitation). Any: any JSON."""
    elicitation = declared.get("elicitation")
    return isinstance(elicitation, dict) and isinstance(elicitation.get("url"), dict)


def _takes_mode(declared: Mapping[str, Any], mode: Any) -> bool:
    """Whether it takes an elicitation of this `mode`. A client that names no mode takes forms, the only one at first.

    Any: any JSON.
    """
    if mode == "url":
        return takes_urls(declared)
    return "form" in declared["elicitation"] or "url" not in declared["elicitation"]
