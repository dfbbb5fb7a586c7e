"""The MCP server behind the bridge for the suite's server scenarios, on the official SDK; it speaks one era only.

    python suite_server.py (legacy | modern)

The suite prescribes the names of the tools, prompts and resources, and their results. A tool that needs the client asks
in the way of the era: by requests of its own in a legacy session, by `input_required` in the modern era.
"""

import asyncio
import base64
import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mcp.server import ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer, RequestStateSecurity
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.shared.message import ServerMessageMetadata
from mcp.types import (
    AudioContent,
    Completion,
    CompletionArgument,
    CompletionContext,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    PromptReference,
    ResourceTemplateReference,
    SamplingMessage,
    SetLevelRequestParams,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    UnsubscribeRequestParams,
)
from serving import serve
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

MODERN = "2026-07-28"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
SILENCE = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
PAUSE = 0.02  # seconds: a client of the SDK may lose a notification that arrives together with the result

Round = Mapping[str, InputRequest]
"""What is asked of the client at once, by key."""

server = MCPServer("everything", request_state_security=RequestStateSecurity(keys=[b"k" * 32]))
tool = partial(server.tool, description="a tool of the suite")
prompt = partial(server.prompt, description="a prompt of the suite")


# What is asked of the client.


def form(message: str, required: Sequence[str] = (), **properties: Any) -> ElicitRequest:
    schema = {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def question(name: str, message: str) -> ElicitRequest:
    return form(message, [name], **{name: {"type": "string"}})


def sampling(text: str) -> CreateMessageRequest:
    messages = [SamplingMessage(role="user", content=TextContent(type="text", text=text))]
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=messages, max_tokens=100))


RESULTS: dict[type, type] = {
    ElicitRequest: ElicitResult,
    CreateMessageRequest: CreateMessageResult,
    ListRootsRequest: ListRootsResult,
}


async def ask(ctx: Context, *rounds: Round) -> dict[str, Any] | InputRequiredResult:
    """The client's answers to all rounds, or the result by which the modern era asks for those of the next round."""
    if ctx.protocol_version != MODERN:
        metadata = ServerMessageMetadata(related_request_id=ctx.request_id)
        return {
            key: await ctx.session.send_request(asked, RESULTS[type(asked)], metadata=metadata)
            for wanted in rounds
            for key, asked in wanted.items()
        }
    state: dict[str, Any] = json.loads(ctx.request_state or '{"round": 0, "known": {}}')
    given = ctx.input_responses or {}
    for number, wanted in enumerate(rounds):
        if number < state["round"]:
            continue
        if not wanted.keys() <= given.keys():
            asking = {"round": number, "known": state["known"]}
            return InputRequiredResult(input_requests=dict(wanted), request_state=json.dumps(asking))
        state["known"] |= {key: given[key].model_dump(mode="json", by_alias=True) for key in wanted}
    return {**state["known"], **given}


def words(answer: Any) -> str:
    """The client's answer to an elicitation, as the suite wants to read it."""
    return f"action={answer.action}, content={json.dumps(answer.content or {})}"


# Tools.


@tool()
def test_simple_text() -> str:
    return "This is a simple text response for testing."


@tool()
def test_image_content() -> list[ImageContent]:
    return [ImageContent(type="image", data=PIXEL, mime_type="image/png")]


@tool()
def test_audio_content() -> list[AudioContent]:
    return [AudioContent(type="audio", data=SILENCE, mime_type="audio/wav")]


def embedded(uri: str, kind: str, text: str) -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=kind, text=text))


@tool()
def test_embedded_resource() -> list[EmbeddedResource]:
    return [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]


@tool()
def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
    return [
        TextContent(type="text", text="Multiple content types test:"),
        ImageContent(type="image", data=PIXEL, mime_type="image/png"),
        embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ]


@tool()
def test_error_handling() -> str:
    raise RuntimeError("This tool intentionally returns an error for testing")


@tool()
async def test_tool_with_logging(ctx: Context) -> str:
    for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.info(text)
        await asyncio.sleep(PAUSE)
    return "done"


@tool()
async def test_tool_with_progress(ctx: Context) -> str:
    for progress in (0, 50, 100):
        await ctx.report_progress(progress, 100, f"Completed step {progress} of 100")
        await asyncio.sleep(PAUSE)
    return "done"


@tool()
async def test_sampling(prompt: str, ctx: Context) -> str | InputRequiredResult:
    said = await ask(ctx, {"answer": sampling(prompt)})
    return said if isinstance(said, InputRequiredResult) else f"LLM response: {said['answer'].content.text}"


@tool()
async def test_elicitation(message: str, ctx: Context) -> str | InputRequiredResult:
    said = await ask(ctx, {"answer": question("response", message)})
    return said if isinstance(said, InputRequiredResult) else f"User response: {words(said['answer'])}"


@tool()
async def test_elicitation_sep1034_defaults(ctx: Context) -> str | InputRequiredResult:
    asked = form(
        "Please provide user information",
        name={"type": "string", "default": "John Doe"},
        age={"type": "integer", "default": 30},
        score={"type": "number", "default": 95.5},
        status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        verified={"type": "boolean", "default": True},
    )
    said = await ask(ctx, {"answer": asked})
    return said if isinstance(said, InputRequiredResult) else f"Elicitation completed: {words(said['answer'])}"


def titled(**titles: str) -> list[dict[str, str]]:
    return [{"const": const, "title": title} for const, title in titles.items()]


