"""The sealing key in the keyring of the operating system.

The backend class is named here, per platform. `keyring.get_keyring`, which would choose one, is never called: it runs
entry points of any installed package, follows PYTHON_KEYRING_BACKEND and keyringrc.cfg, may pick a plain-text backend,
and some backends read a password from stdin, which belongs to JSON-RPC.

On Linux an entry is read without `keyring`, as its backend reads it: most starts read one, and the import of `keyring`
takes as long as half a start (280 million instructions). A read may wait for ever for an unlock dialog: call it through
`shell.process.threads`.
"""

import base64
import contextlib
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.keys import ELSEWHERE, decode_key

SERVICE = "mcp-auth-bridge"
USER = "sealing key"

_NO_ENTRY = "write env:NAME, file:PATH or command:PROGRAM in place of keyring:NAME"
_RUNTIME = Path("/run/user")  # pam_systemd(8): where XDG_RUNTIME_DIR lies


class _Backend(NamedTuple):
    module: str
    name: str
    words: str


_BACKENDS = {
    "linux": _Backend("keyring.backends.SecretService", "Keyring", "Secret Service"),
    "darwin": _Backend("keyring.backends.macOS", "Keyring", "macOS Keychain"),
    "win32": _Backend("keyring.backends.Windows", "WinVaultKeyring", "Windows Credential Manager"),
}


class KeyringKey:
    """The key in the keyring's entry `USER`. `otherwise` is a hint that names other places for the key."""

    def __init__(self, otherwise: str = ELSEWHERE) -> None:
        self._otherwise = otherwise
        self._keyring: Any = None  # keyring ships no types

    def load(self) -> bytes | None:
        text = self.read(USER)
        return None if text is None else decode_key(text.encode(), self.describe())

    def read(self, name: str) -> str | None:
        """The text of the entry `name`, None if there is none. Raises `StoreError`."""
        with self.explaining():
            if sys.platform == "linux":
                _find_session_bus()
                text = _read_secret_service(name)
            else:
                text = self.opened().get_password(SERVICE, name)
        return text

    def look(self) -> bytes | None:
        """As `load`, but on Linux it fails where the keyring would ask the user to unlock it, or to set it up."""
        self.check_unlocked()
        return self.load()

    def create(self, key: bytes) -> None:
        with self.explaining():
            self.opened().set_password(SERVICE, USER, base64.b64encode(key).decode())

    def check_unlocked(self) -> None:
        """Raise `StoreError` where a read would ask the user, as far as that can be known: on Linux."""
        if sys.platform == "linux":
            with self.explaining():
                _find_session_bus()
                _check_unlocked(self.describe(), self._otherwise)

    def describe(self) -> str:
        backend = _BACKENDS.get(sys.platform)
        return f"the OS keyring ({backend.words})" if backend else "the OS keyring"

    @contextlib.contextmanager
    def explaining(self) -> Iterator[None]:
        """Raise any error inside as a `StoreError`."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - four libraries and a daemon raise many kinds
            raise _keyring_error(error, self.describe(), self._otherwise) from None

    def opened(self) -> Any:
        if self._keyring is None:
            backend = _BACKENDS.get(sys.platform)
            if backend is None:
                raise StoreError(f"there is no keyring support for the platform {sys.platform}", self._otherwise)
            if sys.platform == "linux":
                _find_session_bus()
            self._keyring = getattr(import_module(backend.module), backend.name)()
            if sys.platform == "win32":
                self._keyring.persist = "local machine"  # the default roams to other machines of the domain
        return self._keyring


def load_entry(name: str) -> str | None:
    """The secret `name` in the OS keyring, None if there is none. Raises `StoreError`."""
    _check_name(name)
    return KeyringKey(_NO_ENTRY).read(name)


def look_entry(name: str) -> str | None:
    """As `load_entry`, but it fails rather than ask the user, as `KeyringKey.look` does."""
    KeyringKey(_NO_ENTRY).check_unlocked()
    return load_entry(name)


def save_entry(name: str, secret: str) -> None:
    """Keep `secret` in the OS keyring as `name`. Raises `StoreError`."""
    _check_name(name)
    keyring = KeyringKey(_NO_ENTRY)
    with keyring.explaining():
        keyring.opened().set_password(SERVICE, name, secret)


def delete_entry(name: str) -> None:
    """Delete the secret `name` from the OS keyring, if there is one; `USER` is the sealing key. Raises `StoreError`."""
    keyring = KeyringKey(_NO_ENTRY)
    with keyring.explaining():
        if keyring.opened().get_password(SERVICE, name) is not None:
            keyring.opened().delete_password(SERVICE, name)


def _check_unlocked(place: str, otherwise: str) -> None:
    """Raise an error unless the default collection can be read as it is."""
    library = import_module("secretstorage")  # the backend's own; `get_default_collection` would create one
    with contextlib.closing(library.dbus_init()) as bus:
        try:
            locked = library.Collection(bus).is_locked()
        except library.ItemNotFoundException:
            raise StoreError(f"{place} holds no keyring yet, and asks the user to set one up", otherwise) from None
    if locked:
        raise StoreError(f"{place} is locked", f"unlock it and repeat, or {otherwise}")


def _read_secret_service(user: str) -> str | None:
    """The secret that keyring's backend keeps for `user`. It may ask the person to unlock it, or to set it up."""
    library = import_module("secretstorage")
    with contextlib.closing(library.dbus_init()) as bus:
        collection = library.get_default_collection(bus)
        _unlock(collection, library)
        for item in collection.search_items({"service": SERVICE, "username": user}):
            _unlock(item, library)
            secret: str = item.get_secret().decode()
            return secret
    return None


def _unlock(place: Any, library: Any) -> None:
    """Let the user unlock `place`, a collection or an item of the `library`. Raises its `LockedException`."""
    if place.is_locked():
        place.unlock()
        if place.is_locked():
            raise library.LockedException


def _check_name(name: str) -> None:
    if name.casefold() == USER:  # Windows' Credential Manager finds "Sealing Key" too
        raise StoreError(
            "the key that seals the logins cannot be used as a secret", "choose another name for the entry"
        )


def _find_session_bus() -> None:
    """Set the variable that names the session bus to systemd's: cron, ssh and some IDEs start the bridge without it."""
    socket = _RUNTIME / str(os.getuid()) / "bus"
    if "DBUS_SESSION_BUS_ADDRESS" not in os.environ and socket.is_socket():
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={socket}"


def _keyring_error(error: Exception, place: str, otherwise: str) -> StoreError:
    """The error for a failure of the keyring, by exception type: texts are foreign and differ by version."""
    if isinstance(error, StoreError):
        return error
    kinds = {kind.__name__ for each in (error, error.__cause__) if each for kind in type(each).__mro__}
    if kinds & {"PromptDismissedException"}:
        told = f"{place} asked to be unlocked or set up, and its prompt was not answered"
        return StoreError(told, f"unlock it and repeat, or {otherwise}")
    if kinds & {"KeyringLocked", "LockedException"}:
        return StoreError(f"{place} is locked", f"unlock it and repeat, or {otherwise}")
    if kinds & {"SecretServiceNotAvailableException", "OSError", "EOFError", "RuntimeError"}:
        return StoreError(f"{place} does not answer", f"start it and repeat, or {otherwise}")
    if kinds & {"ImportError", "NameError"}:
        return StoreError(f"the library for {place} is missing", f"reinstall mcp-auth-bridge, or {otherwise}")
    return StoreError(f"{place} failed with {type(error).__name__}", otherwise)
