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
from collections.abc import Hashable, Iterator, Sequence
from itertools import count
from typing import Any

import msgspec

from mcp_auth_bridge.errors import (
    BridgeError,
    EraRefused,
    LoginRequired,
    MethodUnknown,
    OurProtocolError,
    StepUpRequired,
    TheirProtocolError,
    quoted,
)
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.away import Pauses, may_pass, requested_pause
from mcp_auth_bridge.relay.base import (
    AFTER_FAULT,
    FORGET_INITIALIZE,
    REQUEST,
    Action,
    Fail,
    Kind,
    Message,
    Relay,
    Remember,
    Reviewing,
    SessionOpened,
    ToClient,
    Wake,
    collected,
    decoded,
)
from mcp_auth_bridge.relay.era import UNSUPPORTED_VERSION, is_modern
from mcp_auth_bridge.relay.legacy_client import LegacyClient, changes_listened_to, initialize_result, introduced
from mcp_auth_bridge.relay.legacy_requests import DISCOVER, LegacyRequests
from mcp_auth_bridge.relay.legacy_session import REOPEN
from mcp_auth_bridge.relay.mcp_headers import MODERN_VERSIONS

_CANCELLED = "notifications/cancelled"
_ANSWERED_HERE = ("ping", "logging/setLevel")
_OF_OPENING = ("initialize", DISCOVER)


class _State(enum.Enum):
    IDLE = "the client has not sent initialize"
    OPENING = "server/discover is on its way"
    OPEN = "the server is discovered"
    CLOSED = "the server could not be discovered, or demands a login"


_OPEN = _State.OPEN  # to find a member of an enumeration, Python 3.11 takes longer than for a call


class LegacyToModern(Reviewing):
    """Wraps the relays of a modern server, whose name is `name`.

    `questions` are the numbers of questions to the client: relays that take turns in one process share them.
    """

    def __init__(self, inner: Relay, name: str, questions: Iterator[int] | None = None) -> None:
        self._requests = LegacyRequests(inner, questions)
        super().__init__(self._requests)

        # The name of the server, for a client whose server does not name itself.
        self._name = name

        self._state = _State.IDLE

        # The client, as its last `initialize` introduced it.
        self._client = LegacyClient()

        # That `initialize`, None once it has a reply.
        self._initialize: Message | None = None

        # Whether the client has sent `notifications/initialized` since.
        self._confirmed = False

        # The newest request `server/discover`, None once it has a reply.
        self._discover: Message | None = None

        # The lists whose changes the server reports, as fields of `subscriptions/listen`.
        self._lists: dict[str, bool] = {}

        # The client's requests that wait for the server to be discovered, by key.
        self._waiting: dict[Hashable, Message] = {}

        # The pauses before attempts to discover the server again.
        self._pauses = Pauses()

        # The error with which the server has asked not to be asked again yet, None if it has not.
        self._told_to_wait: BridgeError | None = None

        # For the ids of the requests `server/discover`.
        self._numbers = count(1)

        # Whether the server has refused the very version that it names. It is asked for it once more.
        self._insisted = False

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is not REQUEST:
            return self._told(message)
        is_ordinary = message.method not in _OF_OPENING and message.key not in self._waiting
        if is_ordinary and self._state is _OPEN:
            return self._review(self._inner.from_client(message))
        return self._request(message)

    @collected
    def _told(self, message: Message) -> Iterator[Action]:
        """A notification or a reply of the client's."""
        if message.method == "notifications/initialized":
            is_first, self._confirmed = not self._confirmed, self._state is not _State.IDLE
            if is_first and self._state is _State.OPEN:
                yield from self._confirm()
        elif message.method != _CANCELLED or self._waiting.pop(message.cancelled_key, None) is None:
            yield from self._review(self._inner.from_client(message))

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        if timer == REOPEN and self._state is _State.CLOSED:
            self._pauses.attempt()
            yield from self._open()
        elif timer == FORGET_INITIALIZE:
            self._initialize = None
        elif timer == AFTER_FAULT and self._state is _State.OPENING:
            yield from self._open()
        yield from self._review(self._inner.woke(timer))

    @collected
    def _request(self, request: Message) -> Iterator[Action]:
        if request.method == "initialize":
            yield from self._begin(request)
        elif request.method == DISCOVER or (self._state is _State.IDLE and request.method != "ping"):
            yield Fail(request, MethodUnknown("the session starts with initialize"))
        elif request.key in self._waiting:
            yield Fail(request, OurProtocolError("this id belongs to a request that is still running"))
        elif self._state is _State.OPEN or request.method in _ANSWERED_HERE:
            yield from self._review(self._inner.from_client(request))
        elif self._told_to_wait is not None:
            yield Fail(request, self._told_to_wait)
        else:
            self._waiting[request.key] = request
            if self._state is _State.CLOSED:
                yield from self._open()

    @collected
    def _begin(self, initialize: Message) -> Iterator[Action]:
        if self._initialize is not None:
            yield Fail(initialize, OurProtocolError("an earlier initialize has not been answered yet"))
            return
        self._initialize, self._confirmed = initialize, False
        self._client = introduced(initialize)
        yield from self._review(self._requests.introduce(self._client))
        yield from self._open()

    @collected
    def _open(self) -> Iterator[Action]:
        self._state, self._told_to_wait, old = _State.OPENING, None, self._discover
        discover = replies.request(DISCOVER, {})
        self._discover = replies.with_id(discover, b'"mcp-auth-bridge/opening/%d"' % next(self._numbers))
        if old is not None:
            cancelled = replies.notification(_CANCELLED, {"requestId": old.key})
            yield from self._review(self._inner.from_client(cancelled))
        yield from self._review(self._inner.from_client(self._discover))

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is Fail or (self._discover is not None and type(action) is ToClient):
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY) as reply) if self._is_discover(reply):
                    yield from self._discovered(reply)
                case Fail(request=request, error=error) if self._is_discover(request):
                    self._discover = None
                    yield from self._close(error)
                case Fail(error=error):
                    yield action
                    lacks_login = isinstance(error, LoginRequired) and not isinstance(error, StepUpRequired)
                    if lacks_login and self._state is _State.OPEN:
                        yield from self._close(error)
                case _:
                    yield action

    def _is_discover(self, message: Message) -> bool:
        return self._discover is not None and message.key == self._discover.key

    @collected
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
        self._state, self._insisted = _State.OPEN, False
        self._pauses.reset()
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
            yield from self._review(self._inner.from_client(request))

    @collected
    def _confirm(self) -> Iterator[Action]:
        yield SessionOpened()
        yield from self._review(self._requests.listen(self._lists))

    @collected
    def _close(self, error: BridgeError) -> Iterator[Action]:
        """Fail every request that waits. Try again later if `error` may be temporary."""
        self._state = _State.CLOSED
        waiting, self._waiting = list(self._waiting.values()), {}
        if self._initialize is not None:
            waiting.insert(0, self._initialize)
            self._initialize = None
        for request in waiting:
            yield Fail(request, error)
        if may_pass(error):
            self._told_to_wait = error if requested_pause(error) else None
            yield Wake(REOPEN, self._pauses.after(error))


def _refusal_error(error: Any) -> TheirProtocolError:
    """The cause of an `EraRefused`: `error` is that of the server's reply to `server/discover`. Any: any JSON."""
    said = error.get("message") if isinstance(error, dict) else None
    words = f": {quoted(said)}" if isinstance(said, str) else ""
    return TheirProtocolError(f"the server does not speak MCP {MODERN_VERSIONS[-1]}{words}")
