"""The Redis server that machines share, and the locks on it: a real server, and leases of fractions of a second."""

import asyncio
import base64

import pytest
from redis_fleet import KEY, needs_redis

from mcp_auth_bridge.config.redis import RedisStoreSettings
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.fleet.fleet import Fleet, load_shared_key
from mcp_auth_bridge.stores.keys import KeyFile

pytestmark = needs_redis


def test_no_machine_makes_a_key_of_its_own(tmp_path):
    with pytest.raises(StoreError, match="the same key"):
        load_shared_key(KeyFile(tmp_path / "key"))
    assert not (tmp_path / "key").exists()


def test_a_fleet_is_a_store_and_locks_on_one_server(redis, prefix):
    settings = RedisStoreSettings(url=redis.url, prefix=prefix, key_file="key")
    fleet = Fleet(settings, lambda: KEY, None)
    generation = fleet.store.save("session acme", "x", None)
    assert fleet.store.load("session acme").generation == generation
    assert redis.url.removeprefix("redis://") in fleet.describe()

    async def story():
        async with fleet.locks.hold("x", 1.0):
            return "held"

    assert asyncio.run(story()) == "held"


def test_the_key_that_all_share_is_read(tmp_path):
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(base64.b64encode(KEY).decode())
    assert load_shared_key(KeyFile(path)) == KEY
