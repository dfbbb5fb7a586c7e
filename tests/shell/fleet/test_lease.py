"""A fleet's locks: leases on a real Redis, of fractions of a second."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest
from redis_fleet import KEY, Redis, needs_redis

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.files.lock import LockHeld
from mcp_auth_bridge.shell.fleet.lease import Leases
from mcp_auth_bridge.stores.base import Stale
from mcp_auth_bridge.stores.redis import RedisStore, ServerLost

pytestmark = needs_redis

LONG = 60.0


def nothing():
    pass


def locks(server, prefix, lease=LONG, flush=nothing):
    """The locks of one machine."""
    return Leases(server, server.ask, prefix, flush, lease)


def test_one_of_many_machines_holds_the_lock(redis, prefix):
    inside, most = 0, 0

    async def work(number):
        nonlocal inside, most
        machine = locks(redis.connection(), prefix)
        for _ in range(3):
            async with machine.hold("x", LONG):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.001)
                inside -= 1

    async def story():
        await asyncio.gather(*(work(number) for number in range(6)))

    asyncio.run(story())
    assert most == 1


def test_a_lock_of_another_name_is_another_lock(redis, prefix):
    async def story():
        one, two = locks(redis.connection(), prefix), locks(redis.connection(), prefix)
        async with one.hold("x", 0), two.hold("y", 0):
            with pytest.raises(LockHeld, match="another machine has held the lock for x"):
                async with two.hold("x", 0):
                    pass
        async with two.hold("x", 0):
            pass

    asyncio.run(story())


def test_a_holder_that_lives_keeps_the_lock_longer_than_its_lease(redis, prefix):
    async def story():
        one, two = locks(redis.connection(), prefix, 0.3), locks(redis.connection(), prefix, 0.3)
        async with one.hold("x", 0):
            with pytest.raises(LockHeld):
                async with two.hold("x", 1):
                    pass

    asyncio.run(story())


HOLDER = """
import asyncio, os, sys
from redis_fleet import KEY, Redis
from mcp_auth_bridge.shell.fleet.lease import Leases
from mcp_auth_bridge.stores.base import Stale
from mcp_auth_bridge.stores.redis import RedisStore

async def main(url, prefix):
    server = Redis.connection(None, url=url)
    store = RedisStore(server, prefix, lambda: KEY, os.urandom)
    async with Leases(server, server.ask, prefix, store.flush, 0.5).hold("x", 5):
        generation = store.load("a").generation
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        try:
            store.save("a", "by the one that was stopped", generation)
        except Stale:
            print("refused", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def holder(redis, prefix):
    path = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, redis.url, prefix],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_holder_that_is_stopped_loses_the_lock_and_its_late_save_is_refused(redis, prefix):
    store = redis.store(prefix)
    store.save("a", "first", None)

    async def story():
        with holder(redis, prefix) as stopped:
            stopped.send_signal(signal.SIGSTOP)
            async with locks(redis.connection(), prefix, 0.5).hold("x", LONG):
                store.save("a", "by its successor", store.load("a").generation)
                stopped.send_signal(signal.SIGCONT)
                assert stopped.communicate("go on\n")[0] == "refused\n"
                # It released a turn that was no longer its own.
                with pytest.raises(LockHeld):
                    async with locks(redis.connection(), prefix, 0.5).hold("x", 0):
                        pass

    asyncio.run(story())
    assert store.load("a").secret == "by its successor"


def test_a_holder_that_dies_loses_the_lock(redis, prefix):
    redis.store(prefix).save("a", "first", None)

    async def story():
        with holder(redis, prefix) as process:
            process.kill()
            async with locks(redis.connection(), prefix, 0.5).hold("x", LONG):
                pass

    asyncio.run(story())


class Flaky:
    """A server that loses the replies that `plan` names, in their order."""

    def __init__(self, server):
        self.server = server
        self.ask = server.ask
        self.plan = []

    def run(self, script, key, *arguments):
        answer = self.server.run(script, key, *arguments)
        if self.plan and self.plan.pop(0):
            raise ServerLost("the server went away")
        return answer


