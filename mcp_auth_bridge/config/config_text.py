"""The text of the configuration file, with one server more or less: every other byte stays as it is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from mcp_auth_bridge.config import toml
from mcp_auth_bridge.errors import ConfigError

_SERVERS = "servers"


def server_block(name: str, table: Mapping[str, Any]) -> str:
    """The lines that describe the server `name`, as they stand in the file. Any: TOML."""
    import tomlkit  # only for changes of the file

    lines = [f"{tomlkit.key(key).as_string()} = {_written(value)}\n" for key, value in table.items()]
    return f"[{tomlkit.key([_SERVERS, name]).as_string()}]\n{''.join(lines)}"


def _written(value: Any) -> str:
    """`value` as it stands behind the equals sign, on one line."""
    import tomlkit

    if not isinstance(value, Mapping):
        return str(tomlkit.item(value).as_string())
    pairs = [f"{tomlkit.key(key).as_string()} = {_written(each)}" for key, each in value.items()]
    return f"{{ {', '.join(pairs)} }}" if pairs else "{}"


def with_server(text: str, name: str, table: Mapping[str, Any]) -> str:
    """`text`, valid TOML without the server `name`, with that server at its end.

    Raises `ConfigError` if the server cannot be added without a change of something else. The new lines end as the
    others do. Any: TOML.
    """
    before = toml.parse(text, "the file")
    known = before.get(_SERVERS, {})
    end = _line_end(text)
    gap = end if text and not text.endswith("\n") else ""
    gap += end if text.strip() else ""
    added = text + gap + server_block(name, table).replace("\n", end)
    wanted = {**before, _SERVERS: {**known, name: dict(table)}} if isinstance(known, dict) else None
    if _is(added, wanted):
        return added
    added = _with_inline_server(text, name, table)  # `servers = { … }` takes no table of its own
    if _is(added, wanted):
        return added
    raise ConfigError("the server cannot be added without changing other lines", "add it by hand")


def _with_inline_server(text: str, name: str, table: Mapping[str, Any]) -> str:
    """`text` with the server in its inline table `servers`; the same `text` if it has none."""
    import tomlkit
    from tomlkit.items import InlineTable

    document = tomlkit.parse(text)
    servers = document.get(_SERVERS)
    if not isinstance(servers, InlineTable):
        return text
    servers.append(name, tomlkit.value(_written(table)))
    return document.as_string()


def without_server(text: str, name: str) -> str:
    """`text`, valid TOML, without the server `name`, which it has.

    The lines of its tables go, with the comments between them. Comments before and after them stay.
    """
    before = toml.parse(text, "the file")
    servers = {key: value for key, value in before[_SERVERS].items() if key != name}
    removed = "".join(_kept(list(_statements(text)), (_SERVERS, name)))
    outside = {key: value for key, value in before.items() if key != _SERVERS}
    if _is(removed, {**outside, _SERVERS: servers}) or (not servers and _is(removed, outside)):
        return removed
    return _without_inline_server(text, name)


def _without_inline_server(text: str, name: str) -> str:
    """`text` without the server `name` in its inline table `servers`."""
    import tomlkit

    document = tomlkit.parse(text)
    document[_SERVERS].remove(name)
    return document.as_string()


class _Statement(msgspec.Struct, frozen=True):
    """Whole lines: one statement, one comment or one blank line."""

    # The lines, with their ends.
    lines: str
    # The paths of the keys that it creates, from the top of the file.
    creates: tuple[tuple[str, ...], ...]
    # Whether it begins a table.
    is_header: bool = False

    @property
    def is_blank(self) -> bool:
        return not self.lines.strip()

    def is_about(self, place: tuple[str, ...]) -> bool:
        return bool(self.creates) and all(path[: len(place)] == place for path in self.creates)


def _statements(text: str) -> Iterator[_Statement]:
    """The statements of `text`. Each is valid TOML on its own, so lines are taken until they are valid."""
    table: tuple[str, ...] = ()
    taken = ""
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        taken += line
        parsed = _parsed(taken)
        if parsed is None:
            continue
        if taken.lstrip().startswith("["):
            table = _first_path(parsed)
            yield _Statement(taken, (table,), is_header=True)
        else:
            yield _Statement(taken, tuple((*table, *path) for path in _paths(parsed)))
        taken = ""


def _kept(statements: Sequence[_Statement], place: tuple[str, ...]) -> Iterator[str]:
    """The lines without the statements about `place`, and without comments and blank lines between those.

    The blank line before a table goes with it.
    """
    about = [each.is_about(place) for each in statements]
    gone = set()
    last = None
    for number, statement in enumerate(statements):
        if about[number]:
            between = range(number, number) if last is None else range(last + 1, number)
            gone |= {number, *between}
            last = number
            if statement.is_header and number and statements[number - 1].is_blank:
                gone.add(number - 1)
        elif statement.creates:
            last = None
    return (statement.lines for number, statement in enumerate(statements) if number not in gone)


def _first_path(parsed: Any) -> tuple[str, ...]:
    """The path of the one table that a header creates. Any: TOML."""
    path: tuple[str, ...] = ()
    while parsed:
        if isinstance(parsed, list):
            parsed = parsed[0]
            continue
        key = next(iter(parsed))
        path, parsed = (*path, key), parsed[key]
    return path


def _paths(parsed: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The paths of the keys in `parsed`, at most three deep: the place of a server's setting. Any: TOML."""
    for key, value in parsed.items():
        if isinstance(value, dict) and value:
            yield from ((key, *rest) for rest in _paths(value))
        else:
            yield (key,)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return toml.parse(text, "")
    except ConfigError:
        return None


def _is(text: str, wanted: Mapping[str, Any] | None) -> bool:
    return wanted is not None and _parsed(text) == wanted


def _line_end(text: str) -> str:
    """The end of the first line of `text`."""
    first, newline, _ = text.partition("\n")
    return "\r\n" if newline and first.endswith("\r") else "\n"
