"""The `store` table: where the sealing key is."""

import pytest
from configured import PATH, refused

from mcp_auth_bridge.config.config_file import parse
from mcp_auth_bridge.config.redis import RedisStoreSettings
from mcp_auth_bridge.config.store import (
    InsecureFileStoreSettings,
    KeyCommandStoreSettings,
    KeyFileStoreSettings,
    KeyringStoreSettings,
    MemoryStoreSettings,
)


def test_a_path_with_a_misspelt_variable_is_named_when_the_file_is_read():
    said = refused('[store]\nkind = "key_file"\npath = "${CREDENTIALS-DIRECTORY}/key"')
    assert said == "/etc/bridge.toml, line 3: store.path has a ${ that names no variable"


def test_a_command_without_words_is_refused():
    assert "store.command" in refused('[store]\nkind = "key_command"\ncommand = []')


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('kind = "redis"\nurl = "rediss://x"', "store: the sealing key"),
        ('kind = "redis"\nurl = "rediss://x"\nkey_file = "${"', "store.key_file"),
    ],
)
def test_a_mistake_in_a_shared_store_is_named(text, key):
    assert key in refused(f"[store]\n{text}")


@pytest.mark.parametrize(
    ("text", "store"),
    [
        ('kind = "keyring"', KeyringStoreSettings()),
        ('kind = "memory"', MemoryStoreSettings()),
        ('kind = "insecure_file"', InsecureFileStoreSettings()),
        ('kind = "key_file"\npath = "${X}/key"', KeyFileStoreSettings("${X}/key")),
        ('kind = "key_command"\ncommand = ["pass", "show"]', KeyCommandStoreSettings(("pass", "show"))),
        (
            'kind = "redis"\nurl = "rediss://x"\nkey_file = "/key"',
            RedisStoreSettings("rediss://x", key_file="/key"),
        ),
    ],
)
def test_the_kinds_of_stores_are_told_apart(text, store):
    assert parse(f"[store]\n{text}", PATH).store == store
