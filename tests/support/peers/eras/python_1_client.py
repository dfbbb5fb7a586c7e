"""The Python SDK 1 as a client, which is legacy: python python_1_client.py TARGET, see exercise.py."""

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from exercise import Absent, Refused, Seen, answered, connecting, exercise, target
from mcp import ClientSession, McpError, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from pydantic import AnyUrl

warnings.simplefilter("ignore")  # the experimental tasks are deprecated


class Python1:
    def __init__(self, streams: Any) -> None:
        self.asked: list[Seen] = []
        self.logged: list[str] = []
        self.updated: list[str] = []
        self.changed: list[str] = []
        self.revision = ""
        self._followed: set[str] = set()
        self.client = ClientSession(
            *streams[:2],
            client_info=types.Implementation(name="python-1", version="1"),
            elicitation_callback=self._elicited,
            sampling_callback=self._sampled,
            list_roots_callback=self._rooted,
            logging_callback=self._logs,
            message_handler=self._notified,
        )

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
        notification = getattr(message, "root", None)
        if isinstance(notification, types.ResourceUpdatedNotification):
            self.updated.append(str(notification.params.uri))
        elif getattr(notification, "method", "").endswith("/list_changed"):
            self.changed.append(notification.method.split("/")[1])

    async def page(self, what: str, cursor: str | None) -> Mapping[str, Any]:
        lists: dict[str, Callable[..., Awaitable[Any]]] = {
            "tools": self.client.list_tools,
            "prompts": self.client.list_prompts,
            "resources": self.client.list_resources,
            "resourceTemplates": self.client.list_resource_templates,
        }
        return await _raw(lists[what](params=types.PaginatedRequestParams(cursor=cursor)))

    async def call(
        self, tool: str, arguments: Seen, progress: Callable[[Seen], Awaitable[None]] | None = None
    ) -> Mapping[str, Any]:
        async def progressed(done: float, total: float | None, message: str | None) -> None:
            if progress is not None:
                await progress({"progress": done, "total": total, "message": message})

        return await _raw(self.client.call_tool(tool, arguments, progress_callback=progressed if progress else None))

    async def cancelled(self, tool: str, arguments: Seen) -> None:
        """Version 1 cannot cancel a call, so its user sends the notification."""
        begun = asyncio.Event()

        async def progressed(_: Seen) -> None:
            begun.set()

        number = self.client._request_id
        call = asyncio.create_task(self.call(tool, arguments, progressed))
        await begun.wait()
        params = types.CancelledNotificationParams(requestId=number, reason="enough")
        await self.client.send_notification(types.ClientNotification(types.CancelledNotification(params=params)))
        call.cancel()
        with suppress(asyncio.CancelledError, Refused):
            await call

    async def read(self, uri: str) -> str:
        return str((await _raw(self.client.read_resource(AnyUrl(uri))))["contents"][0]["text"])

    async def prompt(self, name: str, arguments: dict[str, str]) -> str:
        return str((await _raw(self.client.get_prompt(name, arguments)))["messages"][0]["content"]["text"])

    async def complete(self, prompt: str, argument: str, value: str) -> Sequence[str]:
        reference = types.PromptReference(type="ref/prompt", name=prompt)
        raw = await _raw(self.client.complete(reference, {"name": argument, "value": value}))
        return list(raw["completion"]["values"])

    async def follow(self, uris: Sequence[str], *, lists: bool) -> None:
        for uri in self._followed - set(uris):
            await _raw(self.client.unsubscribe_resource(AnyUrl(uri)))
        for uri in set(uris) - self._followed:
            await _raw(self.client.subscribe_resource(AnyUrl(uri)))
        self._followed = set(uris)

    async def log_from(self, level: str) -> None:
        await _raw(self.client.set_logging_level(level))  # type: ignore[arg-type]

    async def job(self) -> Seen:
        declared = self.client.get_server_capabilities()
        if declared is None or declared.tasks is None:
            raise Absent("the server declares no tasks")
        tasks = self.client.experimental
        created = await _raw(tasks.call_tool_as_task("job"))
        number = created["task"]["taskId"]
        async for status in tasks.poll_task(number):
            if status.status in ("completed", "failed", "cancelled"):
                break
        result = await _raw(tasks.get_task_result(number, types.CallToolResult))
        return {"status": status.status, "result": result["content"][0]["text"]}


async def _raw(request: Awaitable[Any]) -> dict[str, Any]:
    try:
        result = await request
    except McpError as error:
        raise Refused(error.error.code, error.error.message) from error
    return dict(result.model_dump(mode="json", by_alias=True, exclude_none=True))


async def main() -> None:
    wish = target()
    if "url" in wish:
        transport: Any = streamable_http_client(wish["url"])
    else:
        command, *arguments = wish["command"]
        transport = stdio_client(StdioServerParameters(command=command, args=arguments, env=wish["environment"]))
    async with transport as streams:
        python = Python1(streams)
        async with python.client:
            python.revision = str((await python.client.initialize()).protocolVersion)
            await exercise(python)


if __name__ == "__main__":
    asyncio.run(connecting(main()))
