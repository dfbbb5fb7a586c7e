"""The configuration files of other programs: the first version that the bridge has met is kept beside each."""

import contextlib
import os
from pathlib import Path

from mcp_auth_bridge.shell.files.user_file import (
    UserFile,
    check_is_unchanged,
    check_may_write,
    copy_properties,
    make_folders,
    read_user_file,
    replace_user_file,
    translating,
)
from mcp_auth_bridge.stores.file_io import CREATE, SAFE, fill

BACKUP = ".before-mcp-auth-bridge"
"""The ending of the name of that first version."""

_MOST = 64 << 20  # bytes: Claude Code keeps whole histories in its file


def read_file(path: Path) -> UserFile:
    """The file at `path`, which need not exist. Raises `ConfigError`."""
    return read_user_file(path, _MOST)


def backup_of(file: UserFile) -> Path:
    """Where the first version of `file` is kept, if it is."""
    return file.real.with_name(file.real.name + BACKUP)


def write_file(file: UserFile, text: str, new_mode: int) -> list[Path]:
    """Replace the content of `file`, and return the folders that had to be made for it, outermost first.

    The old content is kept, if nothing has been kept before. `new_mode` is for a file that does not exist yet. Raises
    `ConfigError` if the file may not be written, or has changed since it was read; then it is as it was.
    """
    with translating(file.path):
        check_may_write(file)
        made = make_folders(file.path, 0o777)
        kept = file.data is not None and _keep_first(file)
    try:
        replace_user_file(file, text, new_mode)
    except BaseException:
        if kept:
            backup_of(file).unlink()
        raise
    return made


def delete_file(file: UserFile, folders: list[Path]) -> None:
    """Delete `file`, and those of `folders`, outermost first, in which there is nothing then. Raises `ConfigError`."""
    with translating(file.path):
        check_is_unchanged(file)
        file.real.unlink()
        backup_of(file).unlink(missing_ok=True)
        for folder in reversed(folders):
            with contextlib.suppress(OSError):  # something else is in it by now
                folder.rmdir()


def drop_backup(file: UserFile) -> None:
    """Delete the kept first version, if it is what `file` holds again."""
    backup = backup_of(file)
    with contextlib.suppress(OSError):  # there is none
        if backup.read_bytes() == file.data:
            backup.unlink()


def _keep_first(file: UserFile) -> bool:
    """Keep the content of `file`, unless an earlier one is kept. Returns whether it is this one."""
    backup = backup_of(file)
    try:
        descriptor = os.open(backup, CREATE | SAFE, 0o600)
    except FileExistsError:
        return False
    fill(descriptor, file.data or b"")
    copy_properties(file.real, backup)
    return True
