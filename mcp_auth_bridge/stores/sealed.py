"""Sealed records: one AES-256-GCM file per key, replaced as a whole, with compare-and-swap between processes.

A file is `MAB1`, 8 bytes that identify the sealing key, a 12-byte nonce and the ciphertext of {key, record}. The head
and the file's name are associated data: a file that was moved under another name does not open, nor does one of another
format that was relabelled. The name is a hash, so a listing of the folder does not tell which servers are in use.

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
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.base import Record, Stale
from mcp_auth_bridge.stores.folder import Folder

MAGIC = b"MAB1"
SUFFIX = ".sealed"

_KEY_ID = 8
_NONCE = 12
_HEAD = len(MAGIC) + _KEY_ID + _NONCE
_LOGIN_AGAIN = "run mcp-auth-bridge login NAME; the file is kept beside the new one"


class Mutex(Protocol):
    def __call__(self, name: str, /) -> contextlib.AbstractContextManager[None]:
        """Keep every other process out of `name` for the length of a `with` block, a few milliseconds."""


class Unopenable(StoreError):
    """A file of ours that this key does not open: damaged, or sealed with another key."""


class Damaged(Unopenable):
    """One that no key opens."""


class _Content(msgspec.Struct, frozen=True):
    key: str
    record: Record


class _Seal(Protocol):
    """The part of `cryptography`'s AESGCM that is used; its module costs 17 ms and is imported with the key."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...


class _Key(msgspec.Struct, frozen=True):
    """The sealing key in use; `identity` tells a damaged record from one that was sealed with another key."""

    seal: _Seal
    identity: bytes

    def __repr__(self) -> str:
        return "_Key(…)"


class SealedStore:
    """The store on disk.

    `key` returns the 32-byte sealing key; it is called when the first record is opened or saved, and once it has
    returned never again. `entropy` returns that many random bytes. `mutex` must exclude threads as well as processes.
    """

    def __init__(self, folder: Path, key: Callable[[], bytes], entropy: Callable[[int], bytes], mutex: Mutex) -> None:
        self._folder = Folder(folder)
        self._source = key
        self._entropy = entropy
        self._mutex = mutex
        self._key: _Key | None = None
        self._asking = threading.Lock()

    def load(self, key: str) -> Record | None:
        content = self._read(file_name(key))
        return content.record if content else None

    def save(self, key: str, secret: str, expected: int | None) -> int:
        name = file_name(key)
        self._opened_key()  # before the mutex: the OS keyring may have to ask a person first
        self._folder.create()
        with self._mutex(f"record {name}"):
            self._sweep(name)
            self._make_way(name, expected)
            generation = self._first_generation() if expected is None else expected + 1
            self._write(name, self._sealed(name, _Content(key, Record(generation, secret))))
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
        return sorted(content.key for content in self._survey() if isinstance(content, _Content))

    def unreadable(self) -> list[StoreError]:
        return [content for content in self._survey() if isinstance(content, StoreError)]

    def _survey(self) -> list[_Content | StoreError]:
        names = record_names(self._folder)
        if names:
            self._opened_key()  # without the key nothing can be said about any record: that is raised, not listed
        return [content for name in names if (content := self._attempt(name)) is not None]

    def _attempt(self, name: str) -> _Content | StoreError | None:
        try:
            return self._read(name)
        except StoreError as error:
            return error

    def _read(self, name: str) -> _Content | None:
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

    def _open(self, name: str, file: str = "") -> _Content | None:
        data = self._folder.read(file or name)
        return None if data is None else self._unsealed(name, data)

    def _sealed(self, name: str, content: _Content) -> bytes:
        key, nonce = self._opened_key(), self._entropy(_NONCE)
        head = MAGIC + key.identity + nonce
        return head + key.seal.encrypt(nonce, msgspec.msgpack.encode(content), head + name.encode())

    def _unsealed(self, name: str, data: bytes) -> _Content:
        from cryptography.exceptions import InvalidTag

        path = self._folder.path / name
        _check_format(data, path)
        key, head = self._opened_key(), data[:_HEAD]
        if head[len(MAGIC) : -_NONCE] != key.identity:
            raise Unopenable(
                f"{path} was sealed with another key than the present one",
                f"restore that key where [store] in config.toml says it is, or {_LOGIN_AGAIN}",
            )
        try:
            plain = key.seal.decrypt(head[-_NONCE:], data[_HEAD:], head + name.encode())
            return msgspec.msgpack.decode(plain, type=_Content)
        except (InvalidTag, msgspec.MsgspecError):
            raise Damaged(f"{path} is damaged", _LOGIN_AGAIN) from None

    def _opened_key(self) -> _Key:
        with self._asking:  # two threads must not make the OS keyring ask the person twice
            if self._key is None:
                from cryptography.hazmat.primitives.ciphers.aead import AESGCM

                secret = self._source()
                identity = hashlib.sha256(b"mcp-auth-bridge key identity" + secret).digest()[:_KEY_ID]
                self._key = _Key(AESGCM(secret), identity)
            return self._key


def file_name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32] + SUFFIX


def record_names(folder: Folder) -> list[str]:
    """The files in `folder` that hold a newest generation, whether they open or not."""
    return [name for name in folder.names() if name.endswith(SUFFIX)]


def _check_format(data: bytes, path: Path) -> None:
    if data[:3] == MAGIC[:3] and data[3:4] > MAGIC[3:] and data[3:4].isdigit():
        # Never replaced, also not by a login: the newer version still wants it.
        raise StoreError(
            f"{path} was written by a newer mcp-auth-bridge (record format {data[3:4].decode()})",
            "upgrade mcp-auth-bridge",
        )
    if len(data) < _HEAD or not data.startswith(MAGIC):
        raise Damaged(f"{path} is damaged", _LOGIN_AGAIN)
