"""The JSON Schema of the configuration file, made of the types that read it and of the explanations of their keys.

It holds what types and single keys can express. The rules between keys and the URL gate are the bridge's alone.
"""

import tomllib
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from mcp_auth_bridge.config.auth import Auth
from mcp_auth_bridge.config.config_file import NAME, ConfigFile, ServerTable
from mcp_auth_bridge.config.store import StoreSettings
from mcp_auth_bridge.reference.auth_keys import AUTH_KEYS
from mcp_auth_bridge.reference.key_text import KeyText
from mcp_auth_bridge.reference.server_keys import SERVER_KEYS
from mcp_auth_bridge.reference.store_keys import STORE_KEYS

_ALL = {**SERVER_KEYS, **AUTH_KEYS, **STORE_KEYS}
_DRAFT = "http://json-schema.org/draft-07/schema#"  # the newest that Taplo and VS Code both check
_HEADER_NAME = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
_FORMS = "Write env:NAME, file:PATH, command:PROGRAM ARGUMENT…, keyring:NAME, or text with ${NAME} in it."
_NEEDS = {
    "client_secret": ["client_id"],
    "private_key": ["client_id"],
    "auth_method": ["client_secret"],
    **{key: ["private_key"] for key in ("algorithm", "key_id", "assertion_audience")},
}
"""Keys that need another one, in the tables of a machine's client."""


def key_texts(shape: type) -> dict[str, KeyText]:
    """The explanations of the keys of the table that `shape` reads: its own and inherited ones, in their order."""
    known: dict[str, KeyText] = {}
    for base in reversed(shape.__mro__):
        known |= _ALL.get(base, {})
    fields = msgspec.structs.fields(shape)
    return {field.encode_name: known[field.encode_name] for field in fields}


def config_schema() -> dict[str, Any]:
    """The schema of the whole file. Any: JSON."""
    shapes = [ServerTable, *get_args(Auth), *get_args(StoreSettings)]
    _, components = msgspec.json.schema_components(shapes, ref_template="#/definitions/{name}")
    types = {shape.__name__: shape for shape in (*shapes, *_inner_shapes())}
    definitions = {name: _explained(components[name], types[name]) for name in sorted(components)}
    definitions["Auth"] = _choice(Auth)
    definitions["Store"] = _choice(StoreSettings)
    definitions["BrowserSettings"]["required"] = []  # the kind of a table without one
    _tighten(definitions)
    texts = key_texts(ConfigFile)
    servers = {
        "type": "object",
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "additionalProperties": {"$ref": "#/definitions/ServerTable"},
    }
    return {
        "$schema": _DRAFT,
        "title": "mcp-auth-bridge config.toml",
        "type": "object",
        "properties": {
            "store": _with_text({"$ref": "#/definitions/Store"}, texts["store"]),
            "servers": _with_text(servers, texts["servers"]),
        },
        "additionalProperties": False,
        "definitions": definitions,
    }


def schema_text() -> str:
    """The schema as the text of a file."""
    return msgspec.json.format(msgspec.json.encode(config_schema()), indent=2).decode() + "\n"


def _inner_shapes() -> list[type]:
    """The types of tables within tables."""
    return [shape for shape in _ALL if issubclass(shape, msgspec.Struct)]


def _explained(schema: Mapping[str, Any], shape: type) -> dict[str, Any]:
    """The `schema` of `shape` with the explanation of each key."""
    texts = key_texts(shape)
    properties = {
        key: _with_text(each, texts[key]) if key in texts else each for key, each in schema["properties"].items()
    }
    own = {key: value for key, value in schema.items() if key != "title"} | {"properties": properties}
    if "description" in own:
        # Python 3.13 and later keep docstrings without their indentation.
        own["description"] = "\n".join(line.strip() for line in own["description"].splitlines())
    return own


def _with_text(schema: Mapping[str, Any], text: KeyText) -> dict[str, Any]:
    says = f"{text.whole} {_FORMS}" if text.is_reference else text.whole
    own = {key: value for key, value in schema.items() if key != "default" or value not in ({}, [], "")}
    if "$ref" in own:  # draft 7 ignores what stands beside a reference
        own = {"allOf": [{"$ref": own["$ref"]}]}
    return own | {"description": says, "examples": [tomllib.loads(f"value = {text.example}")["value"]]}


def _choice(union: Any) -> dict[str, Any]:
    """The schema of a table with a `kind`. Any: a union of types."""
    return {"anyOf": [{"$ref": f"#/definitions/{shape.__name__}"} for shape in get_args(union)]}


def _tighten(definitions: dict[str, Any]) -> None:
    """Add the rules that the types do not hold, and that a schema can express."""
    server = definitions["ServerTable"]["properties"]
    server["url"]["pattern"] = "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s/@]+(/[^\\s]*)?$"
    server["auth"] = {key: value for key, value in server["auth"].items() if key != "type"}
    server["auth"]["allOf"] = [{"$ref": "#/definitions/Auth"}]
    for headers in (server["headers"], definitions["HeaderSettings"]["properties"]["headers"]):
        headers["propertyNames"] = {"pattern": _HEADER_NAME}
    definitions["HeaderSettings"]["properties"]["headers"]["minProperties"] = 1
    for name in ("BrowserSettings", "DeviceSettings"):
        definitions[name]["dependencies"] = {"client_id": ["issuer"], "client_secret": ["client_id"]}
    for name, schema in definitions.items():
        if "private_key" in schema.get("properties", {}):
            schema["dependencies"] = dict(_NEEDS) | {
                "algorithm": ["private_key"],
                "assertion_audience": ["private_key"],
            }
            schema["anyOf"] = [{"required": ["issuer"]}, {"required": ["token_endpoint"]}]
            if name == "ClientCredentialsSettings":
                schema["required"] = [*schema["required"], "client_id"]
