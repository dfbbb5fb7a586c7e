"""A log file is written beside the work: nothing that happens to it delays a message or is heard of."""

import threading

from mcp_auth_bridge.shell.console import log_file
from mcp_auth_bridge.shell.console.log_file import LogFile

LONG = 60.0  # seconds, for what comes at once


class Files:
    """A disk: `refuses` makes it full, and it waits while `free` is not set."""

    def __init__(self):
        self.written = b""
        self.refuses = False
        self.entered, self.free = threading.Event(), threading.Event()
        self.free.set()

    def append(self, data):
        self.entered.set()
        self.free.wait(LONG)
        if self.refuses:
            raise OSError(28, "No space left on device")
        self.written += data


def dropped_line(count):
    return f"{count} dropped\n"


def test_lines_are_written_in_their_order():
    files = Files()
    log = LogFile(files, dropped_line)
    for number in range(100):
        log.write(f"{number}\n")
    log.flush(LONG)
    assert files.written.decode().splitlines() == [str(number) for number in range(100)]


def test_a_flush_of_nothing_returns_at_once():
    LogFile(Files(), dropped_line).flush(LONG)


def test_a_flush_does_not_wait_longer_than_it_may_for_a_disk_that_hangs():
    files = Files()
    files.free.clear()
    log = LogFile(files, dropped_line)
    log.write("one\n")
    log.flush(0.01)
    assert files.written == b""
    files.free.set()
    log.flush(LONG)
    assert files.written == b"one\n"


def test_what_a_hanging_disk_has_no_room_for_is_dropped_and_counted(monkeypatch):
    monkeypatch.setattr(log_file, "_ROOM", 20)
    files = Files()
    files.free.clear()
    log = LogFile(files, dropped_line)
    log.write("first\n")
    files.entered.wait(LONG)
    for number in range(9):
        log.write(f"line {number}\n")
    files.free.set()
    log.flush(LONG)
    log.write("after\n")
    log.flush(LONG)
    assert files.written == b"first\n7 dropped\nline 0\nline 1\nafter\n"


def test_lines_for_which_a_disk_is_full_are_counted_once_there_is_space():
    files = Files()
    files.refuses = True
    log = LogFile(files, dropped_line)
    for _ in range(2):
        log.write("lost\n")
        log.flush(LONG)
    files.refuses = False
    log.write("after\n")
    log.flush(LONG)
    assert files.written == b"2 dropped\nafter\n"


def test_without_another_thread_there_is_no_log(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    files = Files()
    log = LogFile(files, dropped_line)
    log.write("one\n")
    log.flush(LONG)
    assert files.written == b""


def test_a_line_that_a_destructor_writes_meanwhile_is_not_a_deadlock():
    log = LogFile(Files(), dropped_line)
    with log._changed:  # as while a line is being written
        log.write("from a destructor\n")
    log.flush(LONG)
    assert log._files.written == b"from a destructor\n"
