"""The bridge's entries in the file of a client: which are there, what the next one looks like, and the text with it.

Nothing here writes a file.
"""

import enum
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mcp_auth_bridge.clients.client import ConfigFile, Format, System, locate
from mcp_auth_bridge.clients.documents import parse
from mcp_auth_bridge.clients.editing import Edited, entry_in, set_value
from mcp_auth_bridge.clients.entries import Entry, read_entries
from mcp_auth_bridge.clients.entry_form import EntryForm, Scope, StartCommand, Target, write_entry
from mcp_auth_bridge.clients.entry_programs import BridgeStart, started
from mcp_auth_bridge.errors import ConfigError, quoted
from mcp_auth_bridge.shell.files.client_files import read_file
from mcp_auth_bridge.shell.files.user_file import UserFile


class ByHand(ConfigError):
    """A file that the bridge does not change. `snippet` is the text to add to it."""

    def __init__(self, message: str, hint: str, snippet: str) -> None:
        super().__init__(message, hint)
        self.snippet = snippet


class Clash(enum.Enum):
    """What happens to another server that has the name already."""

    REFUSE = "refuse"
    REPLACE = "replace"


class Found(msgspec.Struct, frozen=True):
    """An entry that starts this bridge."""

    # The keys of its table, and its name.
    place: tuple[str, ...]
    # The entry.
    entry: Entry
    # The command line of the bridge in it.
    start: BridgeStart


class TargetFile(msgspec.Struct, frozen=True):
    """The file of a client that an entry goes into."""

    target: Target
    kind: ConfigFile
    content: UserFile


class Change(msgspec.Struct, frozen=True):
    """What `install` does to one file."""

    # The client, and its file as it is.
    at: TargetFile
    # The keys of the entry.
    place: tuple[str, ...]
    # The text with the entry; the same text if it is there already.
    edited: Edited
    # The entry for an empty file.
    snippet: str

    @property
    def is_needed(self) -> bool:
        return self.at.content.data is None or self.edited.text != self.at.content.text


def find_file(target: Target, scope: Scope, system: System) -> TargetFile:
    """The file of `target` for `scope` that exists, else the one to make. Raises `ConfigError`."""
    if not system.home:
        raise ConfigError("the variable HOME is not the full path of a folder", "set it to your home folder")
    if scope is Scope.WORKSPACE and system.workspace == system.home:
        raise ConfigError("this is your home folder, not that of a project", "leave --workspace out")
    places = [(file, Path(path)) for file in target.files(scope) for path in locate(file, system)]
    if not places:
        where = "in a workspace" if scope is Scope.WORKSPACE else "on this system"
        hint = "leave --workspace out" if scope is Scope.WORKSPACE else "choose another client"
        raise ConfigError(f"{target.client.name} reads no file of its own {where}", hint)
    file, path = next(((file, path) for file, path in places if path.exists()), places[0])
    return TargetFile(target, file, read_file(path))


def find_entries(at: TargetFile) -> list[Found]:
    """The entries in the file that start this bridge. Raises `ConfigError` if it cannot be parsed."""
    text = at.content.text
    document = parse(text, at.kind.format)
    found: list[Found] = []
    for table in dict.fromkeys(keys for pattern in at.kind.tables for keys in _tables(document, pattern)):
        only = msgspec.structs.replace(at.kind, tables=(table,))
        for entry in read_entries(at.target.client, only, str(at.content.path), text):
            begin = started(entry.argv)
            if isinstance(begin, BridgeStart):
                found.append(Found((*table, entry.name), entry, begin))
    return found


