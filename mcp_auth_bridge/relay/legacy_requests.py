"""The requests of a legacy client as a server of MCP 2026-07-28 gets them, and its replies as the client gets them.

Each request carries the client's introduction from `initialize` in its `_meta`, beside its own members. This relay
answers requests that exist in one era only. The table of messages is in `legacy_to_modern.py`.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from mcp_auth_bridge.errors import (
    BridgeError,
    InvalidParams,
    MethodUnknown,
    OurProtocolError,
    TheirProtocolError,
    quoted,
)
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    REPLY,
    REQUEST,
    Action,
    Fail,
    Kind,
    Message,
    Relay,
    Reviewing,
    ToClient,
    collected,
)
from mcp_auth_bridge.relay.input_rounds import InputRounds
from mcp_auth_bridge.relay.legacy_client import LegacyClient
from mcp_auth_bridge.relay.listening import Listening
from mcp_auth_bridge.relay.modern_requests import LEVEL_KEY, LEVELS
from mcp_auth_bridge.relay.older_results import as_older
from mcp_auth_bridge.relay.remote_tasks import RemoteTasks
from mcp_auth_bridge.relay.request_notices import RequestNotices
from mcp_auth_bridge.relay.result_cache import ResultCache
from mcp_auth_bridge.relay.rewriting import REMOVED, Path, rewrite
from mcp_auth_bridge.relay.subscriptions import METHOD as LISTEN

DISCOVER = "server/discover"

_CANCELLED = "notifications/cancelled"
_FOR_CLIENTS = frozenset(
    {
        _CANCELLED,
        "notifications/elicitation/complete",
        "notifications/message",
        "notifications/progress",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
        "notifications/tools/list_changed",
    }
)
"""The notifications that a legacy client knows."""


class LegacyRequests(Reviewing):
    """Wraps the relays of a modern server. `questions` are the numbers of questions to the client."""

    def __init__(self, inner: Relay, questions: Iterator[int] | None = None) -> None:
        self._rounds = InputRounds(RemoteTasks(ResultCache(inner)), questions)
        self._listening = Listening(RequestNotices(self._rounds))
        super().__init__(self._listening)

        # The client, as its `initialize` introduced it.
        self._client = LegacyClient()

        # The client's log level.
        self._level: str | None = None

        # The client's requests that the inner relay has, as they came, by key.
        self._running: dict[Hashable, Message] = {}

    @collected
    def introduce(self, client: LegacyClient) -> Iterator[Action]:
        """From now on the requests are those of `client`."""
        self._client, self._level = client, None
        self._rounds.revision = client.revision
        yield from self._review(self._listening.introduce(client.meta))

    @collected
    def listen(self, lists: Mapping[str, bool]) -> Iterator[Action]:
        """Listen to changes of the `lists`, fields of `subscriptions/listen`."""
        yield from self._review(self._listening.listen(lists))

    @collected
    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is REQUEST:
            yield from self._request(message)
        elif message.kind is REPLY or (
            message.method == _CANCELLED and self._running.pop(message.cancelled_key, None) is not None
        ):
            yield from self._review(self._inner.from_client(message))
        # The other notifications have no counterpart.

    @collected
    def _request(self, request: Message) -> Iterator[Action]:
        method = request.method or ""
        if request.key in self._running:
            yield Fail(request, OurProtocolError("this id belongs to a request that is still running"))
        elif method == "ping":
            yield ToClient(replies.result(request, {}))
        elif method == "logging/setLevel":
            yield self._set_level(request)
        elif method == LISTEN or method.startswith("tasks/"):
            yield Fail(request, MethodUnknown(f"{quoted(method, 80)} does not exist in this session"))
        else:
            self._running[request.key] = request
            yield from self._review(self._inner.from_client(rewrite(request, self._stamp())))

    def _set_level(self, request: Message) -> Action:
        level = request.params.get("level")
        if level not in LEVELS:
            return Fail(request, InvalidParams(f"a log level is one of: {', '.join(LEVELS)}"))
        self._level = level
        return ToClient(replies.result(request, {}))

    def _stamp(self) -> dict[Path, Any]:
        """The changes that make a request one of the modern era. Any: JSON."""
        meta = self._client.meta if self._level is None else {**self._client.meta, LEVEL_KEY: self._level}
        return {("params", "task"): REMOVED, **{("params", "_meta", key): value for key, value in meta.items()}}

    @collected
    def _review(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY) as reply):
                    yield from self._replied(reply)
                case Fail(request=request, error=error):
                    yield from self._failed(request, error)
                case ToClient(message=Message(kind=Kind.NOTIFICATION, method=method)) if method not in _FOR_CLIENTS:
                    pass  # of an extension, or of the modern era
                case _:
                    yield action

    @collected
    def _replied(self, reply: Message) -> Iterator[Action]:
        request = self._running.pop(reply.key, None)
        if request is None:
            return
        if request.method == DISCOVER:  # the opening's own
            yield ToClient(reply)
            return
        try:
            yield ToClient(as_older(reply, request, self._client.revision))
        except TheirProtocolError as error:
            yield Fail(request, error)

    @collected
    def _failed(self, request: Message, error: BridgeError) -> Iterator[Action]:
        """Fail the request as it came: an outer relay may send it again."""
        original = self._running.pop(request.key, None)
        if original is not None:
            yield Fail(original, error)
