"""A change of the file is checked against the old configuration before it takes its place."""

import pytest
from config_files import OTHERS

from mcp_auth_bridge.commands.config_change import change_config, read_config
from mcp_auth_bridge.errors import ConfigError


def test_only_the_named_server_may_change(config):
    before = config.write(OTHERS)
    for edit in (
        lambda text, _: text.replace("first.example", "evil.example"),
        lambda text, _: text.replace("memory", "keyring"),
        lambda text, _: "",
    ):
        with pytest.raises(ConfigError, match="without a change of something else"):
            change_config(config.context, "acme", edit)
    assert config.text == before


def test_a_result_that_is_not_toml_is_not_written(config):
    before = config.write(OTHERS)
    with pytest.raises(ConfigError, match="is not valid TOML"):
        change_config(config.context, "acme", lambda text, _: text + "[")
    assert config.text == before


def test_the_new_configuration_is_returned_and_the_file_is_read_anew(config):
    config.write(OTHERS)
    context = config.context
    config.write(OTHERS + '[servers.later]\nurl = "https://later.example/mcp"\n')
    new = change_config(context, "acme", lambda text, old: text + f"# {len(old.profiles)}\n")
    assert set(new.profiles) == {"first", "later"}
    assert config.text.endswith("# 2\n")
    assert read_config(context)[1] == new


def test_a_file_that_names_its_schema_gets_it_whenever_it_changes(config):
    schema = config.folder / "mcp-auth-bridge.schema.json"
    change_config(config.context, "acme", lambda text, _: text)
    assert config.text == "#:schema ./mcp-auth-bridge.schema.json\n"
    written = schema.read_text()
    for old in ("old", written):
        schema.write_text(old)
        change_config(config.context, "acme", lambda text, _: text + "# more\n")
        assert schema.read_text() == written
    schema.unlink()
    schema.mkdir()  # a failure here is not worth an error
    change_config(config.context, "acme", lambda text, _: text + "# more\n")
    assert config.text.count("# more") == 3
