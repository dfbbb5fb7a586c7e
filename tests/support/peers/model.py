"""A model that calls one tool and repeats its result, behind the APIs of Anthropic, OpenAI and Google, on loopback.

It decides from each request alone: if a tool `add` has answered, it repeats the answer; if there is such a tool, it
calls it with 2 and 3; else it calls a tool that signs in, a few times, while the client may list the others.

    with Model() as model:
        run_client(base_url=model.url)
"""

import itertools
import json
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple, Self

ARGUMENTS = {"a": 2, "b": 3}
NO_TOOL = "there is no tool to call"
MOST_LOGINS = 3
THINKING = 0.5  # seconds after a login, in which a client may list the tools that it has now


class Turn(NamedTuple):
    """The model's part of a conversation: a call of `tool` with `arguments`, or the last `text`."""

    text: str = ""
    tool: str = ""
    arguments: Mapping[str, int] = MappingProxyType({})


class Seen(NamedTuple):
    """A request as the model sees it: the names of the tools, and the results so far by the name of the tool."""

    tools: list[str]
    results: list[tuple[str, str]]


def decide(seen: Seen) -> Turn:
    tools, results = seen
    if answers := [text for name, text in results if _is("add", name)]:
        return Turn(f"The tool said: {answers[-1]}")
    if offered := [name for name in tools if _is("add", name)]:
        return Turn(tool=offered[0], arguments=ARGUMENTS)
    answers = [text for name, text in results if _is("login", name)]
    offered = [name for name in tools if _is("login", name)]
    if offered and len(answers) < MOST_LOGINS:
        return Turn(tool=offered[0])
    return Turn(f"The tool said: {answers[-1]}" if answers else NO_TOOL)


def _is(kind: str, name: str) -> bool:
    return re.search(rf"(^|[^A-Za-z]){kind}$", name) is not None


# How each API writes a request and streams an answer


def anthropic_seen(body: dict[str, Any]) -> Seen:
    names, results = {}, []
    for message in body["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else []:
            if block["type"] == "tool_use":
                names[block["id"]] = block["name"]
            elif block["type"] == "tool_result":
                results.append((names.get(block["tool_use_id"], ""), text_in(block.get("content"))))
    return Seen([tool["name"] for tool in body.get("tools", ())], results)


def anthropic_events(turn: Turn, body: dict[str, Any], number: int) -> Iterator[tuple[str, Any]]:
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": body["model"], "content": []}
    yield "message_start", {"message": {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}}
    if turn.tool:
        block = {"type": "tool_use", "id": f"toolu_{number}", "name": turn.tool, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(dict(turn.arguments))}
    else:
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": turn.text}
    yield "content_block_start", {"index": 0, "content_block": block}
    yield "content_block_delta", {"index": 0, "delta": delta}
    yield "content_block_stop", {"index": 0}
    stop = {"stop_reason": "tool_use" if turn.tool else "end_turn", "stop_sequence": None}
    yield "message_delta", {"delta": stop, "usage": usage}
    yield "message_stop", {}


def anthropic_message(turn: Turn, body: dict[str, Any], number: int) -> dict[str, Any]:
    block = (
        {"type": "tool_use", "id": f"toolu_{number}", "name": turn.tool, "input": dict(turn.arguments)}
        if turn.tool
        else {"type": "text", "text": turn.text}
    )
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [block],
        "stop_reason": "tool_use" if turn.tool else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def responses_seen(body: dict[str, Any]) -> Seen:
    names, results = {}, []
    for item in body["input"] if isinstance(body["input"], list) else []:
        if item.get("type") == "function_call":
            names[item["call_id"]] = item["name"]
        elif item.get("type") == "function_call_output":
            results.append((names.get(item["call_id"], ""), text_in(item["output"])))
    return Seen(list(_functions(body.get("tools", ()))), results)


def _functions(tools: Any, namespace: str = "") -> Iterator[str]:
    for tool in tools:
        if tool.get("type") == "namespace":
            yield from _functions(tool["tools"], tool["name"])
        elif tool.get("type") == "function":
            yield tool["name"]


def _namespace_of(body: dict[str, Any], name: str) -> dict[str, str]:
    for tool in body.get("tools", ()):
        if tool.get("type") == "namespace" and name in {each["name"] for each in tool["tools"]}:
            return {"namespace": tool["name"]}
    return {}


def responses_events(turn: Turn, body: dict[str, Any], number: int) -> Iterator[tuple[str, Any]]:
    response = {"id": f"resp_{number}", "object": "response", "created_at": 0, "model": body["model"], "output": []}
    yield "response.created", {"response": {**response, "status": "in_progress"}}
    if turn.tool:
        item = {
            "type": "function_call",
            "id": f"fc_{number}",
            "call_id": f"call_{number}",
            "name": turn.tool,
            **_namespace_of(body, turn.tool),
            "arguments": json.dumps(dict(turn.arguments)),
            "status": "completed",
        }
    else:
        content = [{"type": "output_text", "text": turn.text, "annotations": []}]
        item = {"type": "message", "id": f"m_{number}", "role": "assistant", "status": "completed", "content": content}
    yield "response.output_item.added", {"output_index": 0, "item": item}
    if not turn.tool:
        place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        yield "response.output_text.delta", {**place, "delta": turn.text}
    yield "response.output_item.done", {"output_index": 0, "item": item}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    done = {**response, "status": "completed", "output": [item], "usage": {**usage, **details}}
    yield "response.completed", {"response": done}


def chat_seen(body: dict[str, Any]) -> Seen:
    names, results = {}, []
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            names[call["id"]] = call["function"]["name"]
        if message["role"] == "tool":
            results.append((names.get(message["tool_call_id"], ""), text_in(message["content"])))
    return Seen([tool["function"]["name"] for tool in body.get("tools") or () if "function" in tool], results)


def chat_chunks(turn: Turn, body: dict[str, Any], number: int) -> Iterator[Any]:
    head = {"id": f"chat_{number}", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
    delta: dict[str, Any] = {"role": "assistant", "content": turn.text}
    if turn.tool:
        function = {"name": turn.tool, "arguments": json.dumps(dict(turn.arguments))}
        call = {"index": 0, "id": f"call_{number}", "type": "function", "function": function}
        delta = {"role": "assistant", "content": None, "tool_calls": [call]}
    yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    reason = "tool_calls" if turn.tool else "stop"
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage}


def gemini_seen(body: dict[str, Any]) -> Seen:
    results = []
    for content in body.get("contents", ()):
        for part in content.get("parts", ()):
            if "functionResponse" in part:
                answer = part["functionResponse"]
                results.append((answer["name"], "\n".join(map(str, answer["response"].values()))))
    declared = [each for tool in body.get("tools", ()) for each in tool.get("functionDeclarations", ())]
    return Seen([each["name"] for each in declared], results)


def gemini_chunk(turn: Turn) -> dict[str, Any]:
    part = {"functionCall": {"name": turn.tool, "args": dict(turn.arguments)}} if turn.tool else {"text": turn.text}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "fake"}


