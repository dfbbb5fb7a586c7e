"""The places of the 32-byte sealing key. The configuration chooses one, and there is no silent fallback."""

import base64
import binascii
import json
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from mcp_auth_bridge.errors import BridgeError, StoreError, shell_quoted
from mcp_auth_bridge.stores.file_io import Forbidden, Missing, create_file, read_all, translate_os_errors
from mcp_auth_bridge.stores.folder import Folder
from mcp_auth_bridge.stores.sealed import Mutex, record_names

KEY_BYTES = 32

ELSEWHERE = (
    'choose another place under [store] in config.toml: kind = "key_file" with path = "…", "key_command" with '
    'command = ["op", "…"], "insecure_file" or "memory"'
)

_KINDS = '"key_command", "insecure_file"'

_MAKE_A_KEY = "make one with: openssl rand -base64 32"
# The variables that password managers need to find their agent and data. A token for them belongs in a wrapper script.
COMMAND_ENVIRONMENT = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"),
        *(
            "XDG_RUNTIME_DIR",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "DBUS_SESSION_BUS_ADDRESS",
            "DISPLAY",
            "WAYLAND_DISPLAY",
        ),
        *("GNUPGHOME", "GPG_TTY", "SSH_AUTH_SOCK", "PASSWORD_STORE_DIR"),
        *("SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATHEXT", "COMSPEC", "TEMP", "TMP"),
    )
)


def keep_hint(config: Path, kinds: str = _KINDS) -> str:
    """The hint for keeping logins without a keyring: a line to paste into the file `config`, and where."""
    path = json.dumps(str(config.absolute().with_name("sealing.key")), ensure_ascii=False)  # valid TOML too
    line = f'store = {{ kind = "key_file", path = {path} }}'
    return f"make this the first line of {config}, in place of any [store] there (or another kind: {kinds}): {line}"


def store_hint(config: Path) -> str:
    """As `keep_hint`, with memory as another choice."""
    return keep_hint(config, f'{_KINDS}, "memory"')


class KeySource(Protocol):
    def load(self) -> bytes | None:
        """The key, or None if the place works and holds none yet. Raises `StoreError` if it does not work."""

    def look(self) -> bytes | None:
        """As `load`, but it fails rather than ask the user, as far as the place lets it."""

    def create(self, key: bytes) -> None:
        """Put `key` there, but never in place of another. Raises `StoreError`; a read-only source always does."""

    def describe(self) -> str:
        """The place in words, for `status` and for errors."""


def sealing_key(source: KeySource, entropy: Callable[[int], bytes], mutex: Mutex, records: Path) -> bytes:
    """The key in `source`, created there at the first use; `records` is the folder of the records that it seals.

    Raises `StoreError`, also if there are sealed records but no key: a new key would hide them for good.
    """
    key = source.load()
    if key is None:
        with mutex("sealing key"):
            key = source.load() or _create(source, entropy(KEY_BYTES), records)
    return key


def _create(source: KeySource, key: bytes, records: Path) -> bytes:
    check_not_needed(source, records)
    source.create(key)
    kept = source.load()  # the key that is there now counts, whichever process wrote it
    if kept is None:
        raise StoreError(f"{source.describe()} accepted the sealing key but did not keep it", ELSEWHERE)
    return kept


def check_not_needed(source: KeySource, records: Path) -> None:
    """Raise `StoreError` if the folder `records` holds records: the key that is not in `source` has sealed them."""
    if record_names(Folder(records)):
        raise StoreError(
            f"the sealing key is missing from {source.describe()}, but {records} holds records sealed with it",
            f"restore the key there, or move {records} away and run mcp-auth-bridge login NAME",
        )


def decode_key(content: bytes, place: str) -> bytes:
    """The key in `content`: base64, with or without white space around it, or the 32 raw bytes.

    Raises `StoreError` for anything else, which names the `place`.
    """
    if len(content) == KEY_BYTES:
        return content
    try:
        key = base64.b64decode(content.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise StoreError(f"{place} does not hold {KEY_BYTES} bytes in base64", _MAKE_A_KEY)
    return key


class KeyFile:
    """A key in a file that the user, systemd (`LoadCredential=`) or Kubernetes (a secret's mount) provides.

    It must be a regular file that belongs to this user or to root and is closed to others. Its group must have no
    access, with one exception: a file of root may be readable by its group (0440), as Kubernetes mounts it under
    `fsGroup` and as systemd shows it if an access list lets the service in. Symbolic links are followed, because
    Kubernetes mounts every secret through two of them; the file that is verified is the opened one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> bytes | None:
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not block
        try:
            with translate_os_errors(self.path):
                descriptor = os.open(self.path, flags)
        except Missing:
            return None
        except Forbidden:
            hint = f"give it to this user with chown, and run: chmod 600 {shell_quoted(str(self.path))}"
            raise StoreError(f"the key file {self.path} is closed to this user", hint) from None
        try:
            _check_key_file(os.fstat(descriptor), self.path)
            return decode_key(read_all(descriptor, 4 * KEY_BYTES), self.describe())
        finally:
            os.close(descriptor)

    look = load

    def create(self, key: bytes) -> None:
        try:
            with translate_os_errors(self.path.parent):
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            create_file(self.path, base64.b64encode(key) + b"\n")
        except Forbidden as error:
            # Systemd or Kubernetes should have put one there.
            raise StoreError(f"there is no key file, and it cannot be created: {error.message}", _MAKE_A_KEY) from None

    def describe(self) -> str:
        return f"the key file {self.path}"


class InsecureKeyFile(KeyFile):
    """The key beside the records, for users who ask for it by name: a copy of the folder can be read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "insecure.key")

    def describe(self) -> str:
        return f"the insecure key file {self.path}, which lies beside the records that it opens"


def _check_key_file(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"the key file {path} is not a regular file", _MAKE_A_KEY)
    if os.name == "nt":
        return
    if status.st_uid not in (0, os.geteuid()):
        raise StoreError(f"the key file {path} belongs to another user", f"give it to this user with chown: {path}")
    if stat.S_IMODE(status.st_mode) & (0o037 if status.st_uid == 0 else 0o077):
        hint = f"in Kubernetes, set defaultMode: 0440; elsewhere, run: chmod 600 {shell_quoted(str(path))}"
        raise StoreError(f"the key file {path} is open to other users", hint)


class KeyCommand:
    """A key that a password manager prints in base64. `run` returns its output, or raises `BridgeError`."""

    def __init__(self, command: Sequence[str], run: Callable[[Sequence[str]], bytes]) -> None:
        self._command = tuple(command)
        self._run = run

    def load(self) -> bytes:
        try:
            printed = self._run(self._command)
        except BridgeError as error:
            raise StoreError(f"the sealing key could not be read: {error.message}", error.hint) from None
        return decode_key(printed, self.describe())

    look = load

    def create(self, key: bytes) -> None:  # noqa: ARG002 - a command cannot take one
        raise StoreError(f"{self.describe()} has no key and cannot be given one", _MAKE_A_KEY)

    def describe(self) -> str:
        return f"the key command {self._command[0]}"
