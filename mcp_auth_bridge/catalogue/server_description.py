"""Documents that describe a server: the MCP registry's `server.json` and MCP Server Cards.

Sources: schemas/2025-12-11/server.schema.json of modelcontextprotocol/static; schema.ts of
modelcontextprotocol/experimental-ext-server-card (SEP-2127, 2026-07-24); for `transport` at the top of a card, the
first draft (SEP-1649), which servers publish at `/.well-known/mcp/server-card.json`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args
from urllib.parse import urljoin

from mcp_auth_bridge.catalogue.remote_server import HeaderTemplate, RemoteServer, Transport, Variable
from mcp_auth_bridge.config.config_file import NAME
from mcp_auth_bridge.errors import ConfigError, printable

LIMIT = 256 * 1024
"""Bytes of a document; the registry's largest have 20 KiB."""

_MOST = 32  # remotes, headers and variables of one document
_LONGEST = 400  # characters of a text for people
_LONGEST_VALUE = 4096  # characters of a URL, a value or a default

_HINT = "give the URL of the server itself: mcp-auth-bridge add NAME https://…"


def parse_description(data: bytes, source: str) -> tuple[RemoteServer, ...]:
    """The endpoints in the document `data`, which is at `source`: a URL, or a path. Raises `ConfigError`.

    Members that it does not know are skipped, and so are endpoints without a URL.
    """
    document = _table(_parsed(data, source))
    if "server" in document:
        document = _table(document["server"])  # the registry's API wraps it
    name, title = _names(document)
    found = tuple(_endpoints(document, name, title, source))
    if not found:
        what = "starts local programs only" if document.get("packages") else "names no endpoint"
        raise ConfigError(f"the description at {source} {what}", _HINT)
    return found


def _parsed(data: bytes, source: str) -> Any:  # Any: JSON
    if len(data) > LIMIT:
        raise ConfigError(f"the description at {source} is larger than {LIMIT // 1024} KiB", _HINT)
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise ConfigError(f"{source} is not JSON", _HINT) from None


def _names(document: Mapping[str, Any]) -> tuple[str, str]:
    """The short name for the configuration, and the name for people."""
    info = _table(document.get("serverInfo"))
    whole = _text(document.get("name")) or _text(info.get("name"))
    namespace, _, last = whole.rpartition("/")
    general = last.lower() in ("", "mcp", "server", "mcp-server")
    short = namespace.rpartition(".")[2] if general and namespace else last
    short = re.sub(r"[^A-Za-z0-9._-]+", "-", short).strip("._-")[:60]
    title = _text(document.get("title")) or _text(info.get("title")) or whole
    return (short if NAME.fullmatch(short) else ""), title


def _endpoints(document: Mapping[str, Any], name: str, title: str, source: str) -> Iterator[RemoteServer]:
    for remote in map(_table, _list(document.get("remotes"))):
        yield from _endpoint(remote, _value(remote.get("url")), name, title)
    transport = _table(document.get("transport"))
    endpoint = _value(transport.get("endpoint")) or _value(transport.get("url"))
    if endpoint and "://" in source:
        yield from _endpoint(transport, urljoin(source, endpoint), name, title)


def _endpoint(remote: Mapping[str, Any], url: str, name: str, title: str) -> Iterator[RemoteServer]:
    transport: Transport = "sse" if remote.get("type") == "sse" else "streamable-http"
    kinds = (*get_args(Transport), "http", None)
    if url and remote.get("type") in kinds:
        headers = tuple(each for header in _list(remote.get("headers")) for each in _header(_table(header)))
        yield RemoteServer(name, title or url, url, transport, headers, _variables(remote.get("variables")))


def _header(header: Mapping[str, Any]) -> Iterator[HeaderTemplate]:
    name = _text(header.get("name"))
    if not name:
        return
    value = _value(header.get("value"))
    if value:
        yield HeaderTemplate(name, value, _variables(header.get("variables")))
    else:  # the header's value is the variable
        yield HeaderTemplate(name, f"{{{name}}}", (_variable(name, header),))


def _variables(table: object) -> tuple[Variable, ...]:
    named = [*_table(table).items()][:_MOST]
    return tuple(_variable(_text(name), _table(each)) for name, each in named)


def _variable(name: str, table: Mapping[str, Any]) -> Variable:
    return Variable(
        name,
        _text(table.get("description")) or _text(table.get("placeholder")),
        is_secret=table.get("isSecret") is True,
        is_required=table.get("isRequired") is True,
        default=_value(table.get("value")) or _value(table.get("default")),
        choices=tuple(filter(None, map(_value, _list(table.get("choices"))))),
    )


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value[:_MOST] if isinstance(value, list) else []


def _text(value: object) -> str:
    """Foreign text for people, on one line."""
    return " ".join(printable(value[: 4 * _LONGEST]).split())[:_LONGEST] if isinstance(value, str) else ""


def _value(value: object) -> str:
    """A text that is used as it is; "" if it is none, too long or not printable."""
    return value if isinstance(value, str) and len(value) <= _LONGEST_VALUE and value.isprintable() else ""
