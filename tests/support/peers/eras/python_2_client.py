"""The Python SDK 2 as a client: python python_2_client.py (legacy | auto | pinned) TARGET, see exercise.py."""

import asyncio
import sys
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar, Literal

import anyio
import mcp_types as types
from catalogue import CATALOGUE
from exercise import Absent, Refused, Seen, answered, connecting, exercise, target
from mcp import Client, StdioServerParameters
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.stdio import stdio_client
from mcp.client.subscriptions import Subscription
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ResourceUpdated
from pydantic import Field

warnings.simplefilter("ignore")  # what is deprecated works all the same

MODERN = "2026-07-28"
MODES = {"legacy": "legacy", "auto": "auto", "pinned": MODERN}


class Created(types.Result):
    """The result of a call that became a task (the Tasks extension of 2026-07-28)."""

    result_type: Literal["task"]
    task_id: str = Field(alias="taskId")
    status: str


class GetTaskParams(types.RequestParams):
    task_id: str = Field(serialization_alias="taskId")


class GetTask(types.Request[GetTaskParams, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    params: GetTaskParams
    name_param: ClassVar[str] = "taskId"


class Status(types.Result):
    status: str
    result: types.CallToolResult | None = None


class Tasks(ClientExtension):
    identifier = CATALOGUE["tasks"]

    def __init__(self, client: "Python2") -> None:
        self._client = client

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Created, resolve=self._finish)]

    async def _finish(self, created: Created, context: ClaimContext) -> types.CallToolResult:
        task = Status(status=created.status)
        while task.result is None:
            request = GetTask(params=GetTaskParams(task_id=created.task_id))
            task = await context.session.send_request(request, Status)
            self._client.statuses.append(task.status)
        return task.result


