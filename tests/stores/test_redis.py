"""Redis beyond the contract: lost answers, lost data, planted values. A real server on loopback."""

import contextlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis_fleet import KEY, Redis, forget_the_rest, needs_redis

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.base import Stale
from mcp_auth_bridge.stores.redis import RedisStore, ServerLost
from mcp_auth_bridge.stores.seal import Damaged, Unopenable
from mcp_auth_bridge.stores.sealed import file_name

pytestmark = needs_redis

NAME = file_name("a").encode()


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with Redis(tmp_path_factory.mktemp("redis"), durable=False) as server:
        yield server


@pytest.fixture
def prefix():
    return os.urandom(4).hex()


class Flaky:
    """A server that loses what is asked, or the answer, as `plan` says: "request", "answer" or nothing."""

    def __init__(self, server):
        self.server = server
        self.plan = []

    def run(self, script, key, *arguments):
        lost = self.plan.pop(0) if self.plan else ""
        answer = None if lost == "request" else self.server.run(script, key, *arguments)
        if lost:
            raise ServerLost("the server went away")
        return answer

    def fields(self, key):
        return self.server.fields(key)

    def describe(self):
        return self.server.describe()


@pytest.fixture
def flaky(redis):
    return Flaky(redis.connection())


@pytest.fixture
def unlucky(flaky, prefix):
    """A store whose server is flaky."""
    return RedisStore(flaky, prefix, lambda: KEY, os.urandom)


@pytest.fixture
def lucky(redis, prefix):
    """The store of another machine."""
    return redis.store(prefix)


def raw(redis, prefix):
    return redis.connection().fields(f"{prefix}:records")


def plant(redis, prefix, name, value):
    redis.connection().run("return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])", f"{prefix}:records", name, value)


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_save_that_was_lost_is_repeated_whatever_became_of_it(unlucky, flaky, lucky, lost):
    generation = unlucky.save("a", "old", None)
    flaky.plan = [lost]
    with pytest.raises(ServerLost):
        unlucky.save("a", "new", generation)
    assert unlucky.save("a", "newer", generation) > generation
    assert lucky.load("a").secret == "newer"


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_record_that_could_not_be_saved_is_saved_by_a_flush(unlucky, flaky, lucky, lost):
    generation = unlucky.save("a", "old", None)
    flaky.plan = [lost]
    with pytest.raises(ServerLost):
        unlucky.save("a", "new", generation)
    unlucky.flush()
    assert lucky.load("a").secret == unlucky.load("a").secret == "new"
    with pytest.raises(Stale):
        unlucky.save("a", "from the old", generation)


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_save_that_was_lost_never_overwrites_what_came_after_it(unlucky, flaky, lucky, lost):
    generation = unlucky.save("a", "old", None)
    flaky.plan = [lost]
    with pytest.raises(ServerLost):
        unlucky.save("a", "new", generation)
    lucky.save("a", "theirs", lucky.load("a").generation)
    unlucky.flush()
    with pytest.raises(Stale):
        unlucky.save("a", "newer", generation)
    assert lucky.load("a").secret == "theirs"


def test_a_lost_save_of_one_process_is_nothing_to_another_of_the_same_generation(unlucky, flaky, lucky):
    generation = unlucky.save("a", "old", None)
    flaky.plan = ["answer"]
    with pytest.raises(ServerLost):
        unlucky.save("a", "new", generation)
    with pytest.raises(Stale):
        lucky.save("a", "theirs", generation)


def test_a_logout_whose_answer_was_lost_is_a_logout(unlucky, flaky, lucky):
    generation = unlucky.save("a", "x", None)
    flaky.plan = ["answer"]
    with pytest.raises(ServerLost):
        unlucky.delete("a", generation)
    assert lucky.load("a") is None


@settings(deadline=None, max_examples=60)
@given(plan=st.lists(st.sampled_from(["request", "answer", ""]), max_size=12))
def test_a_save_that_is_repeated_until_it_is_confirmed_is_never_lost(redis, plan):
    flaky, prefix = Flaky(redis.connection()), os.urandom(4).hex()
    store = RedisStore(flaky, prefix, lambda: KEY, os.urandom)
    generation = store.save("a", "0", None)
    flaky.plan = plan
    for number in range(1, 20):
        with contextlib.suppress(ServerLost):
            generation = store.save("a", str(number), generation)
    assert redis.store(prefix).load("a").secret == "19"


def test_a_server_that_went_back_is_given_what_a_process_knows(tmp_path):
    with Redis(tmp_path / "redis", durable=False) as server:
        old, new = server.store(), server.store()
        generation = old.save("a", "old", None)
        newest = new.save("a", "new", generation)
        server.kill()
        server.start()
        assert server.store().load("a") is None
        assert old.load("a").secret == "old"
        assert new.load("a").secret == "new"
        assert old.load("a").secret == "new"
        assert old.save("a", "newest", newest) == newest + 1


