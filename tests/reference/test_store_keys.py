"""The keys of store tables are explained."""

from explained_keys import check

from mcp_auth_bridge.reference.store_keys import STORE_KEYS


def test_every_key_is_explained_with_an_example_that_is_accepted():
    check(STORE_KEYS)
