"""Sealed records: one AES-256-GCM file per key, replaced as a whole, with compare-and-swap between processes.

The name of a file, to which its seal is bound, is a hash: a listing does not show which servers are in use.

Beside `<name>` lies `<name>.previous`, the generation before. **`load` never falls back to it.** MCP requires that the
refresh tokens of public clients rotate (OAuth 2.1 section 4.3.1), so the older record usually holds a spent one, and
presenting that makes the authorization server revoke the whole grant, with the tokens that a running bridge still
holds. `<name>.previous` proves which generation is the newest: a record that is not newer than its own `.previous`, or
is missing beside one, was put back by a backup or a synchronisation, and counts as damaged.

A damaged record is an error, and there are four ways out of it. The first two lose no byte, because the damaged file
is kept as `<name>.damaged-…`:

- A login saves with `expected=None` and starts anew.
- A bridge that still holds the newest generation in memory saves its next one over it.
- A logout deletes it, because the user asked for that.
- A user who knows that the server does not rotate renames `<name>.previous` to `<name>`.

`<name>.next` is space for the next record, set aside before a refresh token is spent, so that a full disk does not cost
the new one.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.base import Record, Stale, is_older
from mcp_auth_bridge.stores.folder import Folder, hashed_name
from mcp_auth_bridge.stores.seal import Content, Damaged, Seal, Unopenable

SUFFIX = ".sealed"

_GROWTH = 16 * 1024  # bytes by which a renewed session may be larger than the one before: tokens end at 16 KiB

_LOGIN_AGAIN = "run mcp-auth-bridge login NAME; the file is kept beside the new one"


class Mutex(Protocol):
    def __call__(self, name: str, /) -> contextlib.AbstractContextManager[None]:
        """Keep other processes out of `name` for the length of a `with` block, a few milliseconds."""


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
        self._seal.open()  # before the mutex: the OS keyring may have to ask the user first
        self._folder.create()
        with self._mutex(f"record {name}"):
            self._sweep(name)
            if expected is None:
                return self._begin(key, name, secret)
            content = self._newest(name)
            if content is None or content.record.generation != expected:
                raise Stale
            data = self._sealed(name, key, Record(expected + 1, secret))
            self._folder.replace(name, data, f"{name}.next", f"{name}.previous", self._temporary(name))
            return expected + 1

    def put_back(self, key: str, record: Record) -> None:
        name = file_name(key)
        with self._mutex(f"record {name}"):
            self._sweep(name)
            self._quarantine_older(name, record.generation)
            if self._generation_before(name) != record.generation - 1:
                self._write_proof(name, key, record.generation)
            self._write(name, self._sealed(name, key, record))

    def reserve(self, key: str) -> None:
        name = file_name(key)
        with self._mutex(f"record {name}"):
            data = self._folder.read(name) or b""
            # Random bytes: some file systems (btrfs, ZFS) keep no blocks for data that compresses to nothing.
            self._folder.reserve(f"{name}.next", self._entropy(len(data) + _GROWTH))

    def delete(self, key: str, expected: int) -> bool:
        name = file_name(key)
        with self._mutex(f"record {name}"):
            content = self._newest(name)
            if content is None or content.record.generation != expected:
                return False
            self._remove(name)
            return True

    def discard(self, key: str) -> bool:
        name = file_name(key)
        with self._mutex(f"record {name}"):
            try:
                self._newest(name)
            except Damaged:
                self._remove(name)
                return True
        return False

    def keys(self) -> list[str]:
        return sorted(content.key for content in self._survey() if isinstance(content, Content))

    def unreadable(self) -> list[StoreError]:
        return [content for content in self._survey() if isinstance(content, StoreError)]

    def _survey(self) -> list[Content | StoreError]:
        names = record_names(self._folder)
        if names:
            self._seal.open()  # without the key no record can be judged, so its absence is an error and not a list
        return [content for name in names if (content := self._attempt(name)) is not None]

    def _attempt(self, name: str) -> Content | StoreError | None:
        try:
            return self._read(name)
        except StoreError as error:
            return error

    def _read(self, name: str) -> Content | None:
        # Windows cannot replace a file that is being read; elsewhere a rename makes reading without a lock safe.
        with self._mutex(f"record {name}") if os.name == "nt" else contextlib.nullcontext():
            return self._newest(name)

    def _newest(self, name: str) -> Content | None:
        """The record `name`. Raises `Damaged` if the one before it shows that it is not the newest."""
        before = self._generation_before(name)  # read first: a record that is saved meanwhile is newer than this
        data = self._folder.read(name)
        content = None if data is None else self._unsealed(name, data)
        if before is not None and (content is None or is_older(content.record.generation, before + 1)):
            what = "is missing" if content is None else "was replaced by an older copy of itself"
            raise Damaged(f"{self._folder.path / name} {what}", _LOGIN_AGAIN)
        return content

    def _generation_before(self, name: str) -> int | None:
        """The generation of `<name>.previous`, None if that cannot be read and so proves nothing."""
        data = None
        with contextlib.suppress(StoreError):
            data = self._folder.read(f"{name}.previous")
        if data is not None:
            self._seal.open()  # a missing key is not a fault of the file
            with contextlib.suppress(StoreError):
                return self._unsealed(name, data).record.generation
        return None

    def _quarantine_older(self, name: str, generation: int) -> None:
        """Keep a copy of the record that the newest one, with `generation`, is about to replace.

        Raises `Stale` for a record that is as new, and `Unopenable` if the files show that there was a newer one.
        """
        try:
            content = self._newest(name)
        except Unopenable:
            before = self._generation_before(name)
            if before is not None and not is_older(before, generation):
                raise
        else:
            # An older record came back together with its `.previous`: only the caller knows of a newer one.
            if content is None or not is_older(content.record.generation, generation):
                raise Stale
        self._quarantine(name)

    def _quarantine(self, name: str) -> None:
        """Keep a damaged file. Its new name is made from its content: a repeated attempt makes no second copy."""
        data = self._folder.read(name)
        if data is not None:
            self._write(f"{name}.damaged-{hashlib.sha256(data).hexdigest()[:16]}", data)

    def _begin(self, key: str, name: str, secret: str) -> int:
        """Save the first record of a login. Raises `Stale` if there is one that opens.

        Its generation is random, not 1: that of a deleted or damaged record must not come back. An empty record in
        `<name>.previous` proves that there is one: the loss of the file is noticed, unless a logout removed it.
        """
        try:
            if self._newest(name) is not None:
                raise Stale
        except Unopenable:
            self._quarantine(name)
        first = 2 + int.from_bytes(self._entropy(6))
        data = self._sealed(name, key, Record(first, secret))
        self._folder.remove(f"{name}.previous")  # of another login: it would prove a wrong generation
        self._write(name, data)
        self._write_proof(name, key, first)
        return first

    def _write_proof(self, name: str, key: str, generation: int) -> None:
        """Write an empty `<name>.previous`, which proves that the record of `generation` is the newest."""
        self._write(f"{name}.previous", self._sealed(name, key, Record(generation - 1, "")))

    def _sealed(self, name: str, key: str, record: Record) -> bytes:
        return self._seal.sealed(name, Content(key, record))

    def _write(self, name: str, data: bytes) -> None:
        self._folder.write(name, data, self._temporary(name))

    def _remove(self, name: str) -> None:
        """Remove a record and what belongs to it.

        The older one first: a crash in between leaves a record that can be deleted again, not a hidden secret.
        """
        self._folder.remove(f"{name}.next", f"{name}.previous", name)

    def _sweep(self, name: str) -> None:
        """Remove what a killed process left behind: under the mutex no other process writes this record."""
        left = [each for each in self._folder.names() if each.startswith(f"{name}.") and ".tmp" in each]
        self._folder.remove(*left)

    def _temporary(self, name: str) -> str:
        return f"{name}.{self._entropy(8).hex()}.tmp"

    def _unsealed(self, name: str, data: bytes) -> Content:
        return self._seal.unsealed(name, data, str(self._folder.path / name))


def file_name(key: str) -> str:
    return hashed_name(key, SUFFIX)


def has_record(folder: Path, key: str) -> bool:
    """Whether there is a record under `key`. That needs no sealing key."""
    return os.path.lexists(folder / file_name(key))


def record_names(folder: Folder) -> list[str]:
    """The files in `folder` that hold a newest generation, whether they open or not."""
    return [name for name in folder.names() if name.endswith(SUFFIX)]
