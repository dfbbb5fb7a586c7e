"""The seal of a record: `MAB1`, 8 bytes that identify the sealing key, a 12-byte nonce, AES-256-GCM of {key, record}.

The head and the name of the record are associated data: a record that was moved to another name does not open, and
neither does a relabelled record of another format.
"""

import hashlib
import threading
from collections.abc import Callable
from typing import Protocol

import msgspec

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.base import Record

MAGIC = b"MAB1"

_KEY_ID = 8
_NONCE = 12
_HEAD = len(MAGIC) + _KEY_ID + _NONCE


class Unopenable(StoreError):
    """A record that this key does not open: it is damaged, or was sealed with another key."""


class Damaged(Unopenable):
    """A record that no key opens."""


class Content(msgspec.Struct, frozen=True):
    key: str
    record: Record


class _Cipher(Protocol):
    """The part of `cryptography`'s AESGCM that is used here; its module costs 17 ms and is imported with the key."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...


class _Key(msgspec.Struct, frozen=True):
    """The sealing key in use; `identity` tells a damaged record from one that was sealed with another key."""

    cipher: _Cipher
    identity: bytes

    def __repr__(self) -> str:
        return "_Key(…)"


class Seal:
    """Seals and opens records.

    `key` returns the 32-byte sealing key. It is called when the first record is opened or sealed, and not again once it
    has returned. `entropy` returns the given number of random bytes. `remedy` is the hint for a damaged record.
    """

    def __init__(self, key: Callable[[], bytes], entropy: Callable[[int], bytes], remedy: str) -> None:
        # Returns the sealing key.
        self._source = key
        # Returns the given number of random bytes.
        self._entropy = entropy
        # The hint for a damaged record.
        self._remedy = remedy
        # The sealing key, None until it is needed.
        self._key: _Key | None = None
        # Held while the key is fetched.
        self._asking = threading.Lock()

    def open(self) -> _Key:
        """The key, fetched at the first call."""
        with self._asking:  # two threads must not make the OS keyring ask the user twice
            if self._key is None:
                from cryptography.hazmat.primitives.ciphers.aead import AESGCM

                secret = self._source()
                identity = hashlib.sha256(b"mcp-auth-bridge key identity" + secret).digest()[:_KEY_ID]
                self._key = _Key(AESGCM(secret), identity)
            return self._key

    def sealed(self, name: str, content: Content) -> bytes:
        key, nonce = self.open(), self._entropy(_NONCE)
        head = MAGIC + key.identity + nonce
        return head + key.cipher.encrypt(nonce, msgspec.msgpack.encode(content), head + name.encode())

    def unsealed(self, name: str, data: bytes, place: str) -> Content:
        """The content that was sealed for `name`. Raises `StoreError`, which names the `place` of `data` in words."""
        from cryptography.exceptions import InvalidTag

        self._check_format(data, place)
        key, head = self.open(), data[:_HEAD]
        if head[len(MAGIC) : -_NONCE] != key.identity:
            raise Unopenable(
                f"{place} was sealed with another key, not with the present one",
                f"restore that key where [store] in config.toml says it is, or {self._remedy}",
            )
        try:
            plain = key.cipher.decrypt(head[-_NONCE:], data[_HEAD:], head + name.encode())
            return msgspec.msgpack.decode(plain, type=Content)
        except (InvalidTag, msgspec.MsgspecError):
            raise Damaged(f"{place} is damaged", self._remedy) from None

    def _check_format(self, data: bytes, place: str) -> None:
        if data[:3] == MAGIC[:3] and data[3:4] > MAGIC[3:] and data[3:4].isdigit():
            # Never replaced, not even by a login: the newer version still needs it.
            raise StoreError(
                f"{place} was written by a newer mcp-auth-bridge (record format {data[3:4].decode()})",
                "upgrade mcp-auth-bridge",
            )
        if len(data) < _HEAD or not data.startswith(MAGIC):
            raise Damaged(f"{place} is damaged", self._remedy)
