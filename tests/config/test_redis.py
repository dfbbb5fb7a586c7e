import pytest

from mcp_auth_bridge.config.redis import RedisStoreSettings, parse_address
from mcp_auth_bridge.errors import ConfigError


def at(url, **more):
    return parse_address(RedisStoreSettings(url, key_file="/key", **more), "config.toml: store")


@pytest.mark.parametrize(
    ("url", "shown", "tls"),
    [
        ("rediss://redis.acme.example", "redis.acme.example:6379", True),
        ("rediss://redis.acme.example:443/3", "redis.acme.example:443/3", True),
        ("rediss://REDIS.acme.example/", "redis.acme.example:6379", True),
        ("rediss://[2001:db8::1]:6380/0", "[2001:db8::1]:6380", True),
        ("redis://127.0.0.1:7000/12", "127.0.0.1:7000/12", False),
        ("redis://localhost", "localhost:6379", False),
        ("redis://[::1]", "[::1]:6379", False),
    ],
)
def test_a_url_names_one_database(url, shown, tls):
    assert (str(at(url)), at(url).tls) == (shown, tls)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://redis.acme.example", "loopback addresses only"),
        ("redis://169.254.1.1", "loopback addresses only"),
        ("redis://localhost.evil.example", "loopback addresses only"),
        ("rediss://canary:canary@redis.acme.example", "must not hold a user name or password"),
        ("rediss://:canary@redis.acme.example", "must not hold a user name or password"),
        ("http://redis.acme.example", "is not the URL of a Redis server"),
        ("unix:///run/redis.sock", "is not the URL of a Redis server"),
        ("redis.acme.example:6379", "is not the URL of a Redis server"),
        ("", "is not the URL of a Redis server"),
        ("rediss://", "its host is missing"),
        ("rediss://redis.acme.example:0", "its port"),
        ("rediss://redis.acme.example:99999", "its port"),
        ("rediss://2130706433", "its host is missing"),
        ("rediss://redis.acme.example/db", "number of a database"),
        ("rediss://redis.acme.example/-1", "number of a database"),
        ("rediss://redis.acme.example/1/2", "number of a database"),
        ("rediss://redis.acme.example/0?password=canary", "number of a database"),
        ("rediss://redis.acme.example/0#canary", "number of a database"),
        ("rediss://redis acme.example", "percent-encode"),
    ],
)
def test_an_invalid_url_is_refused_without_repeating_it(url, expected):
    with pytest.raises(ConfigError) as caught:
        at(url)
    assert caught.value.message.startswith("config.toml: store.url")
    assert expected in caught.value.message
    assert "canary" not in f"{caught.value.message}{caught.value.hint}"


def test_plain_redis_over_a_network_has_to_be_asked_for():
    assert not at("redis://redis.internal", insecure=True).tls


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "the sealing key comes from one place"),
        ({"key_file": "/key", "key_command": ("pass",)}, "the sealing key comes from one place"),
        ({"key_file": "/key", "user": "bridge"}, "user without password"),
        ({"key_file": "/key", "password": "env:"}, "store.password"),
        ({"key_file": "/key", "prefix": ""}, "store.prefix"),
        ({"key_file": "/key", "prefix": "two words"}, "store.prefix"),
    ],
)
def test_a_mistake_is_named_with_its_key(settings, expected):
    with pytest.raises(ConfigError, match=expected):
        parse_address(RedisStoreSettings("rediss://redis.acme.example", **settings), "store")
