"""The folders of the bridge."""

import os
import pwd
from pathlib import Path

import pytest

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.files.paths import HOME_VARIABLE, paths


@pytest.fixture
def homeless_user(monkeypatch):
    """A user without HOME and without an entry in passwd, as Kubernetes and OpenShift start containers."""
    for name in (HOME_VARIABLE, "HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.mark.usefixtures("homeless_user")
@pytest.mark.skipif(not hasattr(os, "getuid"), reason="users of POSIX")
def test_a_user_without_a_home_is_told_to_name_a_folder():
    with pytest.raises(ConfigError, match="this user has no home folder") as refusal:
        paths()
    assert HOME_VARIABLE in refusal.value.hint


@pytest.mark.usefixtures("homeless_user")
def test_a_user_without_a_home_may_name_a_folder(monkeypatch, tmp_path):
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    assert paths().records == tmp_path / "records"


def test_a_relative_folder_is_taken_from_where_we_are(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(HOME_VARIABLE, "here")
    assert paths().config == Path(tmp_path / "here" / "config.toml")


def test_the_systems_folders_are_used_where_none_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    found = paths()
    assert found.config.name == "config.toml"
    assert "mcp-auth-bridge" in found.config.parts
    assert {found.records.parent, found.locks.parent, found.memory.parent} == {found.records.parent}
    assert all(tmp_path in path.parents for path in (found.config, found.records))
