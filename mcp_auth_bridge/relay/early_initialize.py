"""Answers the client's `initialize` at once, from memory, while the server or a login is pending.

An error on `initialize` helps no user: most clients hide its text and never try again. So
`initialize` always succeeds. The result of a tool call reports a missing login, because users and models read it.
"""

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
from mcp_auth_bridge.relay.login_tool import login_tool_name

PATIENCE = 0.3
"""Seconds that the server has for its own reply to `initialize`."""

_TIMER = "early initialize"
_LISTS = ("tools", "prompts", "resources")


class EarlyInitialize:
    """Wraps the relay that keeps the session. `memory` holds the last results of the server `name`, by method."""

    def __init__(self, inner: Relay, name: str, memory: Mapping[str, bytes]) -> None:
        # The relay that keeps the session.
        self._inner = inner

        # The name of the server, for people and models.
        self._name = name

        # The server's last results of `initialize` and `tools/list`, raw JSON by method.
        self._memory = dict(memory)

        # The client's `initialize` that the server has not answered yet.
        self._initialize: Message | None = None

        # The newest call that carries an `initialize`.
        self._initialize_call: int | None = None

        # Whether the client has a reply to its `initialize`.
        self._greeted = False

        # Whether the client has a reply from memory, from which the server's own may differ.
        self._guessed = False

        # Whether an earlier session was open since the client's `initialize`.
        self._was_open = False

        # The lists that the client knows of: those of `_LISTS` in the capabilities.
        self._offered: tuple[str, ...] = ()

        # The error about the missing login, None if no login is known to be missing.
        self._missing: LoginRequired | None = None

        # The client's requests for the first page of tools, which memory can answer.
        self._lists: dict[Hashable, Message] = {}

        # The tool that takes the place of the tools which cannot be listed without a login.
        self._login_tool = login_tool_name(name)

        # Whether that tool was listed.
        self._offers_login = False

    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is Kind.REQUEST and message.method == "initialize" and self._initialize is None:
            self._initialize, self._greeted, self._was_open = message, False, False
            yield Wake(_TIMER, PATIENCE)
        elif self._is_login_call(message):
            yield self._answer_login_call(message)
            return
        elif message.kind is Kind.REQUEST and message.method == "tools/list" and "cursor" not in message.params:
            self._lists[message.key] = message
        elif message.kind is Kind.NOTIFICATION and message.method == "notifications/cancelled":
            self._lists.pop(message.cancelled_key, None)
        yield from self._review(self._inner.from_client(message))

    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        if call == self._initialize_call and message.kind is Kind.REPLY:
            yield from self._remember("initialize", result_of(message))
        yield from self._review(self._inner.from_server(call, message))

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if call == SIGN_IN:
            self._missing = None
        yield from self._review(self._inner.ended(call, error))

    def woke(self, timer: str) -> Iterator[Action]:
        if timer != _TIMER:
            yield from self._review(self._inner.woke(timer))
        elif self._initialize is not None and not self._greeted:
            yield self._greet_from_memory(self._initialize)

    def _review(self, actions: Iterable[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToServer(call=call, message=Message(kind=Kind.REQUEST, method="initialize")):
                    self._initialize_call = call
                    yield action
                case ToClient(message=Message(kind=Kind.REPLY)):
                    yield from self._review_reply(action)
                case Fail(request=request, error=error):
                    yield from self._review_failure(request, error)
                case SessionOpened():
                    yield action
                    yield from self._session_opened()
                case _:
                    yield action

    def _review_reply(self, action: ToClient) -> Iterator[Action]:
        message = action.message
        if self._initialize is not None and message.key == self._initialize.key:
            self._initialize = None
            if self._greeted:
                return  # memory was faster; `_session_opened` tells the client to ask again
            self._greeted = True
            self._offered = _lists_in(result_of(message))
        elif self._lists.pop(message.key, None) is not None:
            yield from self._remember("tools/list", result_of(message))
        yield action

    def _review_failure(self, request: Message, error: BridgeError) -> Iterator[Action]:
        if isinstance(error, LoginRequired):
            self._missing = error
        if request is self._initialize:
            self._initialize = None
            if not self._greeted:
                yield self._greet_from_memory(request)
        elif self._lists.pop(request.key, None) is not None and (known := self._known_tools(error)) is not None:
            self._guessed = True
            yield ToClient(replies.raw_result(request, known))
        else:
            yield Fail(request, error)

    def _session_opened(self) -> Iterator[Action]:
        """Tell a client that was answered from memory, or by an earlier session, to ask again."""
        self._missing = None
        if self._guessed or self._was_open:
            self._guessed = False
            for name in self._offered:
                yield ToClient(replies.notification(f"notifications/{name}/list_changed"))
        self._was_open = True

    def _greet_from_memory(self, initialize: Message) -> Action:
        self._greeted = self._guessed = True
        result = initialize_result(self._name, self._memory.get("initialize"), initialize.params.get("protocolVersion"))
        self._offered = tuple(name for name in _LISTS if name in result["capabilities"])
        return ToClient(replies.result(initialize, result))

    def _known_tools(self, error: BridgeError) -> bytes | None:
        """The result of `tools/list` without asking the server, None if `error` has to be told instead."""
        if isinstance(error, LoginRequired):
            self._offers_login = self._offers_login or "tools/list" not in self._memory
            return self._memory.get("tools/list") or self._login_tools()
        return self._memory.get("tools/list") if isinstance(error, Unreachable | StoreError) else None

    def _login_tools(self) -> bytes:
        tool = {
            "name": self._login_tool,
            "description": (
                f"You need to sign in to {self._name} before its tools appear. Call this tool for instructions."
            ),
            "inputSchema": {"type": "object", "properties": {}},
        }
        return msgspec.json.encode({"tools": [tool]})

    def _is_login_call(self, message: Message) -> bool:
        return (
            self._offers_login
            and message.method == "tools/call"
            and message.kind is Kind.REQUEST
            and message.params.get("name") == self._login_tool
        )

    def _answer_login_call(self, request: Message) -> Action:
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
    """An `InitializeResult` in the client's own revision: the remembered result, else a minimal one.

    It always promises `listChanged`, because its lists may change once the server answers. Any: `requested` and the
    remembered result are any JSON.
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
    """`value` if it is an object, else {}: servers and files may hold anything in its place."""
    return value if isinstance(value, dict) else {}
