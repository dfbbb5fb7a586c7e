"""The `Mcp-*` headers of MCP 2026-07-28, which repeat parts of a request's body for proxies that route by headers.

Source: specification 2026-07-28, basic/transports/streamable-http, "Request Metadata".
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from mcp_auth_bridge.http_syntax import is_field_value, is_token
from mcp_auth_bridge.relay.base import Message

MODERN_VERSIONS = ("2026-07-28",)
MODERN_ERRORS = frozenset({-32020, -32021, -32022})
"""Codes that only modern servers use (HeaderMismatch, MissingRequiredClientCapability, UnsupportedProtocolVersion)."""

VERSION_KEY = "io.modelcontextprotocol/protocolVersion"

# The field of `_Params` that `Mcp-Name` mirrors, by method. The last three belong to the Tasks extension.
_NAMED_BY = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "task",
    "tasks/update": "task",
    "tasks/cancel": "task",
}
_ANNOTATION = "x-mcp-header"
_PRIMITIVE = frozenset({"string", "integer", "boolean"})

Annotations: TypeAlias = Mapping[str, tuple[str, ...]]
"""Header name → the path of the argument that it mirrors."""


class InvalidAnnotation(Exception):
    """Raised for a tool with an invalid `x-mcp-header`, which must not be shown to the client."""


def version_of(request: Message) -> str:
    """The version in the request's `_meta`. It is "" for requests of the legacy era, which do not name one."""
    return _version_in(_params_of(request).meta)


class _Params(msgspec.Struct):
    """The parameters that headers repeat. Any: any JSON."""

    meta: Any = msgspec.field(name="_meta", default=None)
    name: Any = None
    uri: Any = None
    task: Any = msgspec.field(name="taskId", default=None)


class _Request(msgspec.Struct):
    params: _Params | None = None


_decoder = msgspec.json.Decoder(_Request)


def _params_of(request: Message) -> _Params:
    """The parameters without the arguments beside them, which may be large."""
    try:
        return _decoder.decode(request.raw).params or _Params()
    except (msgspec.DecodeError, RecursionError):  # params that are an array, an escape of a lone surrogate
        params = request.params
        return _Params(*map(params.get, ("_meta", "name", "uri", "taskId")))


def _version_in(meta: Any) -> str:
    """Any: the request's `_meta` is any JSON."""
    version = meta.get(VERSION_KEY) if isinstance(meta, dict) else None
    return version if isinstance(version, str) else ""


def standard_headers(request: Message) -> dict[str, str]:
    """The headers `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name`, if `request` has values for them."""
    method, params = request.method or "", _params_of(request)
    headers = {"mcp-method": encoded(method)}
    if version := _version_in(params.meta):
        headers["mcp-protocol-version"] = encoded(version)
    name = getattr(params, _NAMED_BY[method]) if method in _NAMED_BY else None
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
