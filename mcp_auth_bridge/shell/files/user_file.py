"""A text file of the user, read and replaced as a whole: its byte order mark, mode and symbolic links stay."""

import contextlib
import errno
import os
import stat
from pathlib import Path

import msgspec

from mcp_auth_bridge.errors import ConfigError, os_error_text
from mcp_auth_bridge.stores.file_io import CREATE, SAFE, fill, sync_folder

LIMIT = 1 << 20
"""Bytes. A file that a person writes by hand is a thousand times smaller."""

_MARK = b"\xef\xbb\xbf"
_TEMPORARY = ".mcp-auth-bridge.new"


class UserFile(msgspec.Struct, frozen=True):
    """The file `path` as it was read. `content` is None if there was none."""

    path: Path
    content: bytes | None

    @property
    def text(self) -> str:
        """The content without its byte order mark, "" if there is no file. Raises `ConfigError` if it is not UTF-8."""
        try:
            return (self.content or b"").removeprefix(_MARK).decode()
        except UnicodeDecodeError:
            raise ConfigError(f"{self.path} is not text in UTF-8", "save it as UTF-8") from None

    def encode(self, text: str) -> bytes:
        """`text` as the bytes of this file: with its byte order mark, if it has one."""
        return (_MARK if (self.content or b"").startswith(_MARK) else b"") + text.encode()


def read_user_file(path: Path) -> UserFile:
    """Read the file `path`, which need not exist. Raises `ConfigError`."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except FileNotFoundError:
        return UserFile(path, None)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {os_error_text(error)}", "check the file's owner and mode") from None
    if len(content) > LIMIT:
        raise ConfigError(
            f"{path} is larger than {LIMIT // 1024} KiB", "this is not the file of a person: move it away"
        )
    return UserFile(path, content)


def real_path(path: Path) -> Path:
    """The path to which the links at `path` lead. Raises `OSError` if they form a circle.

    `Path.resolve` raises `RuntimeError` for such links before Python 3.13, and nothing since.
    """
    with contextlib.suppress(FileNotFoundError):
        path.stat()
    return path.resolve()


def make_folder(path: Path) -> None:
    """Make the folder of the file `path`, private (0700) if it is new. Raises `ConfigError`."""
    try:
        real_path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _write_error(path, error) from None


def replace_user_file(before: UserFile, text: str) -> None:
    """Put `text` in the place of `before`, as a whole and durably. Raises `ConfigError`, and then nothing has changed.

    A new file is private (0600); an old one keeps its mode. A symbolic link stays, and the file that it leads to is
    replaced. A file that another program has changed since it was read is not replaced.
    """
    path = before.path
    make_folder(path)
    try:
        target = real_path(path)
        mode = _mode(target)
        if read_user_file(path).content != before.content:
            raise ConfigError(f"{path} has just been changed by another program", "run the command again")
        _replace(target, before.encode(text), mode)
    except OSError as error:
        raise _write_error(path, error) from None


def _write_error(path: Path, error: OSError) -> ConfigError:
    """The error for a `path` that cannot be written."""
    hint = f"let this user write in {path.parent}, or name another file with --config"
    return ConfigError(f"{path} cannot be written: {os_error_text(error)}", hint)


def _mode(target: Path) -> int:
    """The permissions for the file in the place of `target`. Raises `OSError` if `target` must not be changed."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return 0o600
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    if not (status.st_mode & stat.S_IWUSR and os.access(target, os.W_OK)):
        raise OSError(errno.EACCES, "it is read-only")
    return stat.S_IMODE(status.st_mode)


def _replace(target: Path, data: bytes, mode: int) -> None:
    temporary = target.with_name(f".{target.name}{_TEMPORARY}")
    temporary.unlink(missing_ok=True)  # left by a process that was killed
    descriptor = os.open(temporary, CREATE | SAFE, 0o600)
    try:
        fill(descriptor, data)
        temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if os.name != "nt":
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            sync_folder(folder)
        finally:
            os.close(folder)
