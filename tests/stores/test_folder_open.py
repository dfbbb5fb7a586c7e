"""An open private folder: what is verified, and what its methods do to the files in it."""

import errno
import os
from pathlib import Path

import pytest

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores import folder as module
from mcp_auth_bridge.stores.file_io import Missing
from mcp_auth_bridge.stores.folder import LIMIT, OpenFolder, open_folder


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def folder(path):
    with open_folder(path) as folder:
        yield folder


@pytest.fixture(params=["descriptor", "names"])
def either(path, request):
    """The folder by its descriptor, and as where the OS has none (Windows)."""
    if request.param == "names":
        yield OpenFolder(path, None)
        return
    with open_folder(path) as folder:
        yield folder


def test_a_folder_that_is_missing_open_to_others_or_a_link_is_refused(tmp_path, path):
    with pytest.raises(Missing), open_folder(tmp_path / "none"):
        pass
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(StoreError, match="symbolic link"), open_folder(tmp_path / "link"):
        pass
    path.chmod(0o750)
    with pytest.raises(StoreError, match="open to other users") as refusal, open_folder(path):
        pass
    assert refusal.value.hint == f"run: chmod 700 {path}"


def test_a_folder_of_another_user_is_refused(path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(StoreError, match="belongs to another user"), open_folder(path):
        pass


def test_files_are_created_read_renamed_linked_listed_and_removed(either):
    either.create("a", b"data")
    assert (either.read("a"), either.names()) == (b"data", ["a"])
    with pytest.raises(FileExistsError):
        either.create("a", b"more")
    assert either.link("a", "b")
    either.rename("a", "c")
    assert either.names() == ["b", "c"]
    assert [either.unlink("c"), either.unlink("c")] == [True, False]
    either.sync()


def test_a_file_that_is_not_private_or_regular_or_too_large_is_not_read(path, folder):
    folder.create("shared", b"x")
    (path / "shared").chmod(0o640)
    os.mkfifo(path / "pipe", 0o600)
    folder.create("large", bytes(LIMIT + 1))
    for name, words in {"shared": "open to other users", "pipe": "not a regular", "large": "is larger than"}.items():
        with pytest.raises(StoreError, match=words):
            folder.read(name)


@pytest.fixture
def full(monkeypatch):
    """A disk without space for new files."""
    create = OpenFolder.create

    def refuse(self, name, data):
        create(self, name, b"")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.OpenFolder, "create", refuse)


def test_with_space_the_new_file_is_used_and_the_reserved_one_left_alone(folder):
    folder.create("spare", bytes(9))
    assert folder.create_or_overwrite("new", b"data", "spare") == "new"
    assert (folder.read("new"), folder.read("spare")) == (b"data", bytes(9))


def test_on_a_full_disk_the_reserved_file_takes_the_data(path, folder, full):
    (path / "spare").touch(0o600)
    assert folder.create_or_overwrite("new", b"data", "spare") == "spare"
    assert (folder.read("spare"), folder.names()) == (b"data", ["spare"])


def test_on_a_full_disk_without_a_reserved_file_the_error_comes_through(folder, full):
    with pytest.raises(OSError, match="No space left"):
        folder.create_or_overwrite("new", b"data", "spare")


def test_a_reserved_file_that_is_not_private_is_not_overwritten(path, folder, full):
    (path / "spare").touch(0o600)
    (path / "spare").chmod(0o644)
    with pytest.raises(StoreError, match="open to other users"):
        folder.create_or_overwrite("new", b"data", "spare")


def test_a_file_system_without_second_names_is_told(folder, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    folder.create("a", b"data")
    monkeypatch.setattr(os, "link", refuse)
    assert not folder.link("a", "b")


def test_a_name_is_opened_in_the_folder_that_was_verified_even_if_the_path_leads_elsewhere_now(tmp_path, path):
    with open_folder(path) as folder:
        folder.create("a", b"mine")
        path.rename(tmp_path / "moved")
        Path(path).mkdir(mode=0o700)
        (path / "a").write_bytes(b"planted")
        assert folder.read("a") == b"mine"