def text_in(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content or () if isinstance(part, dict))


class _Handler(BaseHTTPRequestHandler):
    """Answers in the API that the path belongs to."""

    protocol_version = "HTTP/1.1"
    results: list[tuple[str, str]]
    numbers = itertools.count(1)

    def do_GET(self) -> None:
        self._json({"object": "list", "data": [{"id": "fake", "object": "model"}]})

    def do_POST(self) -> None:
        body = self._body()
        answers = {
            "messages": self._anthropic,
            "responses": self._responses,
            "completions": self._chat,
            "fake:streamGenerateContent": lambda body, _: self._stream(
                [("", gemini_chunk(self._decide(gemini_seen(body))))]
            ),
            "fake:generateContent": lambda body, _: self._json(gemini_chunk(self._decide(gemini_seen(body)))),
        }
        answer = answers.get(self.path.partition("?")[0].rpartition("/")[2])
        if answer is None:
            self._json({})
        else:
            answer(body, next(self.numbers))

    def _anthropic(self, body: Any, number: int) -> None:
        turn = self._decide(anthropic_seen(body))
        if body.get("stream"):
            self._stream((kind, {"type": kind, **data}) for kind, data in anthropic_events(turn, body, number))
        else:
            self._json(anthropic_message(turn, body, number))

    def _responses(self, body: Any, number: int) -> None:
        events = responses_events(self._decide(responses_seen(body)), body, number)
        self._stream((kind, {"type": kind, **data}) for kind, data in events)

    def _gemini(self, body: Any) -> dict[str, Any]:
        return gemini_chunk(self._decide(gemini_seen(body)))

    def _chat(self, body: Any, number: int) -> None:
        chunks = list(chat_chunks(self._decide(chat_seen(body)), body, number))
        if body.get("stream"):
            self._stream([("", chunk) for chunk in chunks], "data: [DONE]\n\n")
        else:
            first, last = (chunk["choices"][0] for chunk in chunks)
            choice = {"index": 0, "message": first["delta"], "finish_reason": last["finish_reason"]}
            self._json({**chunks[-1], "object": "chat.completion", "choices": [choice]})

    def _decide(self, seen: Seen) -> Turn:
        if len(seen.results) > len(self.results):
            self.results[:] = seen.results
            time.sleep(THINKING)
        return decide(seen)

    def _body(self) -> Any:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        return json.loads(raw or b"{}")

    def _json(self, value: Any) -> None:
        self._send("application/json", json.dumps(value).encode())

    def _stream(self, events: Iterable[tuple[str, Any]], end: str = "") -> None:
        text = "".join(_event(kind, data) for kind, data in events)
        self._send("text/event-stream", (text + end).encode())

    def _send(self, kind: str, raw: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        pass


def _event(kind: str, data: Any) -> str:
    name = f"event: {kind}\n" if kind else ""
    return f"{name}data: {json.dumps(data)}\n\n"


class Model:
    """`results` are those of the tools that it called, each with the tool's name."""

    def __init__(self) -> None:
        self.results: list[tuple[str, str]] = []
        handler = type("Handler", (_Handler,), {"results": self.results})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
