"""Who holds a lock: a process of this test by the kernel's own table, and tables of other file systems."""

import os
import sys

import pytest
from filelock import FileLock

from mcp_auth_bridge.shell.files.lock import Locks
from mcp_auth_bridge.shell.files.lock_holders import holders


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_process_that_holds_a_lock_is_named_until_it_releases_it(tmp_path):
    path = Locks(tmp_path).file("session")
    assert holders(path) == []
    with FileLock(path):
        assert holders(path) == [os.getpid()]
    assert holders(path) == []


@pytest.fixture
def lock(tmp_path):
    path = tmp_path / "x.lock"
    path.touch()
    return path


def table_of(tmp_path, *lines):
    path = tmp_path / "locks"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_processes_that_wait_and_locks_on_other_files_do_not_count(tmp_path, lock):
    status = lock.stat()
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    table = table_of(
        tmp_path,
        f"1: FLOCK  ADVISORY  WRITE 4711 {device}:{status.st_ino} 0 EOF",
        f"1: -> FLOCK  ADVISORY  WRITE 4712 {device}:{status.st_ino} 0 EOF",
        f"2: POSIX  ADVISORY  READ 4713 {device}:{status.st_ino + 1} 0 EOF",
        f"3: FLOCK  ADVISORY  WRITE 4714 7f:01:{status.st_ino} 0 EOF",
    )
    assert holders(lock, table) == [4711]


def test_subvolumes_of_one_file_system_without_a_device_are_the_same_place(tmp_path, lock, monkeypatch):
    monkeypatch.setattr(os, "major", lambda device: 0)
    table = table_of(tmp_path, f"1: FLOCK  ADVISORY  WRITE 4711 00:1f:{lock.stat().st_ino} 0 EOF")
    assert holders(lock, table) == [4711]


def test_without_a_table_nothing_is_known(tmp_path, lock):
    assert holders(lock, tmp_path / "missing") == []