def _tables(document: Any, pattern: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The paths of the tables in `document` (any: JSON) that fit `pattern`, in which `*` is any key."""
    if not pattern:
        yield ()
    elif isinstance(document, dict):
        for key in document if pattern[0] == "*" else [pattern[0]]:
            if key in document:
                yield from ((key, *rest) for rest in _tables(document[key], pattern[1:]))


def plan_entry(at: TargetFile, name: str, start: StartCommand, clash: Clash) -> Change:
    """The change that puts the entry `name` with `start` into the file.

    An entry of the bridge for the same server is brought up to date, under the name that it has. Raises `ByHand` if the
    file cannot be changed, or has another server of that name which the change does not replace.
    """
    path, syntax = at.content.path, at.kind.format
    table, form = _form(at.target, {})
    try:
        text = at.content.text
        table, form = _form(at.target, parse(text, syntax))
        wanted = _Wanted(at.target, form, start)
        # An entry in another table is for something else: one project of Claude Code, a power of Kiro.
        ours = [each for each in find_entries(at) if each.place[:-1] == table and wanted.is_same(each.start)]
        same = next((each for each in ours if each.place == (*table, name)), next(iter(ours), None))
        place = same.place if same else (*table, name)
        edited = _edit(text, syntax, place, wanted, clash)
    except ConfigError as error:
        said = error.message if str(path) in error.message else f"{path}: {error.message}"
        hint = error.hint if isinstance(error, _Taken) else "the file is as it was; add this to it by hand:"
        raise ByHand(said, hint, _Wanted(at.target, form, start).snippet((*table, name), syntax)) from None
    return Change(at, place, edited, wanted.snippet(place, syntax))


class _Wanted(msgspec.Struct, frozen=True):
    """The entry that is to be there."""

    target: Target
    form: EntryForm
    start: StartCommand

    def entry(self, name: str) -> dict[str, Any]:
        """The entry. Any: JSON."""
        return write_entry(self.form, name, self.start, self.target.client)

    def snippet(self, place: tuple[str, ...], syntax: Format) -> str:
        """The text of a file with no other entry."""
        return set_value("", syntax, place, self.entry(place[-1])).text.rstrip("\n")

    def is_same(self, other: object) -> bool:
        """Whether `other` starts the bridge for the same server, with the same login."""
        own = started(self.start.argv)
        if not (isinstance(own, BridgeStart) and isinstance(other, BridgeStart)):
            return False
        return (other.verb, other.target, other.auth, other.config) == ("run", own.target, own.auth, own.config)

    def is_entry(self, old: Mapping[str, Any]) -> bool:
        """The same for an entry, as it stands in the file."""
        only = msgspec.structs.replace(self.target.user[0], tables=((),), format=Format.JSON)
        entries = read_entries(self.target.client, only, "", json.dumps({"entry": old}))
        return bool(entries) and self.is_same(started(entries[0].argv))


class _Taken(ConfigError):
    """There is another server of that name."""


def _form(target: Target, document: Any) -> tuple[tuple[str, ...], EntryForm]:
    """The table that exists in `document` (any: JSON), else the last one, with the form of its entries."""
    *others, last = target.forms.items()
    return next(((table, form) for table, form in others if [*_tables(document, table)]), last)


def _edit(text: str, syntax: Format, place: tuple[str, ...], wanted: _Wanted, clash: Clash) -> Edited:
    old = entry_in(text, syntax, place)
    if old is None:
        return set_value(text, syntax, place, wanted.entry(place[-1]))
    if isinstance(old, dict) and wanted.is_entry(old):
        return _updated(text, syntax, place, old, wanted)
    if clash is Clash.REFUSE:
        raise _Taken(
            f"it has another server with the name {quoted(place[-1])}",
            "give --replace to replace it, or choose another name in config.toml",
        )
    return set_value(text, syntax, place, wanted.entry(place[-1]))


def _updated(text: str, syntax: Format, place: tuple[str, ...], old: Mapping[str, Any], wanted: _Wanted) -> Edited:
    """`text` with those members of the entry `old` changed that differ. What the user has chosen stays."""
    new, form = wanted.entry(place[-1]), wanted.form
    lasting = {*form.tail, form.variables, form.forwards} & old.keys()
    changed = {key: value for key, value in new.items() if old.get(key) != value and key not in lasting}
    if form.variables in lasting and form.variables in new and isinstance(old[form.variables], dict):
        merged = {**old[form.variables], **new[form.variables]}
        changed |= {form.variables: merged} if merged != old[form.variables] else {}
    if not changed:
        return Edited(text)
    if syntax is Format.YAML:
        return Edited(set_value(text, syntax, place, {**old, **changed}).text)
    for key, value in changed.items():
        text = set_value(text, syntax, (*place, key), value).text
    return Edited(text)
