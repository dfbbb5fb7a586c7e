"""Sealed records: one AES-256-GCM file per key, replaced as a whole, with compare-and-swap between processes.

The name of a file, to which its seal is bound, is a hash: a listing does not tell which servers are in use.

Beside `<name>` lies `<name>.previous`, the generation before. **`load` never falls back to it.** MCP requires that the
refresh tokens of public clients rotate (OAuth 2.1 section 4.3.1), so the older record usually holds a spent one, and
presenting that makes the authorization server revoke the whole grant: also the tokens that a running bridge still
holds. A damaged record is therefore an error, and there are four ways out of it. The first two lose no byte, because
the damaged file is kept as `<name>.damaged-…`:

- A login saves with `expected=None` and starts anew.
- A bridge that still holds the damaged generation in memory saves its next one over it: the previous generation proves
  which one was damaged.
- A logout deletes it, because that is what was asked for.
- A person who knows that the server does not rotate renames `<name>.previous` to `<name>`.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.base import Record, Stale
from mcp_auth_bridge.stores.folder import Folder
from mcp_auth_bridge.stores.seal import Content, Damaged, Seal, Unopenable

SUFFIX = ".sealed"

_LOGIN_AGAIN = "run mcp-auth-bridge login NAME; the file is kept beside the new one"


class Mutex(Protocol):
    def __call__(self, name: str, /) -> contextlib.AbstractContextManager[None]:
        """Keep every other process out of `name` for the length of a `with` block, a few milliseconds."""


class SealedStore:
    """The store on disk.

    `key` and `entropy` are those of `Seal`. `mutex` must exclude threads as well as processes.
    """

    def __init__(self, folder: Path, key: Callable[[], bytes], entropy: Callable[[int], bytes], mutex: Mutex) -> None:
        self._folder = Folder(folder)
        self._seal = Seal(key, entropy, _LOGIN_AGAIN)
        self._entropy = entropy
        self._mutex = mutex

    def load(self, key: str) -> Record | None:
        content = self._read(file_name(key))
        return content.record if content else None

    def save(self, key: str, secret: str, expected: int | None) -> int:
        name = file_name(key)
        self._seal.open()  # before the mutex: the OS keyring may have to ask a person first
        self._folder.create()
        with self._mutex(f"record {name}"):
            self._sweep(name)
            self._make_way(name, expected)
            generation = self._first_generation() if expected is None else expected + 1
            self._write(name, self._seal.sealed(name, Content(key, Record(generation, secret))))
            return generation

    def delete(self, key: str, expected: int) -> bool:
        name = file_name(key)
        with self._mutex(f"record {name}"):
            content = self._open(name)
            if content is None or content.record.generation != expected:
                return False
            # The older one first: a crash in between leaves a record that can be deleted again, not a hidden secret.
            self._folder.remove(f"{name}.previous", name)
            return True

    def discard(self, key: str) -> bool:
        name = file_name(key)
        with self._mutex(f"record {name}"):
            try:
                self._open(name)
            except Damaged:
                self._folder.remove(f"{name}.previous", name)
                return True
        return False

    def keys(self) -> list[str]:
        return sorted(content.key for content in self._survey() if isinstance(content, Content))

    def unreadable(self) -> list[StoreError]:
        return [content for content in self._survey() if isinstance(content, StoreError)]

    def _survey(self) -> list[Content | StoreError]:
        names = record_names(self._folder)
        if names:
            self._seal.open()  # without the key nothing can be said about any record: that is raised, not listed
        return [content for name in names if (content := self._attempt(name)) is not None]

    def _attempt(self, name: str) -> Content | StoreError | None:
        try:
            return self._read(name)
        except StoreError as error:
            return error

    def _read(self, name: str) -> Content | None:
        # Windows cannot replace a file that somebody reads; elsewhere a rename makes reading without a lock safe.
        with self._mutex(f"record {name}") if os.name == "nt" else contextlib.nullcontext():
            return self._open(name)

    def _make_way(self, name: str, expected: int | None) -> None:
        """Check that `expected` is stored, and put aside what a save is about to replace."""
        data = self._folder.read(name)
        try:
            content = None if data is None else self._unsealed(name, data)
        except Unopenable:
            if expected is not None and expected != self._proven_generation(name):
                raise
            self._quarantine(name, data or b"")
            content = None
        else:
            if (content.record.generation if content else None) != expected:
                raise Stale
        if content and data:
            self._write(f"{name}.previous", data)
        else:
            self._folder.remove(f"{name}.previous")  # it would prove a wrong generation from now on

    def _proven_generation(self, name: str) -> int | None:
        """The generation of a record that does not open: one more than the previous one, if that opens."""
        try:
            content = self._open(name, f"{name}.previous")
        except Unopenable:
            return None
        return content.record.generation + 1 if content else None

    def _quarantine(self, name: str, data: bytes) -> None:
        """Keep a damaged file. Its new name is taken from its content: a repeated attempt collects no copies."""
        self._write(f"{name}.damaged-{hashlib.sha256(data).hexdigest()[:16]}", data)

    def _first_generation(self) -> int:
        """Random, not 1: the generation of a deleted or damaged record must not come back."""
        return 1 + int.from_bytes(self._entropy(5))

    def _sweep(self, name: str) -> None:
        """Remove what a killed process left behind: under the mutex nobody else is writing this record."""
        left = [each for each in self._folder.names() if each.startswith(f"{name}.") and each.endswith(".tmp")]
        self._folder.remove(*left)

    def _write(self, name: str, data: bytes) -> None:
        self._folder.write(name, data, f"{name}.{self._entropy(8).hex()}.tmp")

    def _open(self, name: str, file: str = "") -> Content | None:
        data = self._folder.read(file or name)
        return None if data is None else self._unsealed(name, data)

    def _unsealed(self, name: str, data: bytes) -> Content:
        return self._seal.unsealed(name, data, str(self._folder.path / name))


def file_name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32] + SUFFIX


def has_record(folder: Path, key: str) -> bool:
    """Whether something is kept under `key`, for whoever has no key to open it with."""
    return os.path.lexists(folder / file_name(key))


def record_names(folder: Folder) -> list[str]:
    """The files in `folder` that hold a newest generation, whether they open or not."""
    return [name for name in folder.names() if name.endswith(SUFFIX)]
