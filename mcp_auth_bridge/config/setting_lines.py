"""The lines of the configuration file in which the settings of one server are."""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_auth_bridge.config import toml
from mcp_auth_bridge.errors import ConfigError


def setting_lines(text: str, name: str) -> Mapping[str, int]:
    """The keys in the table of the server `name`, as `auth.kind`, with the numbers of their lines, from 1.

    A table in a nested table has one number for all of it. Empty if `text` has no such table.
    """
    try:
        keys = [*_keys(toml.parse(text, "")["servers"][name])]
    except (ConfigError, KeyError, TypeError, AttributeError):
        return {}
    lines = {".".join(key): toml.find_line(text, ("servers", name, *key)) for key in keys}
    return {key: line for key, line in lines.items() if line is not None}


def _keys(table: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:  # Any: TOML
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from ((key, inner) for inner in value)
        else:
            yield (key,)
