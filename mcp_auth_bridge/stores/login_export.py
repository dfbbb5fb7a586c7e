"""One login in a file that only its recipient can open, to move it to another machine. Bytes in, bytes out.

    -----BEGIN MCP-AUTH-BRIDGE LOGIN-----
    base64 of: version ‖ lock ‖ the lock's parameters ‖ ciphertext with its tag ‖ checksum
    -----END MCP-AUTH-BRIDGE LOGIN-----

Version and lock are one byte each. Lock 1 is a passphrase: its parameter is a salt of 16 bytes, and the key is
scrypt(passphrase, salt, N = 2^17, r = 8, p = 1) (RFC 7914; 128 MiB and 0.4 s). Lock 2 is the key of a machine: its
parameters are 8 bytes that identify that public key and an X25519 public key made for this one file (RFC 7748), and
the key is HKDF-SHA-256 (RFC 5869) of what the two share, salted with both. The login, together with its server's name
and URL, is sealed with AES-256-GCM, and everything before it is associated data.

The checksum, 8 bytes of SHA-256 over all the rest, protects nothing. It distinguishes a file that was damaged on its
way from a wrong passphrase, which AES-GCM alone cannot.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from mcp_auth_bridge.errors import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

RandomBytes: TypeAlias = Callable[[int], bytes]

KEY_BYTES = 32  # the length of an X25519 key, public or private, and of an AES key

_VERSION = b"\x01"
_PASSPHRASE, _RECIPIENT = b"\x01", b"\x02"
_BEGIN, _END = b"-----BEGIN MCP-AUTH-BRIDGE LOGIN-----", b"-----END MCP-AUTH-BRIDGE LOGIN-----"
_LINE = 64  # characters of base64, as in PEM (RFC 7468)
_SALT, _IDENTITY, _CHECKSUM = 16, 8, 8
_SCRYPT_N = 1 << 17
_NONCE = bytes(12)  # constant, because each key is made for one file and seals nothing else
_COPY_AGAIN = "copy the whole file here again, unchanged"
_MARK = "mab1-"  # begins the line with a machine's public key


class ExportedLogin(msgspec.Struct, frozen=True):
    """A login to the server `name` at `url`. `session` is its record in a store."""

    name: str
    url: str
    session: str

    def __repr__(self) -> str:
        return f"ExportedLogin({self.name})"


class ForPassphrase(msgspec.Struct, frozen=True):
    """A file that a passphrase locks."""

    head: bytes
    sealed: bytes

    def opened(self, passphrase: str) -> ExportedLogin:
        """The login in it. Raises `StoreError` if the passphrase is wrong."""
        key = _stretched(passphrase, self.head[2:])
        if (login := _unsealed(key, self.sealed, self.head)) is None:
            raise StoreError(
                "the passphrase does not open the exported login", "give the one that was chosen at the export"
            )
        return login


class ForRecipient(msgspec.Struct, frozen=True):
    """A file that was sealed to a machine's public key."""

    head: bytes
    sealed: bytes

    def opened(self, private: bytes) -> ExportedLogin:
        """The login in it. Raises `StoreError` if it was not sealed to the key of `private`."""
        public, ephemeral = _public(private), self.head[2 + _IDENTITY :]
        if self.head[2 : 2 + _IDENTITY] != _identity(public):
            raise StoreError(
                "the exported login is sealed to the key of another machine",
                f"import it there, or export it with --recipient {recipient_line(private)}",
            )
        key = _agreed(private, ephemeral, ephemeral + public)
        if key is None or (login := _unsealed(key, self.sealed, self.head)) is None:
            raise _damaged_error()
        return login


def seal_for_passphrase(login: ExportedLogin, passphrase: str, entropy: RandomBytes) -> bytes:
    """A file with `login` that `passphrase` opens. `entropy` returns the given number of random bytes."""
    salt = entropy(_SALT)
    head = _VERSION + _PASSPHRASE + salt
    return _lines(_checked(head + _sealed(_stretched(passphrase, salt), login, head)))


def seal_for_recipient(login: ExportedLogin, line: str, entropy: RandomBytes) -> bytes:
    """A file with `login` for the machine with the public key `line`. Raises `StoreError` if `line` is not one."""
    public, private = _recipient_key(line), entropy(KEY_BYTES)
    ephemeral = _public(private)
    key = _agreed(private, public, ephemeral + public)
    if key is None:
        raise _bad_recipient_error()
    head = _VERSION + _RECIPIENT + _identity(public) + ephemeral
    return _lines(_checked(head + _sealed(key, login, head)))


