"""The Python SDK 1, legacy only, with every feature of catalogue.json and with the experimental tasks of 2025-11-25."""

import asyncio
import contextlib
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from catalogue import CATALOGUE, LEVELS, STEP, Waits, answer_of, memo, page_of
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import McpError
from peers.serving import serve
from starlette.applications import Starlette
from starlette.routing import Mount

warnings.simplefilter("ignore")  # the experimental tasks are deprecated


class Everything(Server[Any, Any]):
    """The SDK's server, which also says that its lists may change and that it takes subscriptions."""

    def get_capabilities(self, *given: Any) -> types.ServerCapabilities:
        said = super().get_capabilities(*given)
        return said.model_copy(
            update=types.ServerCapabilities.model_validate(CATALOGUE["capabilities"]).__dict__ | {"tasks": said.tasks}
        )


class Features:
    def __init__(self, server: Everything) -> None:
        self.server = server
        self.waits = Waits()
        self.sessions: WeakSet[Any] = WeakSet()
        self.subscribers: dict[str, WeakSet[Any]] = {}
        self.levels: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

    async def list_tools(self, request: types.ListToolsRequest) -> types.ListToolsResult:
        page = types.ListToolsResult.model_validate(page_of("tools", _cursor(request)))
        for tool in page.tools:
            if tool.name == "job":
                tool.execution = types.ToolExecution(taskSupport="optional")
        return page

    async def list_prompts(self, request: types.ListPromptsRequest) -> types.ListPromptsResult:
        return types.ListPromptsResult.model_validate(page_of("prompts", _cursor(request)))

    async def list_resources(self, request: types.ListResourcesRequest) -> types.ListResourcesResult:
        return types.ListResourcesResult.model_validate(page_of("resources", _cursor(request)))

    async def list_templates(self, request: types.ListResourceTemplatesRequest) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult.model_validate(page_of("resourceTemplates", _cursor(request)))

    async def read(self, request: types.ReadResourceRequest) -> types.ReadResourceResult:
        uri = str(request.params.uri)
        text = await self.tool_ask_form(self.server.request_context, {}) if uri == "memo://ask" else memo(uri)
        if text is None:
            raise McpError(types.ErrorData(code=-32002, message="Resource not found", data={"uri": uri}))
        return types.ReadResourceResult(contents=[types.TextResourceContents(uri=request.params.uri, text=text)])

    async def get_prompt(self, request: types.GetPromptRequest) -> types.GetPromptResult:
        text = f"Hello {(request.params.arguments or {}).get('name')}"
        if request.params.name == "ask":
            text = await self.tool_ask_form(self.server.request_context, {})
        message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
        return types.GetPromptResult(messages=[message])

    async def complete(self, request: types.CompleteRequest) -> types.CompleteResult:
        values = [name for name in CATALOGUE["people"] if name.startswith(request.params.argument.value)]
        return types.CompleteResult(completion=types.Completion(values=values, total=len(values), hasMore=False))

    async def subscribe(self, request: types.SubscribeRequest) -> types.EmptyResult:
        self.subscribers.setdefault(str(request.params.uri), WeakSet()).add(self.server.request_context.session)
        return types.EmptyResult()

    async def unsubscribe(self, request: types.UnsubscribeRequest) -> types.EmptyResult:
        self.subscribers.get(str(request.params.uri), WeakSet()).discard(self.server.request_context.session)
        return types.EmptyResult()

    async def set_level(self, request: types.SetLevelRequest) -> types.EmptyResult:
        self.levels[self.server.request_context.session] = request.params.level
        return types.EmptyResult()

    async def call(self, request: types.CallToolRequest) -> Any:
        context = self.server.request_context
        self.sessions.add(context.session)
        tool = getattr(self, f"tool_{request.params.name}", None)
        if tool is None:
            raise McpError(types.ErrorData(code=types.INVALID_PARAMS, message=f"Unknown tool: {request.params.name}"))
        said = await tool(context, request.params.arguments or {})
        return _text(said) if isinstance(said, str) else said

    async def tool_echo(self, context: Any, arguments: Any) -> str:
        return str(arguments["text"])

    async def tool_add(self, context: Any, arguments: Any) -> types.CallToolResult:
        total = arguments["a"] + arguments["b"]
        content: list[Any] = [types.TextContent(type="text", text=str(total))]
        return types.CallToolResult(content=content, structuredContent={"sum": total})

    async def tool_region(self, context: Any, arguments: Any) -> str:
        return f"region: {arguments['region']}"

    async def tool_fail(self, context: Any, arguments: Any) -> types.CallToolResult:
        return types.CallToolResult(content=[types.TextContent(type="text", text="failed")], isError=True)

    async def tool_revision(self, context: Any, arguments: Any) -> str:
        return str(context.session.client_params.protocolVersion)

    async def tool_ask_form(self, context: Any, arguments: Any) -> str:
        form = CATALOGUE["form"]
        result = await context.session.elicit_form(form["message"], form["requestedSchema"], context.request_id)
        return answer_of("form", result.model_dump(mode="json"))

    async def tool_ask_url(self, context: Any, arguments: Any) -> str:
        page = CATALOGUE["page"]
        result = await context.session.elicit_url(page["message"], page["url"], "signing-1", context.request_id)
        return answer_of("url", result.model_dump(mode="json"))

    async def tool_ask_model(self, context: Any, arguments: Any) -> str:
        asked = types.CreateMessageRequestParams.model_validate(CATALOGUE["sampling"])
        result = await context.session.create_message(
            asked.messages, max_tokens=asked.maxTokens, related_request_id=context.request_id
        )
        return answer_of("model", result.model_dump(mode="json"))

    async def tool_ask_roots(self, context: Any, arguments: Any) -> str:
        return answer_of("roots", (await context.session.list_roots()).model_dump(mode="json"))

    async def _report(self, context: Any, *step: Any) -> None:
        if context.meta and context.meta.progressToken is not None:
            await context.session.send_progress_notification(context.meta.progressToken, *step, context.request_id)

    async def tool_steps(self, context: Any, arguments: Any) -> str:
        for step in (1, 2, 3):
            await self._report(context, step, 3, f"step {step}")
            await asyncio.sleep(STEP)
        return "done"

    async def tool_wait(self, context: Any, arguments: Any) -> str:
        await self._report(context, 1, 2, "waiting")
        await self.waits.wait(arguments["key"])
        return "waited"

    async def tool_waited(self, context: Any, arguments: Any) -> str:
        return await self.waits.outcome(arguments["key"])

    async def tool_update(self, context: Any, arguments: Any) -> str:
        for session in list(self.subscribers.get(arguments["uri"], ())):
            with contextlib.suppress(Exception):  # the session is over
                await session.send_resource_updated(arguments["uri"])
        return "updated"

    async def tool_change(self, context: Any, arguments: Any) -> str:
        for session in list(self.sessions):
            with contextlib.suppress(Exception):  # the session is over
                await session.send_tool_list_changed()
                await session.send_prompt_list_changed()
                await session.send_resource_list_changed()
        return "changed"

    async def tool_log(self, context: Any, arguments: Any) -> str:
        least = self.levels.get(context.session, "debug")
        for level in ("debug", "info", "warning", "error"):
            if LEVELS.index(level) >= LEVELS.index(least):
                await context.session.send_log_message(level, f"at {level}", "eras", context.request_id)
        return "logged"

    async def tool_job(self, context: Any, arguments: Any) -> Any:
        async def work(task: Any) -> Any:
            return _text("worked").root

        return await context.experimental.run_task(work) if context.experimental.is_task else "worked"


