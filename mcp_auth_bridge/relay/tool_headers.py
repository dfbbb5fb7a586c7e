"""The headers that the calls of each tool need, learned from lists of tools (MCP 2026-07-28)."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from mcp_auth_bridge.errors import quoted
from mcp_auth_bridge.relay.base import Message, decoded
from mcp_auth_bridge.relay.mcp_headers import Annotations, InvalidAnnotation, annotations_of, parameter_headers

_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])


class InvalidTool(msgspec.Struct, frozen=True):
    """A tool whose `x-mcp-header` breaks a rule: its index in the list, its name quoted for the log, and the rule."""

    index: int
    name: str
    reason: str


class ToolHeaders:
    """Knows the annotated tools of all pages. A tool that is listed again replaces the earlier one."""

    def __init__(self) -> None:
        self._tools: dict[str, Annotations] = {}

        # Whether any tool asks for headers. Those of most servers do not, so their calls need not be decoded.
        self.are_annotated = False

    def of(self, call: Message) -> dict[str, str]:
        """The `Mcp-Param-*` headers of a `tools/call`, {} for a tool that was never listed."""
        params = call.params
        name = params.get("name")
        annotations = self._tools.get(name, {}) if isinstance(name, str) else {}
        return parameter_headers(annotations, params.get("arguments"))

    def learn(self, listed: Message) -> list[InvalidTool]:
        """Learn from `listed`, the reply to a `tools/list`. Returns its tools with an invalid annotation."""
        invalid = []
        for index, tool in enumerate(_tools_in(listed)):
            try:
                self._learn(tool)
            except InvalidAnnotation as reason:
                invalid.append(InvalidTool(index, quoted(str(tool.get("name")), 80), str(reason)))
        return invalid

    def _learn(self, tool: Any) -> None:
        """Any: an element of the server's list, which need not be a tool. The client judges that."""
        if isinstance(tool, dict):
            name = str(tool.get("name"))
            self._tools.pop(name, None)
            if annotations := annotations_of(tool):
                self._tools[name] = annotations
                self.are_annotated = True


def result_in(reply: Message) -> dict[str, Any] | None:
    """The decoded result, None if it is an error or not an object. Any: JSON."""
    value = decoded(reply.raw)
    result = value.get("result") if isinstance(value, dict) else None
    return result if isinstance(result, dict) else None


def _tools_in(listed: Message) -> list[Any]:
    """The tools in the reply to a `tools/list`, [] if they are missing or not an array. Any: any JSON."""
    tools = (result_in(listed) or {}).get("tools")
    return tools if isinstance(tools, list) else []


def without(listed: Message, invalid: Iterable[InvalidTool]) -> Message:
    """`listed` without its `invalid` tools. The others keep their bytes, and so does a list that has none of them."""
    hidden = {tool.index for tool in invalid}
    return msgspec.structs.replace(listed, raw=_without(listed.raw, hidden)) if hidden else listed


def _without(raw: bytes, hidden: set[int]) -> bytes:
    try:
        body = _object_decoder.decode(raw)
        result = _object_decoder.decode(body["result"])
        tools = _list_decoder.decode(result["tools"])
    except msgspec.DecodeError:  # an escape of a lone surrogate, which msgspec refuses and Python's parser takes
        reply = decoded(raw)
        reply["result"]["tools"] = _others(reply["result"]["tools"], hidden)
        return json.dumps(reply).encode()
    result["tools"] = msgspec.Raw(msgspec.json.encode(_others(tools, hidden)))
    body["result"] = msgspec.Raw(msgspec.json.encode(result))
    return msgspec.json.encode(body)


def _others(tools: list[Any], hidden: set[int]) -> list[Any]:
    return [tool for index, tool in enumerate(tools) if index not in hidden]
