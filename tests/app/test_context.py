"""What every command gets: folders, configuration and environment; a configuration that was named has to be there."""

import os

import pytest

from mcp_auth_bridge.app.context import load_context, load_context_or_default
from mcp_auth_bridge.config.store import KeyringStoreSettings, MemoryStoreSettings
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.files.paths import NOWHERE, paths_below


@pytest.fixture
def paths(tmp_path):
    return paths_below(tmp_path)


def test_without_a_configuration_there_are_no_servers_and_the_default_store(paths):
    context = load_context(paths, None, MemoryStoreSettings())
    assert context.config.profiles == {}
    assert context.config.store == MemoryStoreSettings()
    assert context.store_access().store.keys() == []
    assert context.environ is os.environ


def test_a_configuration_that_the_command_line_names_is_read_instead_of_the_users(paths, tmp_path):
    paths.config.write_text("[servers.mine]\nurl = 'https://mine.example/mcp'\n")
    other = tmp_path / "other.toml"
    other.write_text("[servers.other]\nurl = 'https://other.example/mcp'\n")
    assert [*load_context(paths, None, KeyringStoreSettings()).config.profiles] == ["mine"]
    assert [*load_context(paths, other, KeyringStoreSettings()).config.profiles] == ["other"]


def test_a_named_configuration_that_is_missing_is_an_error_and_not_an_empty_one(paths, tmp_path):
    with pytest.raises(ConfigError, match=r"--config: there is no /.*/missing\.toml"):
        load_context(paths, tmp_path / "missing.toml", KeyringStoreSettings())


def test_for_an_examination_a_broken_configuration_counts_as_an_empty_one_with_an_error(paths):
    paths.config.write_text("[servers")
    context = load_context_or_default(lambda: paths, None, KeyringStoreSettings())
    assert context.config.profiles == {}
    assert (context.config.path, context.config.store) == (paths.config, KeyringStoreSettings())
    assert "is not valid TOML" in context.error.message
    paths.config.write_text("")
    assert load_context_or_default(lambda: paths, None, KeyringStoreSettings()).error is None


def test_for_an_examination_a_user_without_a_home_folder_has_folders_nowhere():
    def homeless():
        raise ConfigError("this user has no home folder", "set one")

    context = load_context_or_default(homeless, None, KeyringStoreSettings())
    assert (context.paths, context.config.store) == (NOWHERE, MemoryStoreSettings())
    assert context.error.message == "this user has no home folder"
    assert context.store_access().store.keys() == []
