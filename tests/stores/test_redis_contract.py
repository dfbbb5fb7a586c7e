"""What every store promises, of a Redis server and two clients of it."""

import os

import pytest
from redis_fleet import Redis, needs_redis
from store_contract import StoreContract


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with Redis(tmp_path_factory.mktemp("redis"), durable=False) as server:
        yield server


@needs_redis
class TestRedisStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _server(self, redis):
        self.redis = redis

    def handles(self, folder):
        prefix = os.urandom(4).hex()
        return tuple(self.redis.store(prefix) for _ in range(2))
