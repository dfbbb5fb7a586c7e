"""Answers the client's opening at once, from memory, while the remote or a login is pending.

An error on `initialize` helps nobody: most clients hide its text and never come back (clients.md, section 1.4). So the
opening always succeeds; what is missing is said where people and models look, in the result of a tool call.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from mcp_auth_bridge import __version__
from mcp_auth_bridge.errors import BridgeError, LoginRequired, StoreError, Unreachable
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    Action,
    Fail,
    Kind,
    Message,
    Relay,
    Remember,
    SessionOpened,
    ToClient,
    ToServer,
    Wake,
)
from mcp_auth_bridge.relay.call_numbers import SIGN_IN
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.http_semantics import LATEST, SUPPORTED

PATIENCE = 0.3
"""Seconds that the remote has for its own answer to `initialize`."""

_TIMER = "welcome"
_LISTS = ("tools", "prompts", "resources")


class EarlyInitialize:
    """Wraps the relay that knows the session. `name` is the server's; `memory` what it said last time, by method."""

    def __init__(self, inner: Relay, name: str, memory: Mapping[str, bytes]) -> None:
        self._inner = inner
        self._name = name
        self._memory = dict(memory)
        self._opening: Message | None = None
        self._opening_call: int | None = None
        self._greeted = False
        self._guessed = False
        self._been_here = False
        self._offered: tuple[str, ...] = ()
        self._missing: LoginRequired | None = None
        self._lists: dict[Hashable, Message] = {}
        self._sign_in_tool = f"{re.sub(r'[^A-Za-z0-9_-]+', '_', name)[:48]}_login"
        self._offers_sign_in = False

    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is Kind.REQUEST and message.method == "initialize" and self._opening is None:
            self._opening, self._greeted, self._been_here = message, False, False
            yield Wake(_TIMER, PATIENCE)
        elif self._is_sign_in(message):
            yield self._sign_in(message)
            return
        elif message.kind is Kind.REQUEST and message.method == "tools/list" and "cursor" not in message.params:
            self._lists[message.key] = message
        elif message.kind is Kind.NOTIFICATION and message.method == "notifications/cancelled":
            self._lists.pop(message.cancelled_key, None)
        yield from self._review(self._inner.from_client(message))

    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        if call == self._opening_call and message.kind is Kind.REPLY:
            yield from self._remember("initialize", result_of(message))
        yield from self._review(self._inner.from_server(call, message))

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if call == SIGN_IN:
            self._missing = None
        yield from self._review(self._inner.ended(call, error))

    def woke(self, timer: str) -> Iterator[Action]:
        if timer != _TIMER:
            yield from self._review(self._inner.woke(timer))
        elif self._opening is not None and not self._greeted:
            yield self._greet_from_memory(self._opening)

    def _review(self, actions: Iterable[Action]) -> Iterator[Action]:
        """What the inner relay wants, with the client's opening and its lists looked after."""
        for action in actions:
            match action:
                case ToServer(call=call, message=Message(kind=Kind.REQUEST, method="initialize")):
                    self._opening_call = call
                    yield action
                case ToClient(message=Message(kind=Kind.REPLY)):
                    yield from self._answered(action)
                case Fail(request=request, error=error):
                    yield from self._failed(request, error)
                case SessionOpened():
                    yield action
                    yield from self._arrived()
                case _:
                    yield action

    def _answered(self, action: ToClient) -> Iterator[Action]:
        message = action.message
        if self._opening is not None and message.key == self._opening.key:
            self._opening = None
            if self._greeted:
                return  # memory was faster; the difference is told by `_arrived`
            self._greeted = True
            self._offered = _lists_in(result_of(message))
        elif self._lists.pop(message.key, None) is not None:
            yield from self._remember("tools/list", result_of(message))
        yield action

    def _failed(self, request: Message, error: BridgeError) -> Iterator[Action]:
        if isinstance(error, LoginRequired):
            self._missing = error
        if request is self._opening:
            self._opening = None
            if not self._greeted:
                yield self._greet_from_memory(request)
        elif self._lists.pop(request.key, None) is not None and (known := self._tools(error)) is not None:
            self._guessed = True
            yield ToClient(replies.raw_result(request, known))
        else:
            yield Fail(request, error)

    def _arrived(self) -> Iterator[Action]:
        """The session is open. A client that was answered from memory, or by another session, is told to ask again."""
        self._missing = None
        if self._guessed or self._been_here:
            self._guessed = False
            for name in self._offered:
                yield ToClient(replies.notification(f"notifications/{name}/list_changed"))
        self._been_here = True

    def _greet_from_memory(self, opening: Message) -> Action:
        self._greeted = self._guessed = True
        result = initialize_result(self._name, self._memory.get("initialize"), opening.params.get("protocolVersion"))
        self._offered = tuple(name for name in _LISTS if name in result["capabilities"])
        return ToClient(replies.result(opening, result))

    def _tools(self, error: BridgeError) -> bytes | None:
        """The tools that can be shown although the remote was not asked."""
        if isinstance(error, LoginRequired):
            self._offers_sign_in = self._offers_sign_in or "tools/list" not in self._memory
            return self._memory.get("tools/list") or self._sign_in_tools()
        return self._memory.get("tools/list") if isinstance(error, Unreachable | StoreError) else None

    def _sign_in_tools(self) -> bytes:
        tool = {
            "name": self._sign_in_tool,
            "description": (
                f"You need to sign in to {self._name} before its tools appear. Call this tool for instructions."
            ),
            "inputSchema": {"type": "object", "properties": {}},
        }
        return msgspec.json.encode({"tools": [tool]})

    def _is_sign_in(self, message: Message) -> bool:
        return (
            self._offers_sign_in
            and message.method == "tools/call"
            and message.kind is Kind.REQUEST
            and message.params.get("name") == self._sign_in_tool
        )

    def _sign_in(self, request: Message) -> Action:
        if self._missing is not None:
            return Fail(request, self._missing)
        done = f"You are signed in to {self._name}. If its tools are not listed yet, restart the session."
        return ToClient(replies.tool_text(request, done, is_error=False))

    def _remember(self, method: str, result: bytes | None) -> Iterator[Action]:
        known = replies.members(result)
        whole = "nextCursor" not in known and isinstance(known.get("tools"), list)
        if result is not None and (whole if method == "tools/list" else known) and self._memory.get(method) != result:
            self._memory[method] = result
            yield Remember(method, result)


def initialize_result(name: str, remembered: bytes | None, requested: Any) -> dict[str, Any]:
    """An InitializeResult in the client's own version: the remembered one, else the least that can be true.

    It always promises `listChanged`, because what it says is going to change. Any: both are somebody's JSON.
    """
    known = replies.members(remembered)
    capabilities = _object(known.get("capabilities")) or {list_: {} for list_ in _LISTS}
    for list_ in _LISTS:
        if list_ in capabilities:
            capabilities[list_] = {**_object(capabilities[list_]), "listChanged": True}
    return {
        **known,
        "protocolVersion": requested if requested in SUPPORTED else LATEST,
        "capabilities": capabilities,
        "serverInfo": _object(known.get("serverInfo")) or {"name": name, "version": __version__},
    }


def _lists_in(result: bytes | None) -> tuple[str, ...]:
    capabilities = _object(replies.members(result).get("capabilities"))
    return tuple(name for name in _LISTS if name in capabilities)


def _object(value: Any) -> dict[str, Any]:
    """`value` if it is an object, which a server's word or a file need not be, else {}."""
    return value if isinstance(value, dict) else {}
