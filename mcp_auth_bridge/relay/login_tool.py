"""Puts a tool that says how to sign in in place of the tools that cannot be listed without a login."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from mcp_auth_bridge.config.short_name import short_name
from mcp_auth_bridge.errors import BridgeError, LoginRequired, StepUpRequired
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import REQUEST, Action, Fail, Message, Occasional, Relay, ToClient, collected
from mcp_auth_bridge.relay.list_results import TOOLS, in_era_of, is_first_page
from mcp_auth_bridge.urls import Purpose, gate

_LONGEST = 24  # characters of the server's name


class LoginTool(Occasional):
    """Wraps the relay that answers lists from memory. `name` is the name of the server."""

    def __init__(self, inner: Relay, name: str) -> None:
        super().__init__(inner)

        # The name of the server, for people and models.
        self._server = name

        # The name of the tool.
        self._name = login_tool_name(name)

        # Whether the tool was listed.
        self._listed = False

        # The error about the missing login, None if no login is known to be missing.
        self._missing: LoginRequired | None = None

    def from_client(self, message: Message) -> Sequence[Action]:
        if self._listed and _calls(message, self._name):
            return (self._answer(message),)
        return self._review(self._inner.from_client(message))

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        if error is None:
            self._missing = None  # without a login, nothing is sent to a server that has refused
        return self._review(self._inner.ended(call, error))

    @property
    def is_idle(self) -> bool:
        return not self._listed and self._missing is None

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is Fail:
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case Fail(request=request, error=LoginRequired() as error) if not isinstance(error, StepUpRequired):
                    self._missing = error
                    yield self._list(request) if request.method == TOOLS and is_first_page(request) else action
                case _:
                    yield action

    def _list(self, request: Message) -> Action:
        self._listed = True
        text = f"You need to sign in to {self._server} before its tools appear. Call this tool for instructions."
        tool = {"name": self._name, "description": text, "inputSchema": {"type": "object", "properties": {}}}
        return ToClient(in_era_of(request, replies.raw_result(request, msgspec.json.encode({"tools": [tool]}))))

    def _answer(self, call: Message) -> Action:
        if self._missing is not None:
            return Fail(call, self._missing)
        done = f"You are signed in to {self._server}. If its tools are not listed yet, restart the session."
        return ToClient(replies.tool_text(call, done, is_error=False))


def login_tool_name(server: str) -> str:
    """The name of the tool for `server`, which is a name in the configuration, or a URL.

    Clients put their own name for the server before it, and models take 64 characters at most (`mcp__SERVER__TOOL` in
    Claude Code), so it is short.
    """
    name = short_name(gate(server, Purpose.PLAIN_SERVER)) if "://" in server else server
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '_', name)[:_LONGEST]}_login"


def _calls(message: Message, tool: str) -> bool:
    return message.kind is REQUEST and message.method == "tools/call" and message.params.get("name") == tool
