"""A client of the legacy era (MCP 2024-11-05 to 2025-11-25) in front of a server of MCP 2026-07-28.

| from the client | for the server | for the client |
| --- | --- | --- |
| `initialize` | `server/discover` | an `InitializeResult` in the client's revision |
| `notifications/initialized` | `subscriptions/listen` (`listening.py`) | nothing |
| `resources/subscribe`, `resources/unsubscribe` | the same | `{}`, or an error |
| `ping` | nothing | `{}` |
| `logging/setLevel` | nothing; the level goes with each later request | `{}`; -32602 for an unknown level |
| `tasks/*`, methods of the modern era | nothing | -32601 |
| any other request | the same with `_meta`, without `task` | the result (`older_results.py`) |
| `notifications/cancelled` | the same, for the request that the server knows | nothing |
| other notifications | nothing | nothing |
| a reply | part of a repeated request (`input_rounds.py`) | nothing |

| from the server | for the client |
| --- | --- |
| `input_required` | requests of its own (`input_rounds.py`) |
| a task | the task's result (`remote_tasks.py`) |
| progress, log messages | the same, until the reply (`request_notices.py`) |
| `list_changed`, `resources/updated` | the same (`listening.py`) |

Until the server is discovered the client's requests wait, as they do in `legacy_session.py`.
"""

import enum
from collections.abc import Hashable, Iterable, Iterator
from itertools import count
from typing import Any

import msgspec

