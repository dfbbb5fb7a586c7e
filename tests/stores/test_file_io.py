"""Whole files by their descriptors: created once, read to a limit, and on the disk before the call returns."""

import errno
import os
import stat

import pytest

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores import file_io
from mcp_auth_bridge.stores.file_io import Exists, create_file, fill, read_all, sync_folder


def test_a_new_file_is_private_and_whole_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        create_file(tmp_path / "file", b"data")
    finally:
        os.umask(before)
    assert (tmp_path / "file").read_bytes() == b"data"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


@pytest.mark.parametrize("plant", ["file", "link"])
def test_a_file_or_link_that_is_there_is_neither_overwritten_nor_followed(tmp_path, plant):
    path = tmp_path / "file"
    path.write_bytes(b"old") if plant == "file" else path.symlink_to(tmp_path / "target")
    with pytest.raises(Exists):
        create_file(path, b"new")
    assert not (tmp_path / "target").exists()
    assert plant == "link" or path.read_bytes() == b"old"


def test_a_file_that_cannot_be_written_is_not_left_behind(tmp_path, monkeypatch):
    def full(descriptor, data):
        os.close(descriptor)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file_io, "fill", full)
    with pytest.raises(StoreError, match="no space left"):
        create_file(tmp_path / "file", b"data")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("limit", "read"), [(3, b"abc"), (6, b"abcdef"), (100, b"abcdef")])
def test_at_most_the_limit_is_read(tmp_path, limit, read):
    (tmp_path / "file").write_bytes(b"abcdef")
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        assert read_all(descriptor, limit) == read
    finally:
        os.close(descriptor)


def test_a_file_that_is_filled_holds_the_new_data_only(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"a longer content")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:2]))
    fill(os.open(tmp_path / "file", os.O_WRONLY), b"short")
    assert (tmp_path / "file").read_bytes() == b"short"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_a_file_system_that_cannot_flush_folders_is_borne_and_a_fault_is_not(monkeypatch, number):
    def fsync(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    if number == errno.EIO:
        with pytest.raises(OSError, match="Input/output"):
            sync_folder(0)
    else:
        sync_folder(0)
