"""The Redis server that machines share, and the locks on it: a real server, and leases of fractions of a second."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
import trustme
from redis_fleet import KEY, Redis, forget_the_rest, needs_redis

from mcp_auth_bridge.errors import ConfigError, StoreError
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.files.lock import LockHeld
from mcp_auth_bridge.shell.fleet import lease as lease_module
from mcp_auth_bridge.shell.fleet import server as server_module
from mcp_auth_bridge.shell.fleet.fleet import load_shared_key
from mcp_auth_bridge.shell.fleet.lease import Leases
from mcp_auth_bridge.stores.base import Stale
from mcp_auth_bridge.stores.keys import KeyFile
from mcp_auth_bridge.stores.redis import RedisStore, ServerLost

pytestmark = needs_redis

LONG = 60.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(lease_module, "_AGAIN", 0.05)
    monkeypatch.setattr(server_module, "_REST", 0.5)


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with Redis(tmp_path_factory.mktemp("redis"), durable=False) as server:
        yield server


@pytest.fixture
def prefix():
    return os.urandom(4).hex()


def nothing():
    pass


def locks(server, prefix, lease=LONG, flush=nothing):
    """The locks of one machine."""
    return Leases(server, server.ask, prefix, flush, lease)


def ping(server):
    return server.run("return 'pong'", "k")


# The server


def test_a_server_that_is_down_is_named_and_left_alone_for_a_moment(tmp_path):
    with Redis(tmp_path) as redis:
        server = redis.connection()
        redis.kill()
        with pytest.raises(
            ServerLost, match=rf"the Redis server 127\.0\.0\.1:{redis.port} refuses connections"
        ) as caught:
            ping(server)
        assert "[store]" in caught.value.hint
        redis.start()
        with pytest.raises(ServerLost, match=rf"{redis.port} refuses connections \(a moment ago\)"):
            ping(server)
        forget_the_rest(server)
        assert ping(server) == b"pong"


def test_a_connection_that_died_with_its_server_is_replaced_at_once(tmp_path):
    with Redis(tmp_path) as redis:
        server = redis.connection()
        ping(server)
        redis.kill()
        redis.start()
        assert ping(server) == b"pong"


def test_a_server_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(server_module, "_COMMAND", 0.2)
    with Redis(tmp_path) as redis:
        server = redis.connection()
        ping(server)
        redis.freeze()
        with pytest.raises(ServerLost, match="does not answer"):
            ping(server)
        redis.thaw()
        forget_the_rest(server)
        assert ping(server) == b"pong"


def test_a_server_that_hangs_does_not_block_the_loop(tmp_path, monkeypatch):
    monkeypatch.setattr(server_module, "_COMMAND", 0.2)

    async def story():
        with Redis(tmp_path) as redis:
            server = redis.connection()
            redis.freeze()
            asking = asyncio.ensure_future(server.ask(lambda: ping(server)))
            turns = 0
            while not asking.done():
                await asyncio.sleep(0)
                turns += 1
            redis.thaw()
            with pytest.raises(ServerLost):
                asking.result()
            assert turns > 10

    asyncio.run(story())


def test_a_password_that_was_rotated_is_read_again_after_its_refusal(tmp_path):
    words = ["canary-old", "canary-new"]

    async def password():
        return Secret(words.pop(0))

    async def story():
        with Redis(tmp_path, "--requirepass", "canary-new") as redis:
            server = redis.connection(password=password)
            with pytest.raises(StoreError, match="refused this user or its password") as caught:
                await server.ask(lambda: ping(server))
            assert "canary" not in f"{caught.value}{caught.value.hint}"
            assert await server.ask(lambda: ping(server)) == b"pong"

    asyncio.run(story())


def test_a_server_that_wants_a_password_which_is_not_configured_is_an_error(tmp_path):
    with Redis(tmp_path, "--requirepass", "canary") as redis, pytest.raises(StoreError, match="wants one"):
        ping(redis.connection())


def test_a_server_user_that_may_not_run_scripts_is_an_error(tmp_path):
    async def password():
        return Secret("canary")

    async def story():
        with Redis(tmp_path, "--user", "limited", "on", ">canary", "~*", "+@read") as redis:
            server = redis.connection(user="limited", password=password, reference="env:UNUSED")
            with pytest.raises(StoreError, match="refused this user") as caught:
                await server.ask(lambda: ping(server))
            assert "scripts" in caught.value.hint

    asyncio.run(story())


@pytest.mark.parametrize(
    ("options", "why"),
    [(("--maxmemory", "1"), "no memory left"), (("--replicaof", "127.0.0.1", "1"), "is a replica")],
    ids=["full", "replica"],
)
def test_a_server_that_takes_no_writes_is_an_error_with_the_reason(tmp_path, options, why):
    with Redis(tmp_path, *options, durable=False) as redis, pytest.raises(StoreError, match=why) as caught:
        redis.store().save("a", "canary", None)
    assert "canary" not in f"{caught.value}{caught.value.hint}"


def test_a_server_that_does_not_speak_redis_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 canary\r\n\r\n")
                connection.recv(1000)

        serving = threading.Thread(target=serve)
        serving.start()
        server = Redis.connection(None, url=f"redis://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(StoreError, match="does not speak Redis") as caught:
            ping(server)
        assert "canary" not in str(caught.value)
        server._client.close()
        serving.join()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def encrypted(tmp_path, authority):
    """A server that speaks TLS, and its port."""
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    files = ("--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-auth-clients", "no")
    options = ("--tls-port", str(port), *(str(tmp_path / word) if ".pem" in word else word for word in files))
    with Redis(tmp_path, *options) as redis:
        yield redis, port


def test_tls_is_verified_and_leaves_no_session_keys_behind(encrypted, tmp_path, monkeypatch):
    redis, port = encrypted
    log = tmp_path / "keylog"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    url = f"rediss://127.0.0.1:{port}"
    assert ping(redis.connection(url=url, ca_file=str(tmp_path / "ca.pem"))) == b"pong"
    assert not log.exists()
    with pytest.raises(ServerLost, match="unknown issuer"):
        ping(redis.connection(url=url))


def test_a_missing_package_is_named_with_the_command_that_installs_it(redis, monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        ping(redis.connection())
    assert "mcp-auth-bridge[redis]" in caught.value.hint


def test_no_machine_makes_a_key_of_its_own(tmp_path):
    with pytest.raises(StoreError, match="the same key"):
        load_shared_key(KeyFile(tmp_path / "key"))
    assert not (tmp_path / "key").exists()


# The locks


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