def test_a_lock_whose_reply_was_lost_is_released(redis, prefix):
    async def story():
        flaky = Flaky(redis.connection())
        one, two = locks(flaky, prefix), locks(redis.connection(), prefix)
        flaky.plan = [True]
        with pytest.raises(ServerLost):
            async with one.hold("x", 0):
                pass
        await one.settle()
        async with two.hold("x", 0):
            pass

    asyncio.run(story())


def test_a_turn_that_is_released_late_does_not_end_the_next_one(redis, prefix):
    async def story():
        flaky = Flaky(redis.connection())
        one, two = locks(flaky, prefix), locks(redis.connection(), prefix)
        flaky.plan = [True]
        with pytest.raises(ServerLost):
            async with one.hold("x", 0):
                pass
        async with one.hold("x", 0):
            await one.settle()
            with pytest.raises(LockHeld):
                async with two.hold("x", 0):
                    pass

    asyncio.run(story())


def test_a_cancelled_wait_leaves_no_lock_behind(redis, prefix):
    async def story():
        one, two = locks(redis.connection(), prefix), locks(redis.connection(), prefix)

        async def wait():
            async with two.hold("x", LONG):
                pass

        async with one.hold("x", 0):
            waiting = asyncio.ensure_future(wait())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait((waiting,))
        await two.settle()
        async with one.hold("x", 0):
            pass

    asyncio.run(story())


def test_a_record_that_could_not_be_saved_is_saved_before_the_lock_is_released(tmp_path):
    async def story():
        with Redis(tmp_path) as redis:
            server = redis.connection()
            mine, theirs = RedisStore(server, "p", lambda: KEY, os.urandom), redis.store("p")
            generation = mine.save("a", "old", None)
            one = Leases(server, server.ask, "p", mine.flush, LONG)
            two = locks(redis.connection(), "p")
            async with one.hold("x", 0):
                redis.kill()
                with pytest.raises(StoreError):
                    mine.save("a", "new", generation)
            redis.start()
            with pytest.raises(LockHeld):
                async with two.hold("x", 0):
                    pass
            async with two.hold("x", LONG):
                assert theirs.load("a").secret == "new"
            with pytest.raises(Stale):
                theirs.save("a", "x", generation)

    asyncio.run(story())


def test_without_a_server_there_is_no_lock(tmp_path):
    async def story():
        with Redis(tmp_path) as redis:
            machine = locks(redis.connection(), "p")
            redis.kill()
            with pytest.raises(ServerLost, match="refuses connections"):
                async with machine.hold("x", LONG):
                    pytest.fail("held")
            assert machine._releasing is not None

    asyncio.run(story())


def test_names_in_the_server_begin_with_the_prefix(redis, prefix):
    async def story():
        machine = locks(redis.connection(), prefix)
        async with machine.hold("the refresh", 0):
            redis.store(prefix).save("a", "x", None)
            found = redis.connection().run("return redis.call('KEYS', ARGV[1])", "-", f"{prefix}*".encode())
            assert {name.decode() for name in found} == {f"{prefix}:lock:the refresh", f"{prefix}:records"}

    asyncio.run(story())


def test_a_lease_that_another_machine_has_taken_over_is_not_prolonged(redis, prefix):
    async def story():
        machine = locks(redis.connection(), prefix, 0.3)
        async with machine.hold("x", LONG):
            redis.connection().run("for _, k in ipairs(redis.call('keys', '*')) do redis.call('del', k) end", prefix)
            prolonging = asyncio.create_task(machine._prolong("x", 0))
            await asyncio.wait_for(prolonging, 5)

    asyncio.run(story())


def test_a_bug_while_a_lock_is_released_is_raised_and_the_lock_is_free_afterwards(redis, prefix):
    bugs = [ZeroDivisionError]

    def broken():
        if bugs:
            raise bugs.pop()

    async def story():
        with pytest.raises(ZeroDivisionError):
            async with locks(redis.connection(), prefix, LONG, broken).hold("x", LONG):
                pass
        async with locks(redis.connection(), prefix).hold("x", LONG):
            return "free"

    assert asyncio.run(story()) == "free"
