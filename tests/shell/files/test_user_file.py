"""A user's file is replaced as a whole: its mark, mode and links stay, and a refusal changes nothing."""

import os
import stat

import pytest

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.files.user_file import LIMIT, UserFile, make_folders, read_user_file, replace_user_file

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has neither these modes nor these links")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config.toml"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_a_missing_file_is_an_empty_text(path):
    assert read_user_file(path) == UserFile(path, path, None)
    assert read_user_file(path).text == ""


@posix
def test_a_new_file_and_its_folders_are_as_private_as_they_are_asked_for(tmp_path):
    path = tmp_path / "one" / "folder" / "config.toml"
    assert make_folders(path, 0o700) == [tmp_path / "one", path.parent]
    assert make_folders(path, 0o700) == []
    replace_user_file(read_user_file(path), "a = 1\n")
    assert path.read_bytes() == b"a = 1\n"
    assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (0o600, 0o700, 0o700)
    assert names(path.parent) == ["config.toml"]
    path.unlink()
    replace_user_file(read_user_file(path), "a = 1\n", 0o644)
    assert mode(path) == 0o644


@posix
def test_an_old_file_keeps_its_mode_and_its_byte_order_mark(path):
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    path.chmod(0o644)
    before = read_user_file(path)
    assert (before.text, before.unmarked) == ("\ufeffa = 1\r\n", "a = 1\r\n")
    replace_user_file(before, before.marked(before.unmarked + "b = 2\r\n"))
    assert path.read_bytes() == b"\xef\xbb\xbfa = 1\r\nb = 2\r\n"
    assert mode(path) == 0o644
    assert UserFile(path, path, b"a = 1").marked("b = 2") == "b = 2"


@posix
def test_a_symbolic_link_stays_and_its_target_is_replaced(path, tmp_path):
    target = tmp_path / "dotfiles" / "bridge.toml"
    path.symlink_to(target)
    make_folders(path, 0o700)
    target.write_text("old")
    assert read_user_file(path).real == target
    replace_user_file(read_user_file(path), "new")
    assert path.is_symlink()
    assert target.read_text() == "new"


def test_a_file_that_has_changed_meanwhile_is_not_replaced(path):
    path.write_text("old")
    before = read_user_file(path)
    path.write_text("of another program")
    with pytest.raises(ConfigError, match="just been changed by another program"):
        replace_user_file(before, "new")
    path.unlink()
    with pytest.raises(ConfigError, match="cannot be used"):
        replace_user_file(before, "new")
    with pytest.raises(ConfigError, match="cannot be used"):
        replace_user_file(read_user_file(path.parent / "gone" / "x"), "new")
    assert names(path.parent) == []


def test_a_read_only_file_is_not_replaced(tmp_path):
    path = tmp_path / "my folder" / "config.toml"
    path.parent.mkdir()
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(ConfigError, match="is read-only") as refused:
        replace_user_file(read_user_file(path), "new")
    assert f"(chmod u+w '{path}')" in refused.value.hint
    assert (path.read_text(), names(path.parent)) == ("old", ["config.toml"])


@posix
def test_a_failed_replacement_leaves_the_old_file_alone(path, monkeypatch):
    path.write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mcp_auth_bridge.shell.files.user_file.fill", fail)
    with pytest.raises(ConfigError, match="no space left on device"):
        replace_user_file(read_user_file(path), "new")
    assert (path.read_text(), names(path.parent)) == ("old", ["config.toml"])


def test_a_refusal_of_the_system_names_the_file(path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "no")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(ConfigError, match=r"no permission for .*config\.toml"):
        replace_user_file(read_user_file(path), "new")


@posix
def test_the_owner_stays_where_the_system_allows_that(path, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "only root may")

    monkeypatch.setattr(os, "chown", refused)
    path.write_text("old")
    replace_user_file(read_user_file(path), "new")
    assert path.read_text() == "new"


@posix
def test_links_in_a_circle_are_an_error_in_words(path):
    path.symlink_to(path)
    with pytest.raises(ConfigError, match="cannot be used"):
        read_user_file(path)
    with pytest.raises(ConfigError, match="cannot be used"):
        make_folders(path, 0o700)


@posix
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_folder_or_a_pipe_in_the_place_of_the_file_is_an_error_in_words(path, make):
    make(path)
    with pytest.raises(ConfigError, match="is not a file"):
        read_user_file(path)


def test_a_folder_that_cannot_be_made_is_an_error_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        make_folders(tmp_path / "file" / "config.toml", 0o700)


def test_a_huge_file_and_another_encoding_are_refused(path):
    path.write_bytes(b"x" * (LIMIT + 1))
    with pytest.raises(ConfigError, match="larger than 1024 KiB"):
        read_user_file(path)
    path.write_bytes("ä".encode("latin-1"))
    with pytest.raises(ConfigError, match="not in UTF-8"):
        _ = read_user_file(path).text
