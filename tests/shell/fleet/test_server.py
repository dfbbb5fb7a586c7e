"""The Redis server that machines share: what it answers, refuses and loses."""

import asyncio
import socket
import sys
import threading

import pytest
import trustme
from redis_fleet import Redis, forget_the_rest, needs_redis

from mcp_auth_bridge.errors import ConfigError, StoreError
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.fleet import server as server_module
from mcp_auth_bridge.shell.process.invocation import adding_command
from mcp_auth_bridge.stores.redis import ServerLost

pytestmark = needs_redis


def ping(server):
    return server.run("return 'pong'", "k")


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
    assert caught.value.hint == f"run: {adding_command('redis')}"


def test_the_fields_of_a_hash_are_read_and_the_server_is_named_by_its_place(redis, prefix):
    server = redis.connection()
    server.run("redis.call('hset', KEYS[1], 'a', ARGV[1])", prefix, b"1")
    assert server.fields(prefix) == {b"a": b"1"}
    assert server.fields("nothing") == {}
    assert server.describe() == f"the Redis server 127.0.0.1:{redis.port}"


def test_an_error_of_a_script_is_told_by_its_code_alone(redis, prefix):
    with pytest.raises(StoreError, match=r"refused a command \(“?ERR“?”?\)|refused a command") as raised:
        redis.connection().run("return redis.error_reply('MISCONF canary')", prefix)
    assert "canary" not in raised.value.message


def fill(server):
    for number in range(100):
        server.run("return redis.call('set', KEYS[1], ARGV[1])", str(number), b"x" * 100_000)


def test_a_server_without_memory_is_an_error_that_says_so(tmp_path):
    limit = ("--maxmemory", "1mb", "--maxmemory-policy", "noeviction")
    with Redis(tmp_path / "full", *limit, durable=False) as full, pytest.raises(StoreError, match="no memory left"):
        fill(full.connection())


def test_a_server_that_breaks_off_within_a_reply_is_lost():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def serve():
            while not over.is_set():
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1000)

        serving = threading.Thread(target=serve)
        serving.start()
        server = Redis.connection(None, url=f"redis://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(StoreError, match="broke off the connection"):
            ping(server)
        server._client.close()
        over.set()
        socket.create_connection(listener.getsockname()).close()
        serving.join()
