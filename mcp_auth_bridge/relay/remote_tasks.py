"""Waits for the tasks that a server of MCP 2026-07-28 makes of tool calls, for a client that knows no tasks.

| from the server | for the server | for the client |
| --- | --- | --- |
| a task, `working` | `tasks/get` after `pollIntervalMs` | progress |
| `input_required` | the responses in `tasks/update` | `input_required`, once for each key |
| `completed`, `failed` | nothing | the task's result or error |
| `cancelled` | nothing | an error |

The client's `notifications/cancelled` becomes `tasks/cancel`. Source: ext-tasks, specification/2026-07-28/tasks.
"""

from collections.abc import Hashable, Iterator, Sequence
from itertools import count
from typing import Any

import msgspec

from mcp_auth_bridge.errors import RemoteError, TheirProtocolError, quoted
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    NOTIFICATION,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Kind,
    Message,
    Relay,
    Reviewing,
    ToClient,
    Wake,
    collected,
    decoded,
)

_CANCELLED = "notifications/cancelled"
_META_PREFIX = "io.modelcontextprotocol/"
_POLL = 1.0  # seconds, as are the next two
_SHORTEST_POLL = 0.1
_LONGEST_POLL = 60.0
_TIMER = "task"
_STATE = "mcp-auth-bridge/task/"  # before the number of a task: the `requestState` of this relay


class _Task(msgspec.Struct):
    """A task at the server."""

    # The tool call to be answered, under its newest id.
    request: Message

    # The server's id of the task.
    id: str

    # Seconds between two polls.
    poll: float = _POLL

    # The number of polls, which is reported as progress.
    polls: int = 0

    # The keys of the input requests that the client has answered.
    answered: set[str] = set()

    # The request of this relay that is under way.
    under_way: Message | None = None


