"""The files of a log: private, whole lines, and never more of them than a user can spare."""

import os
import time

import pytest

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.console import log_folder
from mcp_auth_bridge.shell.console.log_folder import LogFiles

DAY = 86_400


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "state" / "log"


@pytest.fixture
def small(monkeypatch):
    """Limits that a test reaches."""
    monkeypatch.setattr(log_folder, "LARGEST", 100)
    monkeypatch.setattr(log_folder, "LARGEST_FOLDER", 1000)
    monkeypatch.setattr(log_folder, "MOST_FILES", 10)


def contents(folder):
    """The contents of the log's files, the newest last."""
    files = sorted(folder.iterdir(), key=lambda path: (path.name.count("."), path.name), reverse=True)
    *older, current = files
    return [path.read_bytes() for path in [*sorted(older, reverse=True), current]]


def planted(folder, name, size=1, age=0.0):
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_the_first_line_makes_a_file_that_only_the_user_can_read(folder):
    files = LogFiles(folder)
    assert not folder.exists()
    files.append(b"one\n")
    files.append(b"two\n")
    (file,) = folder.iterdir()
    assert file.name.startswith("bridge-2")
    assert file.name.endswith(f"Z-{os.getpid()}.jsonl")
    assert file.read_bytes() == b"one\ntwo\n"
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.usefixtures("small")
def test_a_full_file_makes_room_for_the_next_and_three_are_kept(folder):
    files = LogFiles(folder)
    for number in range(9):
        files.append(b"%d" % number * 50)
    assert contents(folder) == [b"4" * 50 + b"5" * 50, b"6" * 50 + b"7" * 50, b"8" * 50]


@pytest.mark.usefixtures("small")
def test_old_and_many_files_are_pruned_and_those_of_others_are_not(folder):
    old = planted(folder, "bridge-20260101T000000Z-1.jsonl", age=15 * DAY)
    foreign = [planted(folder, name, 5000, 99 * DAY) for name in ("notes.txt", "bridge-notes.txt", "a.jsonl")]
    many = [planted(folder, f"bridge-20260102T0000{number:02}Z-1.jsonl") for number in range(12)]
    LogFiles(folder).append(b"new\n")
    assert not old.exists()
    assert [path.exists() for path in many] == [False] * 3 + [True] * 9
    assert all(path.exists() for path in foreign)


@pytest.mark.usefixtures("small")
def test_the_oldest_files_are_pruned_from_a_folder_that_is_too_large(folder):
    large = [planted(folder, f"bridge-20260103T0000{number:02}Z-1.jsonl", 400) for number in range(4)]
    LogFiles(folder).append(b"new\n")
    assert [path.exists() for path in large] == [False, False, True, True]


def test_a_file_that_another_process_has_pruned_is_made_again(folder):
    files = LogFiles(folder)
    files.append(b"one\n")
    (file,) = folder.iterdir()
    file.unlink()
    files.append(b"two\n")
    assert contents(folder) == [b"two\n"]


def test_a_file_that_is_being_pruned_by_another_process_does_not_matter(folder, monkeypatch):
    planted(folder, "bridge-20260101T000000Z-1.jsonl", age=15 * DAY)

    def gone(self, name):
        raise FileNotFoundError(name)

    monkeypatch.setattr(log_folder.OpenFolder, "status", gone)
    LogFiles(folder).append(b"one\n")
    assert len(list(folder.iterdir())) == 2


def test_a_folder_that_is_open_to_others_gets_no_log(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    with pytest.raises(StoreError, match="open to other users"):
        LogFiles(folder).append(b"one\n")
    assert list(folder.iterdir()) == []


def test_a_line_for_which_the_disk_has_no_room_is_not_torn(folder, monkeypatch):
    files, write = LogFiles(folder), os.write
    files.append(b"one\n")

    def full(descriptor, data):
        monkeypatch.setattr(os, "write", exhausted)
        return write(descriptor, data[:2])

    def exhausted(descriptor, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        files.append(b"two\n")
    monkeypatch.setattr(os, "write", write)
    files.append(b"three\n")
    assert contents(folder) == [b"one\nthree\n"]
