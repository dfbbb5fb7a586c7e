"""TOML as a person wrote it: what it says, and on which line it says so."""

import tomllib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from mcp_auth_bridge.errors import ConfigError


def parsed(text: str, source: str) -> dict[str, Any]:
    """What `text` says. Any: TOML. Raises `ConfigError`, with line and column, for what is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not valid TOML: {error}", f"correct that line of {source}") from None
    except RecursionError:
        raise ConfigError(f"{source} is not valid TOML: it is nested too deeply", f"correct {source}") from None


def line_of(text: str, keys: Sequence[str]) -> int | None:
    """The line, from 1, on which the first statement begins that makes `keys` exist, each in the table before it.

    None if none does. `text` is valid TOML. The parser names no lines; but whatever ends after a whole statement parses
    too, so the shortest beginning of `text` that has `keys` ends with that statement.
    """
    lines = text.replace("\r\n", "\n").split("\n")

    def whole(count: int) -> int:
        """Of `count` lines the most that are whole statements."""
        while _attempt(lines[:count]) is None:
            count -= 1
        return count

    def has(count: int) -> bool:
        return _holds(_attempt(lines[: whole(count)]) or {}, keys)

    end = bisect_left(range(len(lines) + 1), True, key=has)
    return None if end > len(lines) else whole(end - 1) + 1


def _attempt(lines: Sequence[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads("\n".join(lines))
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _holds(table: Any, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return True
