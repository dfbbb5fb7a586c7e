"""The configuration files of other programs: read whole, replaced as a whole, and never damaged.

A link stays a link: the file that it leads to is replaced. Mode, owner and extended attributes stay. The first version
that the bridge has met is kept beside the file.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mcp_auth_bridge.errors import ConfigError, os_error_text
from mcp_auth_bridge.shell.files.user_file import real_path
from mcp_auth_bridge.stores.file_io import CREATE, fill, sync_folder

BACKUP = ".before-mcp-auth-bridge"
"""The ending of the name of that first version."""

_MOST = 64 << 20  # bytes: Claude Code keeps whole histories in its file


class ClientFile(msgspec.Struct, frozen=True):
    """A file as it was read."""

    # The path by which the client knows it.
    path: Path
    # The file itself, where a link has led.
    real: Path
    # Its content, None if there is no file.
    data: bytes | None

    @property
    def text(self) -> str:
        """The content, with its line ends and its byte order mark. Raises `ConfigError` if it is not UTF-8."""
        try:
            return (self.data or b"").decode()
        except UnicodeDecodeError:
            raise ConfigError(f"{self.path} is not in UTF-8", "save it as UTF-8, or add the entry by hand") from None

    @property
    def backup(self) -> Path:
        return self.real.with_name(self.real.name + BACKUP)


def read_file(path: Path) -> ClientFile:
    """The file at `path`, which need not exist. Raises `ConfigError`."""
    with _translating(path):
        real = real_path(path)
        if not real.exists():
            return ClientFile(path, real, None)
        if not real.is_file():
            raise ConfigError(f"{path} is not a file", "move it away")
        if real.stat().st_size > _MOST:
            raise ConfigError(f"{path} is larger than 64 MiB", "add the entry by hand")
        return ClientFile(path, real, real.read_bytes())


def write_file(file: ClientFile, text: str, new_mode: int) -> list[Path]:
    """Replace the content of `file`, and return the folders that had to be made for it, outermost first.

    `new_mode` is for a file that does not exist yet. Raises `ConfigError` if the file may not be written, or has
    changed since it was read; then it is as it was.
    """
    with _translating(file.path):
        _check_may_write(file)
        made = _make_folders(file.real.parent)
        if file.data is not None:
            _keep_first(file)
        _replace(file, text.encode(), new_mode)
        return made


def delete_file(file: ClientFile, folders: list[Path]) -> None:
    """Delete `file`, and those of `folders`, outermost first, in which there is nothing then. Raises `ConfigError`."""
    with _translating(file.path):
        _check_is_unchanged(file)
        file.real.unlink()
        file.backup.unlink(missing_ok=True)
        for folder in reversed(folders):
            with contextlib.suppress(OSError):  # something else is in it by now
                folder.rmdir()


def drop_backup(file: ClientFile) -> None:
    """Delete the kept first version, if it is what `file` holds again."""
    with contextlib.suppress(OSError):  # there is none
        if file.backup.read_bytes() == file.data:
            file.backup.unlink()


def _check_may_write(file: ClientFile) -> None:
    if file.data is not None and not file.real.stat().st_mode & 0o222:
        raise ConfigError(f"{file.path} is read-only", f"let this user write it (chmod u+w {file.real})")


def _make_folders(folder: Path) -> list[Path]:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir()
    return missing[::-1]


def _keep_first(file: ClientFile) -> None:
    try:
        descriptor = os.open(file.backup, CREATE, 0o600)
    except FileExistsError:
        return
    fill(descriptor, file.data or b"")
    _copy_properties(file.real, file.backup)


def _replace(file: ClientFile, data: bytes, new_mode: int) -> None:
    new = file.real.with_name(f".{file.real.name}.{os.urandom(6).hex()}")
    fill(os.open(new, CREATE, 0o600), data)
    try:
        if file.data is None:
            new.chmod(new_mode)
        else:
            _copy_properties(file.real, new)
        _check_is_unchanged(file)
        new.replace(file.real)
    except BaseException:
        new.unlink()
        raise
    if os.name != "nt":
        descriptor = os.open(file.real.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            sync_folder(descriptor)
        finally:
            os.close(descriptor)


def _copy_properties(original: Path, copy: Path) -> None:
    """Give `copy` the mode, the attributes and the owner of `original`, but a time of its own: programs watch that."""
    status = original.stat()
    shutil.copystat(original, copy)
    os.utime(copy)
    if os.name != "nt":
        with contextlib.suppress(PermissionError):  # only root may give files away
            os.chown(copy, status.st_uid, status.st_gid)


def _check_is_unchanged(file: ClientFile) -> None:
    now = file.real.read_bytes() if file.real.exists() else None
    if now != file.data:
        raise ConfigError(
            f"{file.path} has just been changed by another program, and nothing was written", "repeat the command"
        )


@contextlib.contextmanager
def _translating(path: Path) -> Iterator[None]:
    """Raise the `ConfigError` for an `OSError` of the block, which is about `path`."""
    try:
        yield
    except PermissionError:
        raise ConfigError(f"no permission for {path}", f"let this user read and write in {path.parent}") from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be used: {os_error_text(error)}", "correct that, and repeat the command"
        ) from None
