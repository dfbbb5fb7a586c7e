"""A message with some of its members replaced: all others keep their bytes, and so their order and their numbers."""

import enum
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from mcp_auth_bridge.relay.base import Message, decoded

Path: TypeAlias = tuple[str, ...]
"""The names of the members that lead to one: `("params", "_meta", "progressToken")`."""


class Removed(enum.Enum):
    REMOVED = "removed"


REMOVED = Removed.REMOVED
"""In place of a value: the member is to be left out."""

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def rewrite(message: Message, changes: Mapping[Path, Any]) -> Message:
    """`message` with the values of `changes` at their paths. Its `id` and `method` must not be among them.

    Objects on the way to a new value are made if they are missing, and replace any value that is not an object.
    The removal of a member that does not exist changes nothing. Any: a value is any JSON, `REMOVED`, or a `msgspec.Raw`
    of JSON text.
    """
    return Rewriting(changes)(message)


class Rewriting:
    """The same `changes` for many messages: see `rewrite`. Any: as there."""

    def __init__(self, changes: Mapping[Path, Any]) -> None:
        self._changes = changes
        self._prepared = _prepared(changes)

    def __call__(self, message: Message) -> Message:
        """`message` with the changes."""
        try:
            raw = _with(message.raw, self._prepared)
        except msgspec.DecodeError:  # an escape of a lone surrogate, which msgspec refuses and Python's parser takes
            raw = json.dumps(_decoded_with(decoded(message.raw), self._changes)).encode()
        return Message(message.kind, raw, message.id, message.method, message.is_result, message.is_stateless)


def as_json(value: Any) -> bytes:
    """`value` as JSON text. Any: any JSON. It may hold lone surrogates, which msgspec does not write."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value).encode()


class _Inner(msgspec.Struct):
    """The changes inside a member. `adds`: the member is made for them if it is missing."""

    changes: "dict[str, _Change]"
    adds: bool


_Change: TypeAlias = msgspec.Raw | Removed | _Inner
"""Of one member: its new value, its removal, or the changes inside it."""


def _prepared(changes: Mapping[Path, Any]) -> dict[str, _Change]:
    return {name: _change(inner) for name, inner in _by_first(changes).items()}


def _change(inner: Mapping[Path, Any]) -> _Change:
    if () not in inner:
        return _Inner(_prepared(inner), _adds(inner))
    value = inner[()]
    return value if isinstance(value, msgspec.Raw | Removed) else msgspec.Raw(as_json(value))


def _with(text: bytes, changes: Mapping[str, _Change]) -> bytes:
    """The object in `text` with the `changes`."""
    members = _object.decode(text) if text.lstrip()[:1] == b"{" else {}
    for name, change in changes.items():
        if type(change) is msgspec.Raw:
            members[name] = change
        elif type(change) is _Inner:
            if name in members or change.adds:
                members[name] = msgspec.Raw(_with(bytes(members.get(name, b"{}")), change.changes))
        else:
            members.pop(name, None)
    return msgspec.json.encode(members)


def _decoded_with(value: Any, changes: Mapping[Path, Any]) -> dict[str, Any]:
    members = dict(value) if isinstance(value, dict) else {}
    for name, inner in _by_first(changes).items():
        new = inner.get(())
        if new is REMOVED:
            members.pop(name, None)
        elif () in inner:
            members[name] = json.loads(bytes(new)) if isinstance(new, msgspec.Raw) else new
        elif name in members or _adds(inner):
            members[name] = _decoded_with(members.get(name), inner)
    return members


def _adds(changes: Mapping[Path, Any]) -> bool:
    """Whether there is anything to set. Removals alone do not make the object that they would be in."""
    return any(value is not REMOVED for value in changes.values())


def _by_first(changes: Mapping[Path, Any]) -> dict[str, dict[Path, Any]]:
    """The changes by the first name of their paths, each with the rest of its path."""
    grouped: dict[str, dict[Path, Any]] = {}
    for path, value in changes.items():
        grouped.setdefault(path[0], {})[path[1:]] = value
    return grouped
