"""The keys of auth tables are explained."""

from explained_keys import check

from mcp_auth_bridge.reference.auth_keys import AUTH_KEYS


def test_every_key_is_explained_with_an_example_that_is_accepted():
    check(AUTH_KEYS)
