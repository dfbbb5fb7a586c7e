"""One sealed record per key in a Redis (or Valkey) that many machines share, with compare-and-swap on the server.

All records lie in one hash: a field per record, named as its file would be on disk, with `GENERATION:SAVE:SEALED` as
its value. A deleted record leaves `GENERATION:SAVE:` behind, so that its generation never comes back. The generations
of a new one begin at the server's clock in microseconds: even after a total loss of data a new login is newer than any
record that a process still holds. Name and generation are associated data of the seal: a program that can write to the
server can delete a record or put an old one back, but can neither read a record nor move it to another name.

A server may lose what it has confirmed (a restart without `appendfsync always`, a failover to a replica that lags).
Presenting the refresh token of such an older record would make the authorization server revoke the whole grant.
Therefore each process sends its newest value with each read: the newest one that any living process knows is stored.

A save may be lost on the way there, or its confirmation on the way back. Its value is kept here and sent again with
`flush`. `SAVE` is random and the same for all attempts upon one generation: it shows that a stored value is this
process's own.
"""

import threading
from collections.abc import Callable
from typing import Protocol

import msgspec

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.base import Record, Stale
from mcp_auth_bridge.stores.seal import Content, Damaged, Seal
from mcp_auth_bridge.stores.sealed import file_name

_LOGIN_AGAIN = "run mcp-auth-bridge login NAME"

# Both scripts get the hash as KEYS[1] and the field's name as ARGV[1]. Generations are below 2^53: Lua's numbers are
# doubles, so generations are compared as such, but never printed.

READ = """
local stored = redis.call('HGET', KEYS[1], ARGV[1]) or '0::'
local function generation(value) return tonumber(string.match(value, '^%d+') or 0) end
if generation(stored) < generation(ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  stored = ARGV[2]
end
return {stored, redis.call('TIME')}
"""
"""ARGV[2]: the newest value that the caller knows, or `0::`. Returns the newest of the two values, and TIME."""

SWAP = """
local stored = redis.call('HGET', KEYS[1], ARGV[1]) or '0::'
local generation, save = string.match(stored, '^(%d+):(%x*):')
if (generation or '0') ~= ARGV[2] and save ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
return 1
"""
"""ARGV[2]: the expected generation; ARGV[3]: the save; ARGV[4]: the new value. Returns whether it is stored now."""

_NOTHING = b"0::"


class ServerLost(StoreError):
    """The server did not answer. It may or may not have run the script."""


class RedisScripts(Protocol):
    def run(self, script: str, key: str, *arguments: bytes) -> object:
        """The result of the Lua `script` with `key` as KEYS[1]. A script may run twice. Raises `ServerLost` or
        `StoreError`.
        """

    def fields(self, key: str) -> dict[bytes, bytes]:
        """The whole hash at `key`. Raises as `run` does."""

    def describe(self) -> str:
        """The server in words, for errors."""


class _Value(msgspec.Struct, frozen=True):
    generation: int
    save: bytes
    sealed: bytes

    def __bytes__(self) -> bytes:
        return b":".join((b"%d" % self.generation, self.save, self.sealed))

    @staticmethod
    def parsed(data: bytes) -> "_Value":
        """Unparseable data counts as a damaged record of generation 0: a login may replace it."""
        match data.split(b":", 2):
            case [generation, save, sealed] if generation.isdigit():
                return _Value(int(generation), save, sealed)
        return _Value(0, b"", data)


class _Unsaved(msgspec.Struct, frozen=True):
    """The newest value of a save over the generation `expected` that the server has not confirmed."""

    expected: int
    value: _Value


