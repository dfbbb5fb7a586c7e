"""The services that credentials get from the shell."""

import asyncio

from mcp_auth_bridge.credentials.services import at_once


def test_a_store_in_reach_is_asked_at_once():
    assert asyncio.run(at_once(lambda: 7)) == 7