def test_a_logout_outlives_the_loss_of_all_data_where_a_process_knows_of_it(tmp_path):
    with Redis(tmp_path / "redis", durable=False) as server:
        one, two = server.store(), server.store()
        generation = one.save("a", "x", None)
        two.load("a")
        one.delete("a", generation)
        server.kill()
        server.start()
        assert two.load("a").secret == "x"
        assert one.load("a") is None
        assert two.load("a") is None


def test_a_login_after_the_loss_of_all_data_is_newer_than_what_any_process_knows(tmp_path):
    with Redis(tmp_path / "redis", durable=False) as server:
        old = server.store()
        generation = old.save("a", "old", None)
        for number in range(20):
            generation = old.save("a", str(number), generation)
        server.kill()
        server.start()
        server.store().save("a", "new login", None)
        assert old.load("a").secret == "new login"


def test_a_save_that_a_durable_server_confirmed_survives_its_death(tmp_path):
    with Redis(tmp_path / "redis") as server:
        store = server.store()
        generation = store.save("a", "x", None)
        server.kill()
        with pytest.raises(StoreError, match=r"refuses connections|broke off"):
            store.load("a")
        server.start()
        assert server.store().load("a").generation == generation


def test_the_server_sees_neither_secret_nor_key(redis, prefix, lucky):
    lucky.save("session acme https://acme.example", "canary", None)
    stored = repr(raw(redis, prefix))
    assert "canary" not in stored
    assert "acme" not in stored


def test_a_value_opens_only_where_it_was_sealed(redis, prefix, lucky):
    generation = lucky.save("a", "x", None)
    (value,) = raw(redis, prefix).values()
    plant(redis, prefix, file_name("b").encode(), value)
    with pytest.raises(Damaged):
        redis.store(prefix).load("b")
    plant(redis, prefix, NAME, value.replace(b"%d" % generation, b"%d" % (generation + 1), 1))
    with pytest.raises(Damaged):
        redis.store(prefix).load("a")


@pytest.mark.parametrize(
    "value", [b"", b"nothing of ours", b"12", b"-1:0:x", b"1:zz", b"1::MAB1 and a half", b"\xff" * 99]
)
def test_a_planted_value_is_damaged_or_nothing_and_a_login_replaces_it(redis, prefix, lucky, value):
    plant(redis, prefix, NAME, value)
    with contextlib.suppress(Damaged):
        assert lucky.load("a") is None
    assert lucky.keys() == []
    lucky.save("a", "new", None)
    assert redis.store(prefix).load("a").secret == "new"


def test_a_damaged_record_is_listed_and_can_be_discarded(redis, prefix, lucky):
    plant(redis, prefix, NAME, b"7:ab:garbage")
    lucky.save("b", "whole", None)
    assert lucky.keys() == ["b"]
    assert [str(error).endswith("damaged") for error in lucky.unreadable()] == [True]
    assert lucky.discard("a")
    assert lucky.load("a") is None
    assert not lucky.discard("a")
    assert not lucky.discard("b")
    assert lucky.load("b").secret == "whole"


def test_a_bridge_that_holds_a_record_that_was_damaged_meanwhile_repairs_it(redis, prefix, lucky):
    generation = lucky.save("a", "x", None)
    plant(redis, prefix, NAME, b"%d:ab:garbage" % generation)
    with pytest.raises(Damaged):
        lucky.load("a")
    lucky.save("a", "repaired", generation)
    assert redis.store(prefix).load("a").secret == "repaired"


def test_a_record_sealed_with_another_machines_key_says_so_and_is_not_replaced(redis, prefix, lucky):
    lucky.save("a", "x", None)
    stranger = RedisStore(redis.connection(), prefix, lambda: bytes(32), os.urandom)
    with pytest.raises(Unopenable, match="another key") as caught:
        stranger.load("a")
    assert "restore that key" in caught.value.hint
    with pytest.raises(Unopenable, match="another key"):
        stranger.save("a", "mine", None)
    assert lucky.load("a").secret == "x"


def test_a_key_of_another_type_is_refused_without_its_content(redis, prefix, lucky):
    redis.connection().run("return redis.call('SET', KEYS[1], 'canary')", f"{prefix}:records")
    for ask in (lambda: lucky.load("a"), lucky.keys, lambda: lucky.save("a", "x", None)):
        with pytest.raises(StoreError, match=r"refused a command") as caught:
            ask()
        assert "canary" not in str(caught.value)


def test_a_store_lives_through_the_servers_restart(tmp_path):
    with Redis(tmp_path / "redis") as server:
        connection = server.connection()
        store = RedisStore(connection, "test", lambda: KEY, os.urandom)
        generation = store.save("a", "x", None)
        server.kill()
        server.start()
        forget_the_rest(connection)
        assert store.save("a", "y", generation) == generation + 1
