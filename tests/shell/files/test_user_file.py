"""A user's text file is replaced as a whole: its mark, mode and links stay, and a refusal changes nothing."""

import os
import stat

import pytest

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.files.user_file import LIMIT, UserFile, make_folder, read_user_file, replace_user_file

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has neither these modes nor these links")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config.toml"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_a_missing_file_is_an_empty_text(path):
    assert read_user_file(path) == UserFile(path, None)
    assert read_user_file(path).text == ""


@posix
def test_a_new_file_and_its_folder_are_private(tmp_path):
    path = tmp_path / "folder" / "config.toml"
    replace_user_file(read_user_file(path), "a = 1\n")
    assert path.read_bytes() == b"a = 1\n"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert names(path.parent) == ["config.toml"]


@posix
def test_an_old_file_keeps_its_mode_and_its_byte_order_mark(path):
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    path.chmod(0o644)
    before = read_user_file(path)
    assert before.text == "a = 1\r\n"
    replace_user_file(before, before.text + "b = 2\r\n")
    assert path.read_bytes() == b"\xef\xbb\xbfa = 1\r\nb = 2\r\n"
    assert mode(path) == 0o644


@posix
def test_a_symbolic_link_stays_and_its_target_is_replaced(path, tmp_path):
    target = tmp_path / "dotfiles" / "bridge.toml"
    target.parent.mkdir()
    target.write_text("old")
    path.symlink_to(target)
    replace_user_file(read_user_file(path), "new")
    assert path.is_symlink()
    assert target.read_text() == "new"


def test_a_file_that_has_changed_meanwhile_is_not_replaced(path):
    path.write_text("old")
    before = read_user_file(path)
    path.write_text("of another program")
    with pytest.raises(ConfigError, match="just been changed by another program"):
        replace_user_file(before, "new")
    assert path.read_text() == "of another program"


def test_a_read_only_file_is_not_replaced(path):
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(ConfigError, match="cannot be written: it is read-only") as refused:
        replace_user_file(read_user_file(path), "new")
    assert "--config" in refused.value.hint
    assert path.read_text() == "old"


@posix
def test_the_remains_of_a_killed_process_are_replaced(path):
    (path.parent / ".config.toml.mcp-auth-bridge.new").write_text("half")
    replace_user_file(read_user_file(path), "whole")
    assert names(path.parent) == ["config.toml"]


@posix
def test_a_failed_replacement_leaves_the_old_file_alone(path, monkeypatch):
    path.write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mcp_auth_bridge.shell.files.user_file.fill", fail)
    with pytest.raises(ConfigError, match="no space left on device"):
        replace_user_file(read_user_file(path), "new")
    assert (path.read_text(), names(path.parent)) == ("old", ["config.toml"])


@posix
def test_links_in_a_circle_are_an_error_in_words(path):
    path.symlink_to(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_user_file(path)
    with pytest.raises(ConfigError, match="cannot be written"):
        make_folder(path)


def test_a_folder_in_the_place_of_the_file_is_an_error_in_words(path):
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_user_file(path)
    with pytest.raises(ConfigError, match="it is not a regular file"):
        replace_user_file(UserFile(path, None), "new")


def test_a_folder_that_cannot_be_made_is_an_error_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        make_folder(tmp_path / "file" / "config.toml")


def test_a_huge_file_and_another_encoding_are_refused(path):
    path.write_bytes(b"x" * (LIMIT + 1))
    with pytest.raises(ConfigError, match="larger than 1024 KiB"):
        read_user_file(path)
    path.write_bytes("ä".encode("latin-1"))
    with pytest.raises(ConfigError, match="not text in UTF-8"):
        _ = read_user_file(path).text