class RedisStore:
    """The records under `prefix`. `key` and `entropy` are those of `SealedStore`. Calls block; threads take turns."""

    def __init__(
        self, server: RedisScripts, prefix: str, key: Callable[[], bytes], entropy: Callable[[int], bytes]
    ) -> None:
        # The Redis server.
        self._server = server
        # The key of the hash that holds all records.
        self._hash = f"{prefix}:records"
        # The seal of each record.
        self._seal = Seal(key, entropy, _LOGIN_AGAIN)
        # Returns the given number of random bytes.
        self._entropy = entropy
        # Held by the thread that talks to the server.
        self._turn = threading.RLock()
        # The newest value that this process has seen of each record, by field name.
        self._known: dict[str, bytes] = {}
        # The saves that the server has not confirmed, by field name.
        self._unsaved: dict[str, _Unsaved] = {}

    def load(self, key: str) -> Record | None:
        name = file_name(key)
        value, _ = self._read(name)
        return self._unsealed(name, value).record if value.sealed else None

    def save(self, key: str, secret: str, expected: int | None) -> int:
        name = file_name(key)
        self._seal.open()  # before a turn is taken: a key command may take seconds
        with self._turn:
            before = self._unsaved.get(name)
            base, first = self._first(name) if expected is None else (expected, expected + 1)
            again = before is not None and before.expected == base
            generation = before.value.generation + 1 if before and again else first
            save = before.value.save if before and again else self._entropy(8).hex().encode()
            content = Content(key, Record(generation, secret))
            value = _Value(generation, save, self._seal.sealed(_associated(name, generation), content))
            if not self._swap(name, _Unsaved(base, value)):
                raise Stale
            return generation

    def reserve(self, key: str) -> None:
        """Does nothing: a full server already refuses the save before a refresh, and `flush` repeats that save."""

    def put_back(self, key: str, record: Record) -> None:  # noqa: ARG002 - `READ` does it
        raise Stale

    def delete(self, key: str, expected: int) -> bool:
        gone = _Value(expected + 1, self._entropy(8).hex().encode(), b"")
        return self._swap(file_name(key), _Unsaved(expected, gone))

    def discard(self, key: str) -> bool:
        name = file_name(key)
        value, _ = self._read(name)
        try:
            if value.sealed:
                self._unsealed(name, value)
        except Damaged:
            gone = _Value(value.generation + 1, self._entropy(8).hex().encode(), b"")
            return self._swap(name, _Unsaved(value.generation, gone))
        return False

    def keys(self) -> list[str]:
        return sorted(content.key for content in self._survey() if isinstance(content, Content))

    def unreadable(self) -> list[StoreError]:
        return [content for content in self._survey() if isinstance(content, StoreError)]

    def flush(self) -> None:
        """Send the unconfirmed saves again. One that another process has overtaken is dropped. Raises `ServerLost`."""
        with self._turn:
            for name, unsaved in list(self._unsaved.items()):
                self._swap(name, unsaved)

    def _read(self, name: str) -> tuple[_Value, int]:
        """The newest value, and the server's clock in microseconds."""
        with self._turn:
            answer = self._server.run(READ, self._hash, name.encode(), self._known.get(name, _NOTHING))
            match answer:
                case [bytes() as stored, [bytes() as seconds, bytes() as microseconds]]:
                    value = _Value.parsed(stored)
                    self._known[name] = bytes(value)
                    return value, int(seconds) * 1_000_000 + int(microseconds)
        raise StoreError(f"{self._server.describe()} does not answer with a record")

    def _first(self, name: str) -> tuple[int, int]:
        """The generation that a new record replaces, and the new one. Raises `Stale` if there is a record."""
        value, now = self._read(name)
        if value.sealed and self._opens(name, value):
            raise Stale
        return value.generation, max(value.generation + 1, now)

    def _swap(self, name: str, unsaved: _Unsaved) -> bool:
        """Store `unsaved`. Returns whether it is stored now. If the server does not answer, `flush` tries again."""
        value = unsaved.value
        with self._turn:
            self._unsaved[name] = unsaved
            answer = self._server.run(
                SWAP, self._hash, name.encode(), b"%d" % unsaved.expected, value.save, bytes(value)
            )
            del self._unsaved[name]
            if answer:
                self._known[name] = bytes(value)
            return bool(answer)

    def _opens(self, name: str, value: _Value) -> bool:
        try:
            self._unsealed(name, value)
        except Damaged:
            return False
        return True

    def _unsealed(self, name: str, value: _Value) -> Content:
        return self._seal.unsealed(_associated(name, value.generation), value.sealed, self._place(name))

    def _survey(self) -> list[Content | StoreError]:
        found = {name.decode(errors="replace"): value for name, value in self._server.fields(self._hash).items()}
        if found:
            self._seal.open()  # without the key no record can be judged, so its absence is an error and not a list
        return [content for name in sorted(found) if (content := self._attempt(name, found[name])) is not None]

    def _attempt(self, name: str, stored: bytes) -> Content | StoreError | None:
        try:
            value = _Value.parsed(stored)
            return self._unsealed(name, value) if value.sealed else None
        except StoreError as error:
            return error

    def _place(self, name: str) -> str:
        return f"the record {name} in {self._server.describe()}"


def _associated(name: str, generation: int) -> str:
    return f"{name} {generation}"
