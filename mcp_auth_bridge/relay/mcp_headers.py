"""The `Mcp-*` headers of MCP 2026-07-28, which repeat parts of a request's body for proxies that route by headers.

Source: specification 2026-07-28, basic/transports/streamable-http, "Request Metadata".
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from mcp_auth_bridge.http_syntax import is_field_value, is_token
from mcp_auth_bridge.relay.base import Message

MODERN_VERSIONS = ("2026-07-28",)
MODERN_ERRORS = frozenset({-32020, -32021, -32022})
"""Codes that only modern servers use (HeaderMismatch, MissingRequiredClientCapability, UnsupportedProtocolVersion)."""

VERSION_KEY = "io.modelcontextprotocol/protocolVersion"

# The parameter that `Mcp-Name` mirrors, by method. The last three belong to the Tasks extension.
_NAMED_BY = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
_ANNOTATION = "x-mcp-header"
_PRIMITIVE = frozenset({"string", "integer", "boolean"})

Annotations: TypeAlias = Mapping[str, tuple[str, ...]]
"""Header name → the path of the argument that it mirrors."""


class InvalidAnnotation(Exception):
    """Raised for a tool with an invalid `x-mcp-header`, which must not be shown to the client."""


def version_of(request: Message) -> str:
    """The version in the request's `_meta`. It is "" for requests of the legacy era, which do not name one."""
    return _version_in(request.params)


def _version_in(params: Mapping[str, Any]) -> str:
    meta = params.get("_meta")
    version = meta.get(VERSION_KEY) if isinstance(meta, dict) else None
    return version if isinstance(version, str) else ""


def standard_headers(request: Message) -> dict[str, str]:
    """The headers `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name`, if `request` has values for them."""
    method, params = request.method or "", request.params
    headers = {"mcp-method": encoded(method)}
    if version := _version_in(params):
        headers["mcp-protocol-version"] = encoded(version)
    name = params.get(_NAMED_BY.get(method, ""))
    if isinstance(name, str):
        headers["mcp-name"] = encoded(name)
    return headers


def parameter_headers(annotations: Annotations, arguments: Any) -> dict[str, str]:
    """The headers `Mcp-Param-*` of a tool call; none for an absent or null argument. Any: arguments are any JSON."""
    headers = {}
    for name, path in annotations.items():
        text = _text(_at(arguments, path))
        if text is not None:
            headers[f"mcp-param-{name.lower()}"] = encoded(text)
    return headers


def encoded(value: str) -> str:
    """`value` if a header can carry it, else its Base64 form ("Value Encoding")."""
    if is_field_value(value) and "\t" not in value and not _looks_encoded(value):
        return value
    return f"=?base64?{b64encode(value.encode('utf-8', 'surrogatepass')).decode()}?="


def _looks_encoded(value: str) -> bool:
    return value.lower().startswith("=?base64?") and value.endswith("?=")


def annotations_of(tool: Mapping[str, Any]) -> Annotations:
    """The annotations in a tool's `inputSchema`. Raises `InvalidAnnotation` with the reason."""
    try:
        return _annotations_in(tool.get("inputSchema"))
    except RecursionError:
        raise InvalidAnnotation("its schema is nested too deeply to look for an x-mcp-header") from None


def _annotations_in(schema: Any) -> Annotations:
    found: dict[str, tuple[str, ...]] = {}
    for name, path, parameter in _annotated(schema, ()):
        if not isinstance(name, str) or not is_token(name):
            raise InvalidAnnotation("an x-mcp-header is not a header name")
        if name.lower() in {known.lower() for known in found}:
            raise InvalidAnnotation(f"the x-mcp-header {name} occurs twice")
        if not _is_primitive(parameter.get("type")):
            raise InvalidAnnotation(
                f"the x-mcp-header {name} belongs to a parameter that is not a string, integer or boolean"
            )
        found[name] = path
    if len(found) != _count(schema):
        raise InvalidAnnotation("an x-mcp-header is not reached through properties alone")
    return found


def _annotated(schema: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...], Mapping[str, Any]]]:
    """The annotations that are reached through `properties` alone, each with its path and its parameter's schema."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for name, parameter in properties.items() if isinstance(properties, dict) else ():
        if isinstance(parameter, dict):
            if _ANNOTATION in parameter:
                yield parameter[_ANNOTATION], (*path, name), parameter
            yield from _annotated(parameter, (*path, name))


def _count(schema: Any) -> int:
    """The number of annotations anywhere in `schema`. Names of properties and literal values do not count."""
    if isinstance(schema, list):
        return sum(_count(item) for item in schema)
    if not isinstance(schema, dict):
        return 0
    total = int(_ANNOTATION in schema)
    for keyword, value in schema.items():
        if keyword in ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"):
            total += sum(_count(item) for item in value.values()) if isinstance(value, dict) else 0
        elif keyword not in ("const", "default", "enum", "example", "examples", _ANNOTATION):
            total += _count(value)
    return total


def _is_primitive(type_: Any) -> bool:
    """Whether `type_` is one primitive type, null aside: the specification leaves null open, and FastMCP adds it."""
    types = [kind for kind in type_ if kind != "null"] if isinstance(type_, list) else [type_]
    return len(types) == 1 and types[0] in _PRIMITIVE


def _at(arguments: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        arguments = arguments.get(name) if isinstance(arguments, dict) else None
    return arguments


def _text(value: Any) -> str | None:
    """A string, integer or boolean as a header writes it, None for anything else. Any: an argument is any JSON."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():  # to JSON Schema 42.0 is an integer as well
            return str(int(value))
        case str() | int():
            return str(value)
    return None
