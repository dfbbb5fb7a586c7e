"""The Python SDK 2 with every feature of catalogue.json.

    python python_2_server.py (dual | modern)

dual: both eras, as the SDK serves them. modern: 2026-07-28 only; the SDK has no such setting, so a filter refuses what
a modern-only server refuses, in the words of the TypeScript SDK.
"""

import asyncio
import json
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import mcp_types as types
from catalogue import CATALOGUE, LEVELS, STEP, Waits, answer_of, memo, page_of
from mcp.server import NotificationOptions, Server, ServerRequestContext
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError
from peers.serving import serve
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

warnings.simplefilter("ignore")  # logging is deprecated, and served all the same

MODERN = "2026-07-28"
TASKS = CATALOGUE["tasks"]
Context = ServerRequestContext[Any, Any]


class TaskParams(types.RequestParams):
    task_id: str = Field(alias="taskId")


class Features:
    """The handlers. What lasts longer than a request belongs to the process: a modern server has no sessions."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self.waits = Waits()
        self.subscribers: dict[str, set[Any]] = {}  # legacy: URI → sessions
        self.sessions: set[Any] = set()  # legacy
        self.levels: dict[Any, str] = {}  # legacy: session → the level it set

    async def list_tools(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult.model_validate(page_of("tools", params and params.cursor))

    async def list_prompts(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        return types.ListPromptsResult.model_validate(page_of("prompts", params and params.cursor))

    async def list_resources(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return types.ListResourcesResult.model_validate(page_of("resources", params and params.cursor))

    async def list_templates(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult.model_validate(page_of("resourceTemplates", params and params.cursor))

    async def read(self, ctx: Context, params: types.ReadResourceRequestParams) -> Any:
        uri = str(params.uri)
        if uri == "memo://ask":
            said = await self.tool_ask_form(ctx, params, None)
            return _memo(uri, said) if isinstance(said, str) else said
        if (text := memo(uri)) is None:
            code = types.INVALID_PARAMS if ctx.protocol_version == MODERN else -32002
            raise MCPError(code, "Resource not found", {"uri": uri})
        return _memo(uri, text)

    async def get_prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> Any:
        text: Any = f"Hello {(params.arguments or {}).get('name')}"
        if params.name == "ask":
            text = await self.tool_ask_form(ctx, params, None)
        if not isinstance(text, str):
            return text
        message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
        return types.GetPromptResult(messages=[message])

    async def complete(self, ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        values = [name for name in CATALOGUE["people"] if name.startswith(params.argument.value)]
        return types.CompleteResult(completion=types.Completion(values=values, total=len(values), has_more=False))

    async def subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        self.subscribers.setdefault(str(params.uri), set()).add(ctx.session._connection)
        return types.EmptyResult()

    async def unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        self.subscribers.get(str(params.uri), set()).discard(ctx.session._connection)
        return types.EmptyResult()

    async def set_level(self, ctx: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
        self.levels[ctx.session._connection] = params.level
        return types.EmptyResult()

    async def call(self, ctx: Context, params: types.CallToolRequestParams) -> Any:
        arguments: Mapping[str, Any] = params.arguments or {}
        if ctx.protocol_version != MODERN:
            self.sessions.add(ctx.session._connection)
        tool = getattr(self, f"tool_{params.name}", None)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        said = await tool(ctx, params, arguments)
        return _text(said) if isinstance(said, str) else said

    async def tool_echo(self, ctx: Context, params: Any, arguments: Any) -> str:
        return str(arguments["text"])

    async def tool_add(self, ctx: Context, params: Any, arguments: Any) -> types.CallToolResult:
        total = arguments["a"] + arguments["b"]
        content: list[Any] = [types.TextContent(type="text", text=str(total))]
        return types.CallToolResult(content=content, structured_content={"sum": total})

    async def tool_region(self, ctx: Context, params: Any, arguments: Any) -> str:
        return f"region: {arguments['region']}"

    async def tool_fail(self, ctx: Context, params: Any, arguments: Any) -> types.CallToolResult:
        return types.CallToolResult(content=[types.TextContent(type="text", text="failed")], is_error=True)

    async def tool_revision(self, ctx: Context, params: Any, arguments: Any) -> str:
        return ctx.protocol_version

    async def tool_ask_form(self, ctx: Context, params: Any, arguments: Any) -> Any:
        form = CATALOGUE["form"]
        if ctx.protocol_version != MODERN:
            result = await ctx.session.elicit_form(form["message"], form["requestedSchema"], ctx.request_id)
            return answer_of("form", result.model_dump(mode="json", by_alias=True))
        return self._ask("form", params, types.ElicitRequest(params=types.ElicitRequestFormParams(**form)))

    async def tool_ask_url(self, ctx: Context, params: Any, arguments: Any) -> Any:
        page = CATALOGUE["page"]
        if ctx.protocol_version != MODERN:
            result = await ctx.session.elicit_url(page["message"], page["url"], "signing-1", ctx.request_id)
            return answer_of("url", result.model_dump(mode="json", by_alias=True))
        return self._ask("url", params, types.ElicitRequest(params=types.ElicitRequestURLParams(**page)))

    async def tool_ask_model(self, ctx: Context, params: Any, arguments: Any) -> Any:
        asked = types.CreateMessageRequestParams.model_validate(CATALOGUE["sampling"])
        if ctx.protocol_version != MODERN:
            result = await ctx.session.create_message(
                asked.messages, max_tokens=asked.max_tokens, related_request_id=ctx.request_id
            )
            return answer_of("model", result.model_dump(mode="json", by_alias=True))
        return self._ask("model", params, types.CreateMessageRequest(params=asked))

    async def tool_ask_roots(self, ctx: Context, params: Any, arguments: Any) -> Any:
        if ctx.protocol_version != MODERN:
            result = await ctx.session.list_roots()
            return answer_of("roots", result.model_dump(mode="json", by_alias=True))
        return self._ask("roots", params, types.ListRootsRequest())

    def _ask(self, key: str, params: Any, request: Any) -> Any:
        answers = params.input_responses or {}
        if key not in answers:
            return types.InputRequiredResult(input_requests={key: request}, request_state=f"state of {key}")
        if params.request_state != f"state of {key}":
            raise MCPError(types.INVALID_PARAMS, f"requestState is {params.request_state!r}")
        return answer_of(key, answers[key].model_dump(mode="json", by_alias=True))

    async def tool_steps(self, ctx: Context, params: Any, arguments: Any) -> str:
        for step in (1, 2, 3):
            await ctx.session.report_progress(step, 3, f"step {step}")
            await asyncio.sleep(STEP)
        return "done"

    async def tool_wait(self, ctx: Context, params: Any, arguments: Any) -> str:
        await ctx.session.report_progress(1, 2, "waiting")
        await self.waits.wait(arguments["key"])
        return "waited"

    async def tool_waited(self, ctx: Context, params: Any, arguments: Any) -> str:
        return await self.waits.outcome(arguments["key"])

    async def tool_update(self, ctx: Context, params: Any, arguments: Any) -> str:
        await self.bus.publish(ResourceUpdated(uri=arguments["uri"]))
        for connection in list(self.subscribers.get(arguments["uri"], ())):
            with suppress(Exception):  # the session is over
                await connection.outbound.notify("notifications/resources/updated", {"uri": arguments["uri"]})
        return "updated"

    async def tool_change(self, ctx: Context, params: Any, arguments: Any) -> str:
        for event in (ToolsListChanged(), PromptsListChanged(), ResourcesListChanged()):
            await self.bus.publish(event)
        for connection in list(self.sessions):
            for what in ("tools", "prompts", "resources"):
                with suppress(Exception):  # the session is over
                    await connection.outbound.notify(f"notifications/{what}/list_changed", None)
        return "changed"

    async def tool_log(self, ctx: Context, params: Any, arguments: Any) -> str:
        least = self.levels.get(ctx.session._connection, "debug")
        for level in ("debug", "info", "warning", "error"):
            if LEVELS.index(level) >= LEVELS.index(least):
                await ctx.session.send_log_message(level, f"at {level}", "eras", ctx.request_id)
        return "logged"

    async def tool_job(self, ctx: Context, params: Any, arguments: Any) -> Any:
        """A task if the client declares the Tasks extension, which the SDK does not implement."""
        declared = ctx.session.client_capabilities
        if ctx.protocol_version != MODERN or TASKS not in ((declared and declared.extensions) or {}):
            return "worked"
        return {"resultType": "task", "status": "working", **CATALOGUE["task"]}

    async def get_task(self, ctx: Context, params: TaskParams) -> dict[str, Any]:
        result = _text("worked").model_dump(mode="json", by_alias=True, exclude_none=True)
        return {"resultType": "complete", "status": "completed", **CATALOGUE["task"], "result": result}


def _memo(uri: str, text: str) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, text=text)])


def _text(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)])


class Everything(Server[Any]):
    """The SDK's server, which also says in the legacy era that its lists may change."""

    def get_capabilities(self, options: Any = None, *more: Any, **named: Any) -> types.ServerCapabilities:
        if named.get("protocol_version") == MODERN:
            named["extensions"] = {TASKS: {}}
        return super().get_capabilities(NotificationOptions(True, True, True), *more, **named)


