"""The requests for input in a result of MCP 2026-07-28, as the requests that a client of an earlier revision gets.

Source: specification 2026-07-28, basic/patterns/mrtr; client/elicitation, client/sampling, client/roots.
"""

from typing import Any, TypeAlias

import msgspec

from mcp_auth_bridge.errors import InputRefused, TheirProtocolError, quoted
from mcp_auth_bridge.relay.base import Message
from mcp_auth_bridge.relay.legacy_client import FIRST_WITH_URLS_AND_TOOLS
from mcp_auth_bridge.relay.modern_requests import CAPABILITIES_KEY

ELICITATION = "elicitation/create"
CANCELLED = {"action": "cancel"}
"""The answer to an elicitation that nobody has answered."""

_SAMPLING = "sampling/createMessage"
_ROOTS = "roots/list"

Capabilities: TypeAlias = dict[str, Any]
"""The client's capabilities, as in the `_meta` of its requests. Any: JSON."""


class InputRequest(msgspec.Struct, frozen=True):
    """One entry of `inputRequests`: a request for the client. Any: JSON."""

    method: str
    params: dict[str, Any]

    @property
    def is_by_url(self) -> bool:
        """Whether the user is asked to open a URL."""
        return self.method == ELICITATION and self.params.get("mode") == "url"


class Question(msgspec.Struct, frozen=True):
    """What the client is asked: `request` as the message `asked`.

    `number` is that of the exchange to which it belongs, `name` its key in `inputRequests`.
    """

    number: int
    name: str
    request: InputRequest
    asked: Message


def capabilities_in(request: Message) -> Capabilities:
    """The client's capabilities in the `_meta` of `request`."""
    meta = request.params.get("_meta")
    capabilities = meta.get(CAPABILITIES_KEY) if isinstance(meta, dict) else None
    return capabilities if isinstance(capabilities, dict) else {}


def declared(entry: Any, capabilities: Capabilities) -> InputRequest:
    """`entry` of `inputRequests`, which asks for something that the client has declared. Any: any JSON.

    Raises `InputRefused` for an entry of another kind, and `TheirProtocolError` for one that is not a request.
    """
    method = entry.get("method") if isinstance(entry, dict) else None
    params = entry.get("params", {}) if isinstance(entry, dict) else None
    if not isinstance(method, str) or not isinstance(params, dict):
        raise TheirProtocolError("the server asked for input with an entry that is not a request")
    request = InputRequest(method, params)
    needed = _needed(request)
    if not needed:
        raise TheirProtocolError(f"the server asked for input with the unknown method {quoted(method, 80)}")
    inner: Any = capabilities
    for name in needed:
        inner = inner.get(name) if isinstance(inner, dict) else None
        if not isinstance(inner, dict):
            raise InputRefused(
                f"the server needs {'.'.join(needed)} for this request, which the MCP client does not offer",
                "use an MCP client that does",
            )
    return request


def _needed(request: InputRequest) -> tuple[str, ...]:
    """The path of the capability that `request` needs, () for an unknown method."""
    match request.method:
        case "elicitation/create":
            return ("elicitation", "url" if request.is_by_url else "form")
        case "sampling/createMessage":
            return ("sampling", "tools") if {"tools", "toolChoice"} & request.params.keys() else ("sampling",)
        case "roots/list":
            return ("roots",)
    return ()


def as_older(request: InputRequest, revision: str) -> InputRequest | None:
    """`request` for a client of `revision`, None for a form that the revision cannot express."""
    if revision >= FIRST_WITH_URLS_AND_TOOLS:
        return request
    if request.method == _SAMPLING:
        return InputRequest(_SAMPLING, {**request.params, "messages": _messages(request.params.get("messages"))})
    if request.method == _ROOTS:
        return request
    schema = request.params.get("requestedSchema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(schema, dict) or not isinstance(properties, dict):
        return request
    fields = {name: _older_field(field) for name, field in properties.items()}
    if None in fields.values():
        return None
    params = {name: value for name, value in request.params.items() if name != "mode"}
    return InputRequest(ELICITATION, {**params, "requestedSchema": {**schema, "properties": fields}})


def _older_field(field: Any) -> Any:
    """One field of a form as 2025-06-18 has it, None for a choice of several values. Any: any JSON."""
    if not isinstance(field, dict):
        return field
    if field.get("type") == "array":
        return None
    options = field.get("oneOf")
    if not isinstance(options, list) or not all(isinstance(option, dict) for option in options):
        return field
    kept = {name: value for name, value in field.items() if name != "oneOf"}
    values = [option.get("const") for option in options]
    titles = [option.get("title", option.get("const")) for option in options]
    return {**kept, "enum": values, "enumNames": titles}


def _messages(messages: Any) -> Any:
    """The messages for sampling with one block of content each: only 2025-11-25 allows several. Any: any JSON."""
    if not isinstance(messages, list):
        return messages
    single: list[Any] = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        single += [{**message, "content": block} for block in content] if isinstance(content, list) else [message]
    return single


def refused_error(method: str, error: Any) -> InputRefused:
    """The error for a client that answers `method` with the JSON-RPC error `error`. Any: any JSON."""
    said = error.get("message") if isinstance(error, dict) else None
    words = f": {quoted(said)}" if isinstance(said, str) else ""
    return InputRefused(f"the MCP client refused the server's {method}{words}")
