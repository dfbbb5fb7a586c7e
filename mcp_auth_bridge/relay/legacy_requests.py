"""The requests of a legacy client as a server of MCP 2026-07-28 gets them, and its replies as the client gets them.

Each request carries the client's introduction from `initialize` in its `_meta`, beside its own members. This relay
answers requests that exist in one era only. The table of messages is in `legacy_to_modern.py`.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence

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
    NOTHING,
    NOTIFICATION,
    REPLY,
    REQUEST,
    Action,
    Fail,
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
from mcp_auth_bridge.relay.rewriting import REMOVED, Rewriting
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

        # What makes a request one of the modern era, for this client and this level.
        self._stamp = _stamp(self._client, None)

        # The client's requests that the inner relay has, as they came, by key.
        self._running: dict[Hashable, Message] = {}

    @collected
    def introduce(self, client: LegacyClient) -> Iterator[Action]:
        """From now on the requests are those of `client`."""
        self._client, self._level = client, None
        self._stamp = _stamp(client, None)
        self._rounds.revision = client.revision
        yield from self._review(self._listening.introduce(client.meta))

    @collected
    def listen(self, lists: Mapping[str, bool]) -> Iterator[Action]:
        """Listen to changes of the `lists`, fields of `subscriptions/listen`."""
        yield from self._review(self._listening.listen(lists))

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST:
            return self._request(message)
        if message.kind is REPLY or (
            message.method == _CANCELLED and self._running.pop(message.cancelled_key, None) is not None
        ):
            return self._review(self._inner.from_client(message))
        return NOTHING  # the other notifications have no counterpart

    def _request(self, request: Message) -> Sequence[Action]:
        method = request.method or ""
        if request.key in self._running:
            return [Fail(request, OurProtocolError("this id belongs to a request that is still running"))]
        if method == "ping":
            return [ToClient(replies.result(request, {}))]
        if method == "logging/setLevel":
            return [self._set_level(request)]
        if method == LISTEN or method.startswith("tasks/"):
            return [Fail(request, MethodUnknown(f"{quoted(method, 80)} does not exist in this session"))]
        self._running[request.key] = request
        return self._review(self._inner.from_client(self._stamp(request)))

    def _set_level(self, request: Message) -> Action:
        level = request.params.get("level")
        if level not in LEVELS:
            return Fail(request, InvalidParams(f"a log level is one of: {', '.join(LEVELS)}"))
        self._level = level
        self._stamp = _stamp(self._client, level)
        return ToClient(replies.result(request, {}))

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is ToClient or type(action) is Fail:
                return self._reviewed(actions)
        return actions

    def _reviewed(self, actions: Sequence[Action]) -> Sequence[Action]:
        reviewed: list[Action] = []
        for action in actions:
            if type(action) is Fail:
                reviewed += self._failed(action.request, action.error)
            elif type(action) is not ToClient:
                reviewed.append(action)
            elif (message := action.message).kind is REPLY:
                reviewed += self._replied(message)
            elif message.kind is not NOTIFICATION or message.method in _FOR_CLIENTS:
                reviewed.append(action)
            # Other notifications are of an extension, or of the modern era.
        return reviewed

    def _replied(self, reply: Message) -> Sequence[Action]:
        request = self._running.pop(reply.key, None)
        if request is None:
            return NOTHING
        if request.method == DISCOVER:  # the opening's own
            return [ToClient(reply)]
        try:
            return [ToClient(as_older(reply, request, self._client.revision))]
        except TheirProtocolError as error:
            return [Fail(request, error)]

    def _failed(self, request: Message, error: BridgeError) -> Sequence[Action]:
        """Fail the request as it came: an outer relay may send it again."""
        original = self._running.pop(request.key, None)
        return [Fail(original, error)] if original is not None else NOTHING


def _stamp(client: LegacyClient, level: str | None) -> Rewriting:
    """The changes that make a request of `client` one of the modern era."""
    meta = client.meta if level is None else {**client.meta, LEVEL_KEY: level}
    return Rewriting({("params", "task"): REMOVED, **{("params", "_meta", key): value for key, value in meta.items()}})