class ModernOnly:
    """Refuses requests of other revisions than 2026-07-28."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or dict(scope["headers"]).get(b"mcp-protocol-version") == MODERN.encode():
            await self._app(scope, receive, send)
            return
        await (await self._refusal(Request(scope, receive)))(scope, receive, send)

    async def _refusal(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(status_code=405, headers={"Allow": "POST"})
        message = json.loads(await request.body())
        if "id" not in message:
            return Response(status_code=202)
        asked = (message.get("params") or {}).get("protocolVersion", "2025-03-26")
        data = {"supported": [MODERN], "requested": asked}
        error = {"code": -32022, "message": f"Unsupported protocol version: {asked}", "data": data}
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": error}, 400)


def build(kind: str) -> ASGIApp:
    features = Features()
    server = Everything(
        "eras",
        version="2",
        instructions="Everything, in both eras.",
        on_list_tools=features.list_tools,
        on_call_tool=features.call,
        on_list_prompts=features.list_prompts,
        on_get_prompt=features.get_prompt,
        on_list_resources=features.list_resources,
        on_list_resource_templates=features.list_templates,
        on_read_resource=features.read,
        on_subscribe_resource=features.subscribe,
        on_unsubscribe_resource=features.unsubscribe,
        on_subscriptions_listen=ListenHandler(features.bus),
        on_completion=features.complete,
        on_set_logging_level=features.set_level,
    )
    server.add_request_handler("tasks/get", TaskParams, features.get_task)
    app = server.streamable_http_app()
    return ModernOnly(app) if kind == "modern" else app


if __name__ == "__main__":
    serve(lambda origin: build(sys.argv[1]))
