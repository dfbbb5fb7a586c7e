"""A log file, which is written beside the work: a slow, full or absent disk never delays a message."""

import contextlib
import threading

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.shell.console.line_format import DroppedLine
from mcp_auth_bridge.shell.console.log_folder import LogFiles

_ROOM = 1 << 20  # characters that may wait for the disk


class LogFile:
    """Writes lines to `files`, in a thread of its own that begins with the first line.

    Drops the lines for which there is no room, and those that cannot be written. Once there is room again, it first
    writes `dropped_line(count)`. No error leaves it: a bridge works without a log.
    """

    def __init__(self, files: LogFiles, dropped_line: DroppedLine) -> None:
        # the files on the disk; only the thread uses them
        self._files = files
        # makes the line about dropped ones
        self._dropped_line = dropped_line
        # lines that wait for the thread
        self._waiting: list[str] = []
        # characters of those lines
        self._size = 0
        # lines dropped since the last one that was written
        self._dropped = 0
        # whether the thread has lines that are not written yet
        self._writes = False
        # None before the first line
        self._thread: threading.Thread | None = None
        # held for all of the above, which the thread changes too; a destructor may write while its thread holds it
        self._changed = threading.Condition(threading.RLock())

    def write(self, text: str) -> None:
        """Have `text`, which is whole lines, written soon, or drop it."""
        with self._changed:
            if self._size + len(text) > _ROOM or not self._has_thread():
                self._dropped += 1
                return
            self._waiting.append(text)
            self._size += len(text)
            self._changed.notify_all()

    def flush(self, seconds: float) -> None:
        """Wait until all lines are written or dropped, for at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._writes, seconds)

    def _has_thread(self) -> bool:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="log", daemon=True)
            with contextlib.suppress(RuntimeError):  # the system allows no more threads
                thread.start()
                self._thread = thread
        return self._thread is not None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._writes = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                lines, dropped = self._waiting, self._dropped
                self._waiting, self._size, self._dropped, self._writes = [], 0, 0, True
            missing = self._dropped_line(dropped) if dropped else ""
            try:
                self._files.append((missing + "".join(lines)).encode())
            except (OSError, BridgeError):
                with self._changed:
                    self._dropped += dropped + len(lines)
