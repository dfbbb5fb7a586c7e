"""The folder of the log files: one file for each process, never more than a user can spare.

The name of a file begins with the time at which its process started, so the names of old files come first. The file
that is being written is `bridge-<start>-<pid>.jsonl`; when it is full, it becomes `.1.jsonl`, and that `.2.jsonl`.
"""

import contextlib
import os
import time
from pathlib import Path

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.folder import Folder, OpenFolder, open_folder

LARGEST = 5 << 20  # bytes of one file
FILES = 3  # of one process
LARGEST_FOLDER = 50 << 20  # bytes
MOST_FILES = 300  # in the folder: a start looks at each of them
OLDEST = 14 * 86_400  # seconds since the last line of a file

_PREFIX, _SUFFIX = "bridge-", ".jsonl"


class LogFiles:
    """The log files of this process in `folder`. The first line makes the folder, and each new file prunes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        started = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        # the names of all files begin with it
        self._stem = f"{_PREFIX}{started}-{os.getpid()}"
        # of the file that is being written, None if none is open
        self._descriptor: int | None = None
        # bytes of that file
        self._size = 0

    def append(self, data: bytes) -> None:
        """Append `data`, which is whole lines. Raises `OSError` or `StoreError`; then nothing is appended."""
        descriptor = self._room_for(data)
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, self._size)  # no line is torn
                os.lseek(descriptor, self._size, os.SEEK_SET)
            raise
        self._size += len(data)

    def _room_for(self, data: bytes) -> int:
        """The descriptor of a file with room for `data`: the present one, or a new one."""
        if self._descriptor is not None:
            is_gone = os.fstat(self._descriptor).st_nlink == 0  # another process has pruned the folder
            if not is_gone and self._size + len(data) <= LARGEST:
                return self._descriptor
            os.close(self._descriptor)
            self._descriptor = None
        Folder(self._folder).create()
        with open_folder(self._folder, self._name(0)) as folder:
            self._rotate(folder)
            self._descriptor, self._size = folder.open_new(self._name(0)), 0
            with contextlib.suppress(OSError, StoreError):
                _prune(folder, self._stem)
        return self._descriptor

    def _rotate(self, folder: OpenFolder) -> None:
        for number in range(FILES - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                folder.rename(self._name(number - 1), self._name(number))

    def _name(self, number: int) -> str:
        return f"{self._stem}.{number}{_SUFFIX}" if number else f"{self._stem}{_SUFFIX}"


def is_log_file(name: str) -> bool:
    """Whether a file of this `name` is one of the bridge's log files. Their names sort by the start of the process."""
    return name.startswith(_PREFIX) and name.endswith(_SUFFIX)


def _prune(folder: OpenFolder, own: str) -> None:
    """Remove the oldest files beyond each limit; those that begin with `own` stay."""
    names = [name for name in folder.names() if is_log_file(name)]
    limit, size = time.time() - OLDEST, 0
    for number, name in enumerate(reversed(names)):
        if name.startswith(own):
            continue
        # Another process may prune too, or on Windows still write.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            status = folder.status(name)
            size += status.st_size
            if number >= MOST_FILES or size > LARGEST_FOLDER or status.st_mtime < limit:
                folder.unlink(name)
