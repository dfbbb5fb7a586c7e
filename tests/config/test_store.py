"""The `store` table: where the sealing key is."""

from configured import refused


def test_a_path_whose_variable_is_misspelt_is_named_when_the_file_is_read():
    said = refused('[store]\nkind = "key_file"\npath = "${CREDENTIALS-DIRECTORY}/key"')
    assert said == "/etc/bridge.toml, line 3: store.path has a ${ that names no variable"


def test_a_command_without_words_is_refused():
    assert "store.command" in refused('[store]\nkind = "key_command"\ncommand = []')
