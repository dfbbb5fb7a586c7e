"""Runs the tools of a legacy server that can only be called as a task (MCP 2025-11-25), for a client without tasks.

The client calls the tool and gets its result. The steps in between stay here:

    from the server                          to the server
    tools/list, with `taskSupport: required` `tools/call` with `task` for each of these tools
    a task that is `working`                 `tasks/get` after its `pollInterval`
    any other status                         `tasks/result`, which waits for the end, and for the user's input before
    the reply to that                        nothing: it is the reply to the call

The client's cancellation becomes `tasks/cancel`. Without the capability `tasks.requests.tools.call` a tool has to be
called plainly, even if its own `taskSupport` says otherwise. Source: specification 2025-11-25, basic/utilities/tasks.
"""

from collections.abc import Hashable, Iterator, Sequence
from itertools import count
from typing import Any

import msgspec

from mcp_auth_bridge.errors import BridgeError, TheirProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import REQUEST, Action, Fail, Kind, Message, Relay, Reviewing, ToClient, Wake, collected
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.legacy_server import LegacyServer
from mcp_auth_bridge.relay.rewriting import REMOVED, Path, rewrite

_TIMER = "poll task"
_RELATED = "io.modelcontextprotocol/related-task"
_POLL = 1.0  # seconds, as are the next two
_SHORTEST_POLL = 0.1
_LONGEST_POLL = 30.0


class _Task(msgspec.Struct):
    """A task at the server: the `call` that it answers, its `id`, and the `number` of its timer."""

    call: Message
    id: str
    number: int


class LegacyTasks(Reviewing):
    """Wraps the relay that makes the calls."""

    def __init__(self, inner: Relay, server: LegacyServer) -> None:
        super().__init__(inner)

        # What the server has declared.
        self._server = server

        # The tools that can only be called as a task.
        self._tools: set[str] = set()

        # The listings and the calls of these tools without a reply, by key.
        self._requests: dict[Hashable, Message] = {}

        # The tasks under way, by the keys of their calls.
        self._tasks: dict[Hashable, _Task] = {}

        # The requests of this relay without a reply, by key: their methods, and the tasks that wait for them.
        self._own: dict[Hashable, tuple[str, _Task]] = {}

        # For the ids of the requests and for the timers.
        self._numbers = count(1)

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST:
            return self._review(self._inner.from_client(self._as_task(message)))
        if message.method == "notifications/cancelled":
            key = message.cancelled_key
            if key in self._tasks:
                return self._ask("tasks/cancel", self._tasks.pop(key))
            self._requests.pop(key, None)
        return self._review(self._inner.from_client(message))

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        name, _, number = timer.rpartition(" ")
        if name != _TIMER:
            yield from self._review(self._inner.woke(timer))
            return
        for task in [task for task in self._tasks.values() if task.number == int(number)]:
            yield from self._ask("tasks/get", task)

    def _as_task(self, request: Message) -> Message:
        """`request`, as a task if it calls one of these tools. Notes which reply to expect."""
        if request.method == "tools/list" and self._server.runs_tools_as_tasks:
            self._requests[request.key] = request
        elif request.method == "tools/call" and self._tools and request.params.get("name") in self._tools:
            self._requests[request.key] = request
            return rewrite(request, {("params", "task"): {}})
        return request

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        return self._reviewed(actions) if self._own or self._requests else actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY) as reply) if reply.key in self._own:
                    yield from self._own_answered(reply, *self._own.pop(reply.key))
                case Fail(request=request, error=error) if request.key in self._own:
                    yield from self._fail(self._own.pop(request.key)[1], error)
                case ToClient(message=Message(kind=Kind.REPLY) as reply) if reply.key in self._requests:
                    yield from self._answered(reply, self._requests.pop(reply.key))
                case Fail(request=request):
                    self._requests.pop(request.key, None)
                    yield action
                case _:
                    yield action

    @collected
    def _answered(self, reply: Message, request: Message) -> Iterator[Action]:
        result = replies.members(result_of(reply))
        task = result.get("task")
        if request.method == "tools/call" and isinstance(task, dict):
            yield from self._begin(request, task)
            return
        if request.method == "tools/list":
            self._learn(result.get("tools"))
        yield ToClient(reply)

    def _learn(self, tools: Any) -> None:
        """Learn which tools run only as tasks. Any: the server's list is any JSON."""
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict) and isinstance(name := tool.get("name"), str):
                (self._tools.add if _needs_task(tool) else self._tools.discard)(name)

    @collected
    def _begin(self, call: Message, created: dict[str, Any]) -> Iterator[Action]:
        """Wait for the task that the server has `created` for `call`. Any: JSON."""
        if not isinstance(id_ := created.get("taskId"), str):
            yield Fail(call, TheirProtocolError("the server made a task of a tool call and did not name it"))
            return
        task = self._tasks[call.key] = _Task(call, id_, next(self._numbers))
        yield from self._go_on(task, created)

    @collected
    def _go_on(self, task: _Task, state: dict[str, Any]) -> Iterator[Action]:
        """Poll again if the task works, else get its result. Any: JSON."""
        if state.get("status") == "working":
            yield Wake(f"{_TIMER} {task.number}", _pause(state.get("pollInterval")))
        else:
            yield from self._ask("tasks/result", task)

    @collected
    def _ask(self, method: str, task: _Task) -> Iterator[Action]:
        request = replies.request(method, {"taskId": task.id}, next(self._numbers))
        self._own[request.key] = method, task
        yield from self._review(self._inner.from_client(request))

    @collected
    def _own_answered(self, reply: Message, method: str, task: _Task) -> Iterator[Action]:
        result = result_of(reply)
        if self._tasks.get(task.call.key) is not task:
            return  # the client has cancelled it
        if method == "tasks/get" and result is not None:
            yield from self._go_on(task, replies.members(result))
            return
        del self._tasks[task.call.key]
        changes: dict[Path, Any] = {} if result is None else {("result", "_meta", _RELATED): REMOVED}
        yield ToClient(replies.with_id(rewrite(reply, changes), task.call.id or b"null"))

    @collected
    def _fail(self, task: _Task, error: BridgeError) -> Iterator[Action]:
        if self._tasks.get(task.call.key) is task:
            del self._tasks[task.call.key]
            yield Fail(task.call, error)


def _needs_task(tool: dict[str, Any]) -> bool:
    execution = tool.get("execution")
    return isinstance(execution, dict) and execution.get("taskSupport") == "required"


def _pause(milliseconds: Any) -> float:
    """Seconds until a task is asked for again. Any: the server's `pollInterval` is any JSON."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return _POLL
    # Limited first: an integer may exceed every float.
    return min(max(milliseconds, _SHORTEST_POLL * 1000), _LONGEST_POLL * 1000) / 1000