def _cursor(request: Any) -> str | None:
    return request.params.cursor if request.params else None


def _text(text: str) -> types.ServerResult:
    return types.ServerResult(types.CallToolResult(content=[types.TextContent(type="text", text=text)]))


def build() -> Starlette:
    server = Everything("eras", version="1", instructions="Everything, in the legacy era.")
    features = Features(server)
    handlers: dict[Any, Callable[[Any], Awaitable[Any]]] = {
        types.ListToolsRequest: features.list_tools,
        types.CallToolRequest: features.call,
        types.ListPromptsRequest: features.list_prompts,
        types.GetPromptRequest: features.get_prompt,
        types.ListResourcesRequest: features.list_resources,
        types.ListResourceTemplatesRequest: features.list_templates,
        types.ReadResourceRequest: features.read,
        types.SubscribeRequest: features.subscribe,
        types.UnsubscribeRequest: features.unsubscribe,
        types.CompleteRequest: features.complete,
        types.SetLevelRequest: features.set_level,
    }
    server.request_handlers.update({kind: _wrapped(handler) for kind, handler in handlers.items()})
    tasks = server.experimental.enable_tasks()
    manager = StreamableHTTPSessionManager(server)

    @contextlib.asynccontextmanager
    async def running(app: Starlette) -> AsyncIterator[None]:
        async with tasks.run(), manager.run():
            yield

    return Starlette(routes=[Mount("/mcp", manager.handle_request)], lifespan=running)


def _wrapped(handler: Callable[[Any], Awaitable[Any]]) -> Any:
    async def wrapped(request: Any) -> types.ServerResult:
        said = await handler(request)
        return said if isinstance(said, types.ServerResult) else types.ServerResult(said)

    return wrapped


if __name__ == "__main__":
    serve(lambda origin: build())
