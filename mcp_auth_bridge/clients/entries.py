"""A client's configuration file → its entries, one for each server, in the one form that all clients share."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from mcp_auth_bridge.clients.client import Client, ConfigFile, Place
from mcp_auth_bridge.clients.documents import parse
from mcp_auth_bridge.secret import Secret

_MOST = 1000
"""The most entries of one file that are read: a project's file may be hostile."""


class Entry(msgspec.Struct, frozen=True):
    """One server in a client's configuration."""

    # The client.
    client: Client
    # The kind of file that it stands in.
    file: ConfigFile
    # The path of that file.
    path: str
    # Its name there.
    name: str
    # The words that start it, () for a server that the client reaches by itself.
    argv: tuple[str, ...] = ()
    # The variables that are added to the client's own.
    env: Mapping[str, Secret] = {}
    # The names of variables that the client passes on (`env_vars` of Codex).
    forwards: tuple[str, ...] = ()
    # A file with more variables, "" for none.
    env_file: str = ""
    # The folder that it starts in, "" for the client's choice.
    cwd: str = ""
    # Whether the client leaves it out.
    disabled: bool = False
    # The URL of a server that the client reaches by itself, "" for one that it starts.
    url: str = ""

    @property
    def is_of_project(self) -> bool:
        """Whether it comes from the folder of a project, which another person may have written."""
        return self.file.place is Place.WORKSPACE


def read_entries(client: Client, file: ConfigFile, path: str, text: str) -> list[Entry]:
    """The entries in `text`, the content of `path`. Raises `ConfigError` if it cannot be parsed.

    What does not look like an entry is left out: clients have other settings in the same tables.
    """
    document = parse(text, file.format)
    items = islice((item for keys in file.tables for item in _items(document, keys)), _MOST)
    entries = (_entry(client, file, path, name, table) for name, table in items)
    return [entry for entry in entries if entry is not None]


def _items(document: Any, keys: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The tables in the table with the path `keys`, by name. Any: JSON."""
    if not isinstance(document, dict):
        return
    if not keys:
        yield from ((name, table) for name, table in document.items() if isinstance(table, dict))
        return
    for table in document.values() if keys[0] == "*" else [document.get(keys[0])]:
        yield from _items(table, keys[1:])


def _entry(client: Client, file: ConfigFile, path: str, name: str, table: Mapping[str, Any]) -> Entry | None:
    inner = table.get("transport")  # Cline's other form
    told = {**table, **inner} if isinstance(inner, dict) else table
    argv = _argv(told)
    url = next((told[key] for key in ("url", "serverUrl", "httpUrl") if isinstance(told.get(key), str)), "")
    if not argv and not url:
        return None
    return Entry(
        client,
        file,
        path,
        name,
        argv,
        _variables(told),
        tuple(_words(told.get("env_vars"))),
        _text(told.get("envFile")),
        _text(told.get("cwd")),
        told.get("disabled") is True or told.get("enabled") is False,
        "" if argv else url,
    )


def _argv(table: Mapping[str, Any]) -> tuple[str, ...]:
    """The words of the command: a word and a list (most clients), one list (opencode), or a table (older Zed)."""
    match table.get("command") or table.get("cmd"):  # Goose
        case str(command) if command:
            return (command, *_words(table.get("args")))
        case list(words):
            return tuple(_words(words))
        case {"path": str(command), **rest}:
            return (command, *_words(rest.get("args")))
    return ()


def _variables(table: Mapping[str, Any]) -> dict[str, Secret]:
    command = table.get("command")
    named = (table.get(key) for key in ("env", "environment", "envs"))
    places = (*named, command.get("env") if isinstance(command, dict) else None)
    env = next((place for place in places if isinstance(place, dict)), {})
    return {name: Secret(str(value)) for name, value in env.items() if isinstance(value, str | int | float)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _words(value: Any) -> list[str]:
    return [str(word) for word in value if isinstance(word, str | int | float)] if isinstance(value, list) else []
