"""The reference of the configuration file as Markdown, from the same source as its schema."""

from collections.abc import Iterable, Iterator
from typing import Any, get_args

import msgspec

from mcp_auth_bridge.config.auth import Auth
from mcp_auth_bridge.config.config_file import ConfigFile, ServerTable
from mcp_auth_bridge.config.login import BrowserSettings
from mcp_auth_bridge.config.machine import ClientCredentialsSettings
from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.config.store import StoreSettings
from mcp_auth_bridge.reference.config_schema import key_texts

_MODELS = (BrowserSettings, ClientCredentialsSettings)
"""The kinds that are explained in full, in place of all that have the same keys and more."""

_WORDS = {"string": "text", "boolean": "true or false", "integer": "whole number", "number": "number", "array": "list"}

_HEAD = """\
# Configuration reference

`tests/support/config_documents.py` generates this page and [config.schema.json](config.schema.json) from the types that
read `config.toml`. [config.example.toml](../config.example.toml) shows every key in its place.

`mcp-auth-bridge add` writes the file, `mcp-auth-bridge edit` opens it in your editor and checks it afterwards, and
`mcp-auth-bridge status` prints its path. Each server is a table of its own. The bridge reports a mistake with its line,
and a mistake in the table of one server concerns that server only. `add` puts the schema beside a new file, so that
editors with a TOML language server (Even Better TOML, Taplo) complete the keys and check them.

*A reference* says where a secret is: `env:NAME` (an environment variable), `file:PATH` (the content of a file),
`command:PROGRAM ARGUMENT…` (the output of a program), `keyring:NAME` (stored by `mcp-auth-bridge secret NAME`), or text
in which `${NAME}` and `${NAME:-DEFAULT}` stand for environment variables. `literal:TEXT` is TEXT, unchanged.
"""


def config_page() -> str:
    """The text of docs/configuration.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    yield from _section("The file", ConfigFile)
    yield from _section("`[servers.NAME]`", ServerTable)
    yield from _section("`[servers.NAME.network]`", NetworkSettings)
    yield from _section("`[servers.NAME.relay]`", RelaySettings)
    yield "## `[servers.NAME.auth]`\n"
    yield "`kind` decides which other keys there are. Without `kind` it is `browser`.\n"
    for shape in get_args(Auth):
        yield from _kind(shape, next((model for model in _MODELS if issubclass(shape, model.__bases__)), shape))
    yield "## `[store]`\n"
    yield "`kind` decides which other keys there are. Without the table it is `keyring`.\n"
    for shape in get_args(StoreSettings):
        yield from _kind(shape, shape)


def _section(title: str, shape: type) -> Iterator[str]:
    yield f"## {title}\n"
    yield from _table(msgspec.structs.fields(shape), shape)


def _kind(shape: type, model: type) -> Iterator[str]:
    """One kind: all its keys, or those that it has besides the keys of the kind `model`."""
    yield f'### `kind = "{_tag(shape)}"`\n'
    yield f"{_first_paragraph(shape)}\n"
    fields = {field.name: field for field in msgspec.structs.fields(shape)}
    if shape is not model:
        others = [f"`{field.name}`" for field in msgspec.structs.fields(model) if field.name not in fields]
        for field in msgspec.structs.fields(model):
            fields.pop(field.name, None)
        but = f", but not {', '.join(others)}" if others else ""
        yield f"The keys of `{_tag(model)}`{but}{', and:' if fields else '.'}\n"
    yield from _table(fields.values(), shape)


def _tag(shape: type) -> str:
    return str(shape.__struct_config__.tag)  # type: ignore[attr-defined]  # a Struct has it


def _first_paragraph(shape: type) -> str:
    return " ".join((shape.__doc__ or "").partition("\n\n")[0].split())


def _table(fields: Iterable[Any], shape: type) -> Iterator[str]:
    rows = [_row(field, shape) for field in fields]
    if rows:
        yield "| key | type | default | meaning | example |"
        yield "| --- | --- | --- | --- | --- |"
        yield from rows
        yield ""


def _row(field: Any, shape: type) -> str:
    text = key_texts(shape)[field.encode_name]
    meaning = f"{text.whole} A reference." if text.is_reference else text.whole
    cells = (f"`{field.encode_name}`", _type(field.type), _default(field), meaning, f"`{text.example}`")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(kind: Any) -> str:
    schema = msgspec.json.schema(kind)
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"] if value)
    choices = schema.get("anyOf", [schema])
    words = [_WORDS.get(each.get("type", ""), "table") for each in choices if each.get("type") != "null"]
    return " or ".join(dict.fromkeys(words))


def _default(field: Any) -> str:
    if field.required:
        return "required"
    match field.default:
        case bool() as flag:
            return f"`{str(flag).lower()}`"
        case str() as text if text:
            return f"`{text}`"
        case int() | float() as number:
            return f"`{number}`"
    return "none"
