"""A private folder: each file is replaced as a whole or not at all."""

import errno
import os
import re
import stat

import pytest

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.folder import LIMIT, Folder, OpenFolder, hashed_name, open_folder


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "folder")


def refuse(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_folder_that_is_not_there_is_empty_and_made_by_the_first_write(folder):
    assert (folder.names(), folder.read("a")) == ([], None)
    with pytest.raises(StoreError, match="does not exist"):
        folder.verify()
    folder.write("a", b"data", "temporary")
    folder.verify()
    assert (folder.names(), folder.read("a"), folder.read("b")) == (["a"], b"data", None)


def test_the_size_of_a_file_is_told_and_a_link_is_not_followed(folder, tmp_path):
    folder.write("a", b"data", "temporary")
    (folder.path / "link").symlink_to(tmp_path)
    with open_folder(folder.path) as opened:
        assert opened.status("a").st_size == 4
        assert stat.S_ISLNK(opened.status("link").st_mode)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(folder, monkeypatch):
    folder.write("a", b"old", "temporary")
    monkeypatch.setattr(OpenFolder, "rename", refuse)
    with pytest.raises(StoreError, match="no space left"):
        folder.write("a", b"new", "temporary")
    assert (folder.names(), folder.read("a")) == (["a"], b"old")


def test_a_file_that_could_not_be_read_again_is_not_written(folder):
    for write in (
        lambda: folder.write("a", bytes(LIMIT + 1), "temporary"),
        lambda: folder.replace("a", bytes(LIMIT + 1), "spare", "kept", "temporary"),
    ):
        with pytest.raises(StoreError, match="larger than the limit"):
            write()
    assert folder.names() == []


def test_a_replacement_keeps_the_old_file_under_another_name(folder):
    folder.write("a", b"old", "temporary")
    folder.replace("a", b"new", "spare", "kept", "temporary")
    assert {name: folder.read(name) for name in folder.names()} == {"a": b"new", "kept": b"old"}


def test_a_replacement_without_second_names_keeps_a_copy(folder, monkeypatch):
    folder.write("a", b"old", "temporary")
    monkeypatch.setattr(os, "link", refuse)
    folder.replace("a", b"new", "spare", "kept", "temporary")
    assert {name: folder.read(name) for name in folder.names()} == {"a": b"new", "kept": b"old"}


def test_a_replacement_that_fails_leaves_the_old_file_and_nothing_else(folder, monkeypatch):
    folder.write("a", b"old", "temporary")
    monkeypatch.setattr(OpenFolder, "rename", refuse)
    with pytest.raises(StoreError, match="no space left"):
        folder.replace("a", b"new", "spare", "kept", "temporary")
    assert {name: folder.read(name) for name in folder.names()} == {"a": b"old"}


def test_a_reservation_is_as_large_as_its_filling_and_made_once(folder):
    folder.write("a", b"data", "temporary")
    folder.reserve("spare", bytes(9))
    folder.reserve("spare", b"x" * 8)
    assert folder.read("spare") == bytes(9)
    folder.reserve("spare", b"y" * 10)
    assert folder.read("spare") == b"y" * 10


def test_a_reservation_that_fails_leaves_nothing(folder, monkeypatch):
    folder.write("a", b"data", "temporary")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StoreError, match="no space left"):
        folder.reserve("spare", bytes(9))
    assert folder.names() == ["a"]


def test_files_that_are_not_there_are_removed_without_an_error(folder):
    folder.write("a", b"data", "temporary")
    folder.write("b", b"data", "temporary")
    folder.remove("a", "none")
    assert folder.names() == ["b"]


def test_the_name_of_a_files_key_does_not_show_and_is_the_same_each_time():
    names = {hashed_name(key, ".x") for key in ("session acme https://mcp.example", "../../etc/passwd", "")}
    assert len(names) == 3
    assert all(re.fullmatch(r"[0-9a-f]{32}\.x", name) for name in names)
    assert hashed_name("a", ".x") == hashed_name("a", ".x")


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/folder"):
        Folder(tmp_path / "file" / "folder").create()