class Python2:
    def __init__(self, mode: str, transport: Any) -> None:
        self.asked: list[Seen] = []
        self.logged: list[str] = []
        self.updated: list[str] = []
        self.changed: list[str] = []
        self._log_level: str | None = None
        self._streams = AsyncExitStack()
        self._followed: set[str] = set()
        self.client = Client(
            transport,
            mode=MODES[mode],
            client_info=types.Implementation(name="python-2", version="1"),
            elicitation_callback=self._elicited,
            sampling_callback=self._sampled,
            list_roots_callback=self._rooted,
            logging_callback=self._logs,
            message_handler=self._notified,
            cache=None,
            extensions=[Tasks(self)],
        )
        self.statuses: list[str] = []

    @property
    def revision(self) -> str:
        return self.client.protocol_version

    @property
    def _is_modern(self) -> bool:
        return self.revision == MODERN

    async def _elicited(self, context: Any, params: Any) -> types.ElicitResult:
        return types.ElicitResult.model_validate(self._answer("elicitation/create", params))

    async def _sampled(self, context: Any, params: Any) -> types.CreateMessageResult:
        return types.CreateMessageResult.model_validate(self._answer("sampling/createMessage", params))

    async def _rooted(self, context: Any) -> types.ListRootsResult:
        return types.ListRootsResult.model_validate(self._answer("roots/list", None))

    def _answer(self, method: str, params: Any) -> Seen:
        raw = params.model_dump(mode="json", by_alias=True, exclude_none=True) if params else {}
        answer, seen = answered(method, raw)
        self.asked.append(seen)
        return answer

    async def _logs(self, params: types.LoggingMessageNotificationParams) -> None:
        self.logged.append(f"{params.level}: {params.data}")

    async def _notified(self, message: Any) -> None:
        if isinstance(message, types.ResourceUpdatedNotification):
            self.updated.append(str(message.params.uri))
        elif getattr(message, "method", "").endswith("/list_changed"):
            self.changed.append(message.method.split("/")[1])

    async def page(self, what: str, cursor: str | None) -> Mapping[str, Any]:
        lists: dict[str, Callable[..., Awaitable[Any]]] = {
            "tools": self.client.list_tools,
            "prompts": self.client.list_prompts,
            "resources": self.client.list_resources,
            "resourceTemplates": self.client.list_resource_templates,
        }
        return await _raw(lists[what](cursor=cursor))

    async def call(
        self, tool: str, arguments: Seen, progress: Callable[[Seen], Awaitable[None]] | None = None
    ) -> Mapping[str, Any]:
        async def progressed(done: float, total: float | None, message: str | None) -> None:
            if progress is not None:
                await progress({"progress": done, "total": total, "message": message})

        meta: Any = {"io.modelcontextprotocol/logLevel": self._log_level} if self._log_level else None
        return await _raw(
            self.client.call_tool(tool, arguments, progress_callback=progressed if progress else None, meta=meta)
        )

    async def cancelled(self, tool: str, arguments: Seen) -> None:
        with anyio.CancelScope() as scope:

            async def progressed(_: Seen) -> None:
                scope.cancel()

            await self.call(tool, arguments, progressed)

    async def read(self, uri: str) -> str:
        return str((await _raw(self.client.read_resource(uri)))["contents"][0]["text"])

    async def prompt(self, name: str, arguments: dict[str, str]) -> str:
        return str((await _raw(self.client.get_prompt(name, arguments)))["messages"][0]["content"]["text"])

    async def complete(self, prompt: str, argument: str, value: str) -> Sequence[str]:
        reference = types.PromptReference(name=prompt)
        raw = await _raw(self.client.complete(reference, {"name": argument, "value": value}))
        return list(raw["completion"]["values"])

    async def follow(self, uris: Sequence[str], *, lists: bool) -> None:
        if not self._is_modern:
            for uri in self._followed - set(uris):
                await _raw(self.client.unsubscribe_resource(uri))
            for uri in set(uris) - self._followed:
                await _raw(self.client.subscribe_resource(uri))
            self._followed = set(uris)
            return
        await self._streams.aclose()
        try:
            stream = await self._streams.enter_async_context(
                self.client.listen(
                    tools_list_changed=lists,
                    prompts_list_changed=lists,
                    resources_list_changed=lists,
                    resource_subscriptions=uris,
                )
            )
        except MCPError as error:
            raise Refused(error.error.code, error.error.message) from error
        await self._streams.enter_async_context(_Reader(self, stream))

    async def stop(self) -> None:
        await self._streams.aclose()

    async def log_from(self, level: str) -> None:
        if self._is_modern:
            self._log_level = level
        else:
            await _raw(self.client.set_logging_level(level))  # type: ignore[arg-type]

    async def job(self) -> Seen:
        if not self._is_modern:
            raise Absent("the client has no tasks")
        self.statuses.clear()
        result = await self.call("job", {})
        if not self.statuses:
            raise Absent("the server makes no task")
        return {"status": self.statuses[-1], "result": result["content"][0]["text"]}


class _Reader:
    """Reads an open stream of notifications until it is closed."""

    def __init__(self, client: Python2, stream: Subscription) -> None:
        self._client = client
        self._stream = stream

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._read())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _read(self) -> None:
        async for event in self._stream:
            if isinstance(event, ResourceUpdated):
                self._client.updated.append(event.uri)
            else:
                self._client.changed.append(type(event).__name__.removesuffix("ListChanged").lower())


async def _raw(request: Awaitable[Any]) -> dict[str, Any]:
    try:
        result = await request
    except MCPError as error:
        raise Refused(error.error.code, error.error.message) from error
    return dict(result.model_dump(mode="json", by_alias=True, exclude_none=True))


async def main() -> None:
    wish = target()
    if "url" in wish:
        transport: Any = wish["url"]
    else:
        command, *arguments = wish["command"]
        transport = stdio_client(StdioServerParameters(command=command, args=arguments, env=wish["environment"]))
    python = Python2(sys.argv[1], transport)
    async with python.client:
        await exercise(python)
        await python.stop()


if __name__ == "__main__":
    asyncio.run(connecting(main()))
