"""A file of another program is replaced as a whole or not at all."""

import os
import stat

import pytest

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.files import client_files
from mcp_auth_bridge.shell.files.client_files import backup_of, delete_file, drop_backup, read_file, write_file


def test_a_new_file_gets_its_folders_and_its_mode(tmp_path):
    path = tmp_path / "a" / "b" / "c.json"
    made = write_file(read_file(path), "{}", 0o600)
    assert made == [tmp_path / "a", tmp_path / "a" / "b"]
    assert path.read_text() == "{}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    delete_file(read_file(path), made)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_which_there_is_something_else_stays(tmp_path):
    path = tmp_path / "a" / "c.json"
    made = write_file(read_file(path), "{}", 0o600)
    (tmp_path / "a" / "other").touch()
    delete_file(read_file(path), made)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["other"]


def test_the_first_version_is_kept_once(tmp_path):
    path = tmp_path / "c.json"
    path.write_text("one")
    path.chmod(0o640)
    for text in ("two", "three"):
        write_file(read_file(path), text, 0o600)
    backup = backup_of(read_file(path))
    assert backup.read_text() == "one"
    assert stat.S_IMODE(backup.stat().st_mode) == stat.S_IMODE(path.stat().st_mode) == 0o640
    drop_backup(read_file(path))
    assert backup.exists()
    write_file(read_file(path), "one", 0o600)
    drop_backup(read_file(path))
    assert not backup.exists()


def test_a_link_stays_a_link_also_to_a_file_that_is_not_there_yet(tmp_path):
    path = tmp_path / "c.json"
    path.symlink_to(tmp_path / "dotfiles" / "real.json")
    write_file(read_file(path), "{}", 0o600)
    assert path.is_symlink()
    assert (tmp_path / "dotfiles" / "real.json").read_text() == "{}"


def test_what_is_not_a_readable_file_is_refused(tmp_path, monkeypatch):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(ConfigError, match="loop"):
        write_file(read_file(loop), "{}", 0o600)
    with pytest.raises(ConfigError, match="is not a file"):
        read_file(tmp_path)
    (tmp_path / "utf16").write_bytes("{}".encode("utf-16"))
    with pytest.raises(ConfigError, match="not in UTF-8"):
        _ = read_file(tmp_path / "utf16").text
    monkeypatch.setattr(client_files, "_MOST", 3)
    with pytest.raises(ConfigError, match="larger than"):
        read_file(tmp_path / "utf16")


def test_a_file_that_is_read_only_is_left_alone(tmp_path):
    path = tmp_path / "c.json"
    path.write_text("one")
    path.chmod(0o444)
    with pytest.raises(ConfigError, match="is read-only"):
        write_file(read_file(path), "two", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["c.json"]


def test_a_refusal_of_the_system_names_the_file(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "no")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(ConfigError, match="no permission for"):
        write_file(read_file(tmp_path / "c.json"), "{}", 0o600)


def test_a_change_by_another_program_leaves_nothing_behind(tmp_path):
    path = tmp_path / "c.json"
    path.write_text("one")
    read = read_file(path)
    path.write_text("other")
    with pytest.raises(ConfigError, match="changed by another program"):
        write_file(read, "two", 0o600)
    with pytest.raises(ConfigError, match="changed by another program"):
        delete_file(read, [])
    assert path.read_text() == "other"
    assert [each.name for each in tmp_path.iterdir()] == ["c.json"]