def parse_export(data: bytes) -> ForPassphrase | ForRecipient:
    """The content of a file, still sealed. Raises `StoreError` if no export wrote it, or if it was changed since."""
    content = _stripped(data)
    if content[:1] != _VERSION:
        raise StoreError(
            f"the exported login has the format {content[0]}, which this mcp-auth-bridge does not know",
            "use the same version of mcp-auth-bridge on both machines",
        )
    content, checksum = content[:-_CHECKSUM], content[-_CHECKSUM:]
    if _checksum(content) != checksum:
        raise _damaged_error()
    match content[1:2]:
        case b"\x01":
            end = 2 + _SALT
            return ForPassphrase(content[:end], content[end:])
        case b"\x02":
            end = 2 + _IDENTITY + KEY_BYTES
            return ForRecipient(content[:end], content[end:])
    raise _damaged_error()


def recipient_line(private: bytes) -> str:
    """The public key of `private` as a line to copy, with four bytes that detect mistakes in a copy."""
    public = _public(private)
    return _MARK + base64.urlsafe_b64encode(public + _checksum(public)[:4]).decode()


def check_recipient(line: str) -> None:
    """Raise `StoreError` unless `line` is a machine's public key: a login sealed to a wrong key is lost."""
    _recipient_key(line)


def _recipient_key(line: str) -> bytes:
    try:
        content = base64.b64decode(line.strip().removeprefix(_MARK), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        content = b""
    public = content[:KEY_BYTES]
    if not line.strip().startswith(_MARK) or content != public + _checksum(public)[:4] or len(public) != KEY_BYTES:
        raise _bad_recipient_error()
    return public


def _bad_recipient_error() -> StoreError:
    return StoreError(
        "--recipient is not the public key of a machine", "copy the line that mcp-auth-bridge key prints there"
    )


def _damaged_error() -> StoreError:
    return StoreError("the exported login is damaged", _COPY_AGAIN)


def _lines(content: bytes) -> bytes:
    text = base64.b64encode(content)
    return b"\n".join([_BEGIN, *(text[at : at + _LINE] for at in range(0, len(text), _LINE)), _END, b""])


def _stripped(data: bytes) -> bytes:
    """The bytes in the lines. Line ends may be those of Windows, with white space around; nothing else may differ."""
    text = data.replace(b"\r\n", b"\n").strip()
    if not text.startswith(_BEGIN):
        raise StoreError("this is not a login that mcp-auth-bridge exported", "give the file that login --export wrote")
    if not text.endswith(_END):
        raise StoreError("the exported login is cut off before its end", _COPY_AGAIN)
    try:
        content = base64.b64decode(text[len(_BEGIN) : -len(_END)])
    except binascii.Error:
        raise _damaged_error() from None
    if _lines(content).strip() != text or not content:
        raise _damaged_error()  # base64 can spell the same bytes in several ways; an export writes one of them
    return content


def _checked(content: bytes) -> bytes:
    return content + _checksum(content)


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:_CHECKSUM]


def _identity(public: bytes) -> bytes:
    return hashlib.sha256(b"mcp-auth-bridge recipient" + public).digest()[:_IDENTITY]


def _stretched(passphrase: str, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt  # hashlib's is missing from some builds of Python

    # surrogateescape: bytes that the terminal could not decode are used as they were typed.
    return Scrypt(salt, KEY_BYTES, n=_SCRYPT_N, r=8, p=1).derive(passphrase.encode(errors="surrogateescape"))


def _public(private: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _agreed(private: bytes, public: bytes, salt: bytes) -> bytes | None:
    """The key that both sides derive; None for a public key that would reveal it (RFC 7748 section 6.1)."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    try:
        shared = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        return None
    return HKDF(SHA256(), KEY_BYTES, salt, b"mcp-auth-bridge login 1").derive(shared)


def _sealed(key: bytes, login: ExportedLogin, head: bytes) -> bytes:
    return _cipher(key).encrypt(_NONCE, msgspec.json.encode(login), head)


def _unsealed(key: bytes, sealed: bytes, head: bytes) -> ExportedLogin | None:
    from cryptography.exceptions import InvalidTag

    try:
        return msgspec.json.decode(_cipher(key).decrypt(_NONCE, sealed, head), type=ExportedLogin)
    except (InvalidTag, msgspec.MsgspecError):
        return None


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