from mcp_auth_bridge.errors import (
    BridgeError,
    EraRefused,
    InvalidParams,
    LoginRequired,
    MethodUnknown,
    OurProtocolError,
    StepUpRequired,
    TheirProtocolError,
    Unreachable,
    quoted,
)
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    Action,
    Around,
    Fail,
    Kind,
    Message,
    Relay,
    Remember,
    SessionOpened,
    ToClient,
    Wake,
    decoded,
)
from mcp_auth_bridge.relay.era import UNSUPPORTED_VERSION, is_modern
from mcp_auth_bridge.relay.input_rounds import InputRounds
from mcp_auth_bridge.relay.legacy_client import LegacyClient, changes_listened_to, initialize_result, introduced
from mcp_auth_bridge.relay.legacy_session import REOPEN
from mcp_auth_bridge.relay.listening import Listening
from mcp_auth_bridge.relay.mcp_headers import MODERN_VERSIONS
from mcp_auth_bridge.relay.older_results import as_older
from mcp_auth_bridge.relay.remote_tasks import RemoteTasks
from mcp_auth_bridge.relay.request_notices import RequestNotices
from mcp_auth_bridge.relay.result_cache import ResultCache
from mcp_auth_bridge.relay.rewriting import REMOVED, Path, rewrite
from mcp_auth_bridge.relay.subscriptions import METHOD as LISTEN

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""The levels of log messages (RFC 5424 section 6.2.1)."""

_DISCOVER = "server/discover"
_CANCELLED = "notifications/cancelled"
_LEVEL_KEY = "io.modelcontextprotocol/logLevel"
_LOGIN_POLL = 1.0  # seconds, as is the next
_LONGEST_PAUSE = 30.0


class _State(enum.Enum):
    IDLE = "the client has not sent initialize"
    OPENING = "server/discover is on its way"
    OPEN = "the server is discovered"
    CLOSED = "the server could not be discovered, or demands a login"


class LegacyToModern(Around):
    """Wraps the relays of a modern server. `name` is the name of the server."""

    def __init__(self, inner: Relay, name: str) -> None:
        self._rounds = InputRounds(RemoteTasks(ResultCache(inner)))
        self._listening = Listening(RequestNotices(self._rounds))
        super().__init__(self._listening)

        # The name of the server, for a client whose server does not name itself.
        self._name = name

        self._state = _State.IDLE

        # The client as its last `initialize` introduced it.
        self._client = LegacyClient()

        # That `initialize`, None once it has a reply.
        self._initialize: Message | None = None

        # Whether the client has sent `notifications/initialized` since.
        self._confirmed = False

        # The newest request `server/discover`.
        self._discover: Message | None = None

        # The lists whose changes the server reports, as fields of `listen`.
        self._lists: dict[str, bool] = {}

        # The client's log level.
        self._level: str | None = None

        # The client's requests that wait for the server to be discovered, by key.
        self._waiting: dict[Hashable, Message] = {}

        # The client's requests that the inner relay has, as they came, by key.
        self._running: dict[Hashable, Message] = {}

        # Seconds until an unreachable server is tried again; twice as long after each attempt.
        self._pause = _LOGIN_POLL

        # For the ids of the requests `server/discover`.
        self._numbers = count(1)

        # Whether the server has refused the very version that it names. It is asked for it once more.
        self._insisted = False

    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is Kind.REQUEST:
            yield from self._request(message)
        elif message.kind is Kind.REPLY:
            yield from self._review(self._inner.from_client(message))
        elif message.method == "notifications/initialized":
            self._confirmed = self._state is not _State.IDLE
            if self._state is _State.OPEN:
                yield from self._confirm()
        elif message.method == _CANCELLED:
            yield from self._cancel(message)
        # The other notifications have no counterpart.

    def woke(self, timer: str) -> Iterator[Action]:
        if timer == REOPEN and self._state is _State.CLOSED:
            yield from self._open()
        yield from self._review(self._inner.woke(timer))

    def _request(self, request: Message) -> Iterator[Action]:
        method = request.method or ""
        if method == "initialize":
            yield from self._begin(request)
        elif method == "ping":
            yield ToClient(replies.result(request, {}))
        elif self._state is _State.IDLE:
            yield Fail(request, MethodUnknown("the session starts with initialize"))
        elif request.key in self._waiting or request.key in self._running:
            yield Fail(request, OurProtocolError("this id belongs to a request that is still running"))
        elif method == "logging/setLevel":
            yield self._set_level(request)
        elif method in (_DISCOVER, LISTEN) or method.startswith("tasks/"):
            yield Fail(request, MethodUnknown(f"{quoted(method, 80)} does not exist in this session"))
        elif self._state is _State.OPEN:
            yield from self._send(request)
        else:
            self._waiting[request.key] = request
            if self._state is _State.CLOSED:
                yield from self._open()

    def _begin(self, initialize: Message) -> Iterator[Action]:
        if self._initialize is not None:
            yield Fail(initialize, OurProtocolError("an earlier initialize has not been answered yet"))
            return
        self._initialize, self._confirmed, self._level = initialize, False, None
        self._client = introduced(initialize)
        self._rounds.revision = self._client.revision
        yield from self._open()

    def _open(self) -> Iterator[Action]:
        self._state, old = _State.OPENING, self._discover
        if old is not None:
            yield from self._review(self._inner.from_client(replies.notification(_CANCELLED, {"requestId": old.key})))
        discover = replies.request(_DISCOVER, {"_meta": self._client.meta})
        self._discover = replies.with_id(discover, b'"mcp-auth-bridge/opening/%d"' % next(self._numbers))
        yield from self._review(self._inner.from_client(self._discover))

    def _discovered(self, reply: Message) -> Iterator[Action]:
        self._discover = None
        if replies.error_code(reply) == UNSUPPORTED_VERSION and is_modern(reply) and not self._insisted:
            self._insisted = True
            yield from self._open()
            return
        value = decoded(reply.raw)
        result = value.get("result")
        versions = result.get("supportedVersions") if isinstance(result, dict) else None
        if not isinstance(versions, list) or not any(version in MODERN_VERSIONS for version in versions):
            yield from self._close(EraRefused(_refusal_error(value.get("error"))))
            return
        self._state, self._pause = _State.OPEN, _LOGIN_POLL
        self._lists = changes_listened_to(result)
        greeting = initialize_result(result, self._client.revision, self._name)
        yield Remember("initialize", msgspec.json.encode(greeting))
        if self._initialize is not None:
            initialize, self._initialize = self._initialize, None
            yield ToClient(replies.result(initialize, greeting))
        if self._confirmed:
            yield from self._confirm()
        waiting, self._waiting = self._waiting, {}
        for request in waiting.values():
            yield from self._send(request)

    def _confirm(self) -> Iterator[Action]:
        yield SessionOpened()
        yield from self._review(self._listening.listen(self._client.meta, self._lists))

    def _close(self, error: BridgeError) -> Iterator[Action]:
        """Fail every request that waits. Try again later if `error` may be temporary."""
        self._state = _State.CLOSED
        waiting, self._waiting = list(self._waiting.values()), {}
        if self._initialize is not None:
            waiting.insert(0, self._initialize)
            self._initialize = None
        for request in waiting:
            yield Fail(request, error)
        if isinstance(error, LoginRequired):
            yield Wake(REOPEN, _LOGIN_POLL)
        elif isinstance(error, Unreachable):
            yield Wake(REOPEN, self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _send(self, request: Message) -> Iterator[Action]:
        self._running[request.key] = request
        yield from self._review(self._inner.from_client(rewrite(request, self._stamp())))

    def _stamp(self) -> dict[Path, Any]:
        """The changes that make a request of the client one of the modern era. Any: JSON."""
        meta = self._client.meta if self._level is None else {**self._client.meta, _LEVEL_KEY: self._level}
        return {("params", "task"): REMOVED, **{("params", "_meta", key): value for key, value in meta.items()}}

    def _set_level(self, request: Message) -> Action:
        level = request.params.get("level")
        if level not in LEVELS:
            return Fail(request, InvalidParams(f"a log level is one of: {', '.join(LEVELS)}"))
        self._level = level
        return ToClient(replies.result(request, {}))

    def _cancel(self, cancelled: Message) -> Iterator[Action]:
        key = cancelled.cancelled_key
        if self._waiting.pop(key, None) is None and self._running.pop(key, None) is not None:
            yield from self._review(self._inner.from_client(cancelled))

    def _review(self, actions: Iterable[Action]) -> Iterator[Action]:
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

    def _replied(self, reply: Message) -> Iterator[Action]:
        if self._discover is not None and reply.key == self._discover.key:
            yield from self._discovered(reply)
        elif (request := self._running.pop(reply.key, None)) is not None:
            try:
                yield ToClient(as_older(reply, request, self._client.revision))
            except TheirProtocolError as error:
                yield Fail(request, error)

    def _failed(self, request: Message, error: BridgeError) -> Iterator[Action]:
        if self._discover is not None and request.key == self._discover.key:
            self._discover = None
            yield from self._close(error)
        elif (original := self._running.pop(request.key, None)) is not None:
            yield Fail(original, error)
            lacks_login = isinstance(error, LoginRequired) and not isinstance(error, StepUpRequired)
            if lacks_login and self._state is _State.OPEN:
                yield from self._close(error)


def _refusal_error(error: Any) -> TheirProtocolError:
    """The cause of an `EraRefused`: `error` is that of the server's reply to `server/discover`. Any: any JSON."""
    said = error.get("message") if isinstance(error, dict) else None
    words = f": {quoted(said)}" if isinstance(said, str) else ""
    return TheirProtocolError(f"the server does not speak MCP {MODERN_VERSIONS[-1]}{words}")


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