@tool()
async def test_elicitation_sep1330_enums(ctx: Context) -> str | InputRequiredResult:
    plain = ["option1", "option2", "option3"]
    choices = titled(value1="First Option", value2="Second Option", value3="Third Option")
    asked = form(
        "Please select options from the enum fields",
        untitledSingle={"type": "string", "enum": plain},
        titledSingle={"type": "string", "oneOf": choices},
        legacyEnum={"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
        untitledMulti={"type": "array", "items": {"type": "string", "enum": plain}},
        titledMulti={"type": "array", "items": {"anyOf": choices}},
    )
    said = await ask(ctx, {"answer": asked})
    return said if isinstance(said, InputRequiredResult) else f"Elicitation completed: {words(said['answer'])}"


NAME = question("name", "What is your name?")
CAPITAL = sampling("What is the capital of France?")
CONFIRM = form("Please confirm", ["ok"], ok={"type": "boolean"})
ROOTS = ListRootsRequest()
ASKING: dict[str, tuple[Round, ...]] = {
    "elicitation": ({"user_name": NAME},),
    "sampling": ({"capital_question": CAPITAL},),
    "list_roots": ({"client_roots": ROOTS},),
    "request_state": ({"confirm": CONFIRM},),
    "tampered_state": ({"confirm": CONFIRM},),
    "multiple_inputs": ({"user_name": NAME, "greeting": sampling("Generate a greeting"), "client_roots": ROOTS},),
    "multi_round": ({"step1": NAME}, {"step2": question("color", "What is your favorite color?")}),
}


def add_asking_tool(name: str, rounds: tuple[Round, ...]) -> None:
    async def run(ctx: Context) -> str | InputRequiredResult:
        said = await ask(ctx, *rounds)
        return said if isinstance(said, InputRequiredResult) else "state-ok"

    server.add_tool(run, name=f"test_input_required_result_{name}", description="a tool that asks")


for name, rounds in ASKING.items():
    add_asking_tool(name, rounds)


@tool()
async def test_input_required_result_capabilities(ctx: Context) -> str | InputRequiredResult:
    declared = ctx.client_capabilities
    wanted: Round = {
        **({"sample": CAPITAL} if declared and declared.sampling else {}),
        **({"ask": NAME} if declared and declared.elicitation else {}),
    }
    said = await ask(ctx, wanted)
    return said if isinstance(said, InputRequiredResult) else "done"


# Resources, prompts, completion, and what only the legacy era has.


@server.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    return "This is the content of the static text resource."


@server.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    return base64.b64decode(PIXEL)


@server.resource("test://template/{id}/data", mime_type="application/json")
def template(id: str) -> str:  # noqa: A002 - the suite's name
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@server.resource("test://watched-resource", mime_type="text/plain")
def watched() -> str:
    return "Watched resource content"


def said_by_user(content: Any) -> UserMessage:
    return UserMessage(role="user", content=content)


@prompt()
def test_simple_prompt() -> list[UserMessage]:
    return [said_by_user(TextContent(type="text", text="This is a simple prompt for testing."))]


@prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
    return [said_by_user(TextContent(type="text", text=f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"))]


@prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803 - the suite's name
    resource = embedded(resourceUri, "text/plain", "Embedded resource content for testing.")
    return [said_by_user(resource), said_by_user(TextContent(type="text", text="Please process the resource above."))]


@prompt()
def test_prompt_with_image() -> list[UserMessage]:
    image = ImageContent(type="image", data=PIXEL, mime_type="image/png")
    return [said_by_user(image), said_by_user(TextContent(type="text", text="Please analyze the image above."))]


@prompt()
async def test_input_required_result_prompt(ctx: Context) -> list[UserMessage] | InputRequiredResult:
    said = await ask(ctx, {"user_context": question("context", "What context should the prompt use?")})
    return said if isinstance(said, InputRequiredResult) else [said_by_user(TextContent(type="text", text="done"))]


@server.completion()
async def complete(
    ref: PromptReference | ResourceTemplateReference,
    argument: CompletionArgument,
    context: CompletionContext | None,
) -> Completion:
    return Completion(values=["paris", "park"], total=2, has_more=False)


async def _acknowledge(ctx: ServerRequestContext, params: Any) -> EmptyResult:
    return EmptyResult()


for method, params_of in {
    "logging/setLevel": SetLevelRequestParams,
    "resources/subscribe": SubscribeRequestParams,
    "resources/unsubscribe": UnsubscribeRequestParams,
}.items():
    server._lowlevel_server.add_request_handler(method, params_of, _acknowledge)


class OneEra:
    """Refuses the other era, as servers of one era do: the SDK's own server speaks both."""

    def __init__(self, app: ASGIApp, era: str) -> None:
        self._app = app
        self._era = era

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_spoken(dict(scope["headers"])):
            await self._app(scope, receive, send)
        elif self._era == "legacy":  # the words of the SDK 1.x
            await _refusal(-32600, "Bad Request: Unsupported protocol version", None)(scope, receive, send)
        else:
            supported = {"supported": [MODERN], "requested": ""}
            await _refusal(-32022, "Unsupported protocol version", supported)(scope, receive, send)

    def _is_spoken(self, headers: Mapping[bytes, bytes]) -> bool:
        is_modern = headers.get(b"mcp-protocol-version") == MODERN.encode()
        return is_modern == (self._era == "modern")


def _refusal(code: int, message: str, data: Any) -> JSONResponse:
    error = {"code": code, "message": message, **({"data": data} if data else {})}
    return JSONResponse({"jsonrpc": "2.0", "id": "server-error", "error": error}, 400)


if __name__ == "__main__":
    serve(lambda _: OneEra(server.streamable_http_app(), sys.argv[1]))