class RemoteTasks(Reviewing):
    """Wraps the relay that sends the requests."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)

        # The tool calls under way, by key.
        self._calls: dict[Hashable, Message] = {}

        # The tasks, by number.
        self._tasks: dict[int, _Task] = {}

        # The requests of this relay under way, by key: the number of the task, 0 for one that nothing waits for.
        self._own: dict[Hashable, int] = {}

        # For the tasks and the ids of requests.
        self._numbers = count(1)

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST and message.method == "tools/call":
            if self._tasks:
                params = message.params
                number = _number_in(params.get("requestState"))
                if (task := self._tasks.get(number)) is not None:
                    task.request = message
                    return self._update(number, task, params.get("inputResponses"))
            self._calls[message.key] = message
        elif message.kind is NOTIFICATION and message.method == _CANCELLED:
            key = message.cancelled_key
            self._calls.pop(key, None)
            for number in [number for number, task in self._tasks.items() if task.request.key == key]:
                return self._cancel(number)
        return self._review(self._inner.from_client(message))

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        name, _, number = timer.rpartition(" ")
        if name != _TIMER:
            yield from self._review(self._inner.woke(timer))
        elif (task := self._tasks.get(int(number))) is not None:
            task.polls += 1
            yield from self._ask(int(number), task, "tasks/get", {})

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        if len(actions) == 1 and type(action := actions[0]) is ToClient:  # nearly every reply
            reply = action.message
            if reply.kind is not REPLY:
                return actions
            if reply.key not in self._own:
                call = self._calls.pop(reply.key, None)
                is_task = call is not None and replies.result_type(reply) == "task"
                return self._call_replied(call, reply) if call is not None and is_task else actions
        for action in actions:
            if type(action) is ToClient or type(action) is Fail:
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY) as reply) if reply.key in self._own:
                    yield from self._own_replied(self._own.pop(reply.key), reply)
                case Fail(request=request, error=error) if request.key in self._own:
                    number = self._own.pop(request.key)
                    if number in self._tasks:
                        yield Fail(self._tasks.pop(number).request, error)
                case ToClient(message=Message(kind=Kind.REPLY) as reply) if reply.key in self._calls:
                    yield from self._call_replied(self._calls.pop(reply.key), reply)
                case Fail(request=request):
                    self._calls.pop(request.key, None)
                    yield action
                case _:
                    yield action

    @collected
    def _call_replied(self, call: Message, reply: Message) -> Iterator[Action]:
        if replies.result_type(reply) != "task":
            yield ToClient(reply)
            return
        result = decoded(reply.raw)["result"]
        if not isinstance(result.get("taskId"), str):
            yield Fail(call, TheirProtocolError("the server made a task of this tool call, without an id"))
        else:
            number = next(self._numbers)
            self._tasks[number] = _Task(call, result["taskId"])
            yield from self._follow(number, self._tasks[number], result)

    @collected
    def _own_replied(self, number: int, reply: Message) -> Iterator[Action]:
        task = self._tasks.get(number)
        if task is None:
            return
        under_way, task.under_way = task.under_way, None
        value = decoded(reply.raw)
        result = value.get("result")
        if "error" in value and "result" not in value:
            del self._tasks[number]
            yield ToClient(replies.with_id(reply, task.request.id or b"null"))
        elif under_way is not None and under_way.method == "tasks/update":
            yield Wake(f"{_TIMER} {number}", task.poll)
        else:
            yield from self._follow(number, task, result if isinstance(result, dict) else {})

    @collected
    def _follow(self, number: int, task: _Task, state: dict[str, Any]) -> Iterator[Action]:
        """Take the step that the `state` of the task calls for. Any: JSON."""
        task.poll = _interval(state.get("pollIntervalMs"))
        asked = state.get("inputRequests")
        new = (
            {key: value for key, value in asked.items() if key not in task.answered} if isinstance(asked, dict) else {}
        )
        match state.get("status"):
            case "input_required" if new:
                required = {"resultType": "input_required", "inputRequests": new, "requestState": f"{_STATE}{number}"}
                yield ToClient(replies.result(task.request, required))
            case "working" | "input_required":
                yield from self._progress(task, state.get("statusMessage"))
                yield Wake(f"{_TIMER} {number}", task.poll)
            case "completed":
                del self._tasks[number]
                yield ToClient(replies.result(task.request, state.get("result")))
            case "failed":
                del self._tasks[number]
                yield ToClient(replies.error(task.request, state.get("error")))
            case "cancelled":
                del self._tasks[number]
                said = state.get("statusMessage")
                words = f": {quoted(said)}" if isinstance(said, str) else ""
                yield Fail(task.request, RemoteError(f"the server cancelled the task of this tool call{words}"))
            case status:
                del self._tasks[number]
                words = quoted(str(status), 40)
                yield Fail(
                    task.request, TheirProtocolError(f"the task of this tool call has the unknown status {words}")
                )

    @collected
    def _progress(self, task: _Task, said: Any) -> Iterator[Action]:
        """Report progress to a client that asked for it: some restart their timeout with each report. Any: any JSON."""
        meta = task.request.params.get("_meta")
        token = meta.get("progressToken") if isinstance(meta, dict) else None
        if isinstance(token, str | int):
            words = {"message": said} if isinstance(said, str) else {}
            progress = {"progressToken": token, "progress": task.polls, **words}
            yield ToClient(replies.notification("notifications/progress", progress))

    @collected
    def _update(self, number: int, task: _Task, responses: Any) -> Iterator[Action]:
        """Any: JSON, the responses of the client."""
        given = responses if isinstance(responses, dict) else {}
        task.answered |= given.keys()
        yield from self._ask(number, task, "tasks/update", {"inputResponses": given})

    @collected
    def _ask(self, number: int, task: _Task, method: str, params: dict[str, Any]) -> Iterator[Action]:
        """Any: JSON."""
        meta = task.request.params.get("_meta")
        members = meta.items() if isinstance(meta, dict) else ()
        own = {key: value for key, value in members if key.startswith(_META_PREFIX)}
        request = replies.request(method, {"_meta": own, "taskId": task.id, **params}, next(self._numbers))
        self._own[request.key] = number
        task.under_way = request
        yield from self._review(self._inner.from_client(request))

    @collected
    def _cancel(self, number: int) -> Iterator[Action]:
        """Tell the server that nothing waits for the task any more."""
        task = self._tasks.pop(number)
        if task.under_way is not None:
            self._own.pop(task.under_way.key, None)
            under_way = replies.notification(_CANCELLED, {"requestId": task.under_way.key})
            yield from self._review(self._inner.from_client(under_way))
        yield from self._ask(0, task, "tasks/cancel", {})


def _number_in(state: Any) -> int:
    """The number of the task for which the client was asked with the `requestState` `state`, 0 for none. Any: JSON."""
    number = state.removeprefix(_STATE) if isinstance(state, str) and state.startswith(_STATE) else ""
    return int(number) if number.isdecimal() else 0


def _interval(poll: Any) -> float:
    """Seconds until the next poll. Any: the server's `pollIntervalMs` is any JSON."""
    if not isinstance(poll, int | float) or isinstance(poll, bool):
        return _POLL
    # Limited first: an integer may exceed every float.
    return min(max(poll, _SHORTEST_POLL * 1000), _LONGEST_POLL * 1000) / 1000
