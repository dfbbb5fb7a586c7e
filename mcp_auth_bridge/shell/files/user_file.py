"""A text file of the user or of another program: read whole, replaced as a whole, and never damaged.

A link stays a link: the file that it leads to is replaced. Mode, owner and extended attributes stay.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mcp_auth_bridge.errors import ConfigError, os_error_text, shell_quoted
from mcp_auth_bridge.stores.file_io import CREATE, SAFE, fill, sync_folder

LIMIT = 1 << 20
"""Bytes. A file that a person writes by hand is a thousand times smaller."""

_MARK = "\ufeff"  # the byte order mark


class ChangedMeanwhile(ConfigError):
    """Another program has changed the file since it was read. Nothing was written."""


class UserFile(msgspec.Struct, frozen=True):
    """A file as it was read."""

    # The path by which its reader knows it.
    path: Path
    # The file itself, where a link has led.
    real: Path
    # Its content, None if there is no file.
    data: bytes | None

    @property
    def text(self) -> str:
        """The content, with its line ends and its byte order mark; "" if there is no file.

        Raises `ConfigError` if it is not UTF-8.
        """
        try:
            return (self.data or b"").decode()
        except UnicodeDecodeError:
            raise ConfigError(f"{self.path} is not in UTF-8", "save it as UTF-8, or edit it by hand") from None

    @property
    def unmarked(self) -> str:
        """`text` without its byte order mark."""
        return self.text.removeprefix(_MARK)

    def marked(self, text: str) -> str:
        """`text` with a byte order mark, if this file has one."""
        return (_MARK if self.text.startswith(_MARK) else "") + text


def read_user_file(path: Path, limit: int = LIMIT) -> UserFile:
    """The file at `path`, which need not exist, of at most `limit` bytes. Raises `ConfigError`."""
    with translating(path):
        real = real_path(path)
        if not real.exists():
            return UserFile(path, real, None)
        if not real.is_file():
            raise ConfigError(f"{path} is not a file", "move it away")
        with real.open("rb") as file:
            data = file.read(limit + 1)
    if len(data) > limit:
        raise ConfigError(f"{path} is larger than {limit // 1024} KiB", "edit it by hand, or move it away")
    return UserFile(path, real, data)


def real_path(path: Path) -> Path:
    """The path to which the links at `path` lead. Raises `OSError` if they form a circle.

    `Path.resolve` raises `RuntimeError` for such links before Python 3.13, and nothing since.
    """
    with contextlib.suppress(FileNotFoundError):
        path.stat()
    return path.resolve()


def make_folders(path: Path, mode: int) -> list[Path]:
    """Make the folders of the file at `path`, and return those that were missing, outermost first; they get `mode`.

    Raises `ConfigError`.
    """
    with translating(path):
        missing = [each for each in real_path(path).parents if not each.exists()]
        for each in reversed(missing):
            each.mkdir(mode, exist_ok=True)  # another process may be making it, too
        return missing[::-1]


def replace_user_file(before: UserFile, text: str, new_mode: int = 0o600) -> None:
    """Put `text` in the place of `before`, as a whole and durably. Its folder must exist.

    `new_mode` is for a file that does not exist yet. Raises `ConfigError` if the file may not be written, or has
    changed since it was read; then it is as it was.
    """
    with translating(before.path):
        check_may_write(before)
        _replace(before, text.encode(), new_mode)


def check_may_write(file: UserFile) -> None:
    """Raise `ConfigError` for a read-only file: renaming another one over it would succeed."""
    if file.data is None:
        return
    if not (file.real.stat().st_mode & 0o222 and os.access(file.real, os.W_OK)):
        raise ConfigError(
            f"{file.path} is read-only", f"let this user write it (chmod u+w {shell_quoted(str(file.real))})"
        )


def check_is_unchanged(file: UserFile) -> None:
    """Raise `ConfigError` if the file is not as it was read."""
    now = file.real.read_bytes() if file.real.exists() else None
    if now != file.data:
        raise ChangedMeanwhile(
            f"{file.path} has just been changed by another program, and nothing was written", "repeat the command"
        )


def copy_properties(original: Path, copy: Path) -> None:
    """Give `copy` the mode, the attributes and the owner of `original`, but a time of its own: programs watch that."""
    status = original.stat()
    shutil.copystat(original, copy)
    os.utime(copy)
    if os.name != "nt":
        with contextlib.suppress(PermissionError):  # only root may give files away
            os.chown(copy, status.st_uid, status.st_gid)


@contextlib.contextmanager
def translating(path: Path) -> Iterator[None]:
    """Raise the `ConfigError` for an `OSError` of the block, which is about `path`."""
    try:
        yield
    except PermissionError:
        raise ConfigError(f"no permission for {path}", f"let this user read and write in {path.parent}") from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be used: {os_error_text(error)}", "correct that, and repeat the command"
        ) from None


def _replace(file: UserFile, data: bytes, new_mode: int) -> None:
    new = file.real.with_name(f".{file.real.name}.{os.urandom(6).hex()}")
    descriptor = os.open(new, CREATE | SAFE, 0o600)
    try:
        fill(descriptor, data)
        if file.data is None:
            new.chmod(new_mode)
        else:
            copy_properties(file.real, new)
        check_is_unchanged(file)
        new.replace(file.real)
    except BaseException:
        new.unlink()
        raise
    if os.name != "nt":
        folder = os.open(file.real.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            sync_folder(folder)
        finally:
            os.close(folder)
