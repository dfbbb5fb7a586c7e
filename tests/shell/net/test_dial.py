"""The way to a server: addresses, TLS and proxies."""

import asyncio
import socket
from functools import partial

import pytest
from peers.scripted import CUT, DRAIN, REQUEST, Gate, Scripted, ok, proxy
from pooling import MIB, at, call, pooled, server_context, story, through

from mcp_auth_bridge.errors import (
    Unreachable,
)
from mcp_auth_bridge.urls import Url


@story
async def test_a_refused_connection_is_safe_to_repeat():
    async with Scripted() as server, pooled() as pool:
        server._server.close()
        await server._server.wait_closed()
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+ refuses connections") as caught:
            await call(pool, at(server))
        assert caught.value.retry_safe
        assert caught.value.facts == {"host": at(server).authority}
        with pytest.raises(Unreachable, match="refuses connections"):  # at several addresses
            await call(pool, at(server, host="localhost"))


@story
async def test_an_unknown_host_name_is_a_dns_error():
    async with pooled() as pool:
        for name in ("nowhere.invalid", "x" * 70 + ".invalid"):
            with pytest.raises(Unreachable, match="DNS"):
                await call(pool, Url("https", name, 443, "/", ""))


@story
async def test_a_server_that_never_finishes_the_handshake_is_given_up():
    async with Scripted() as server, pooled(connect_timeout=0.05) as pool:
        server.play([DRAIN])
        with pytest.raises(Unreachable, match=r"no connection to .* within 0\.05 s") as caught:
            await call(pool, at(server, scheme="https"))
        assert caught.value.retry_safe
        assert caught.value.has_unclear_cause


@story
async def test_ipv6_loopback_is_reached_by_its_literal():
    async with Scripted(host="::1") as server, pooled() as pool:
        server.play([REQUEST, ok()])
        assert await call(pool, at(server)) == b"ok"
        assert f"Host: [::1]:{server.port}\r\n".encode() in server.requests[0]


@story
async def test_ipv4_only_is_respected():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # held without listening, so that no other process answers there
        async with Scripted(host="::1", port=held.getsockname()[1]) as server, pooled(ipv4_only=True) as pool:
            with pytest.raises(Unreachable):
                await call(pool, at(server, host="localhost"))
            assert server.connections == 0


@story
async def test_tls_works_with_an_additional_ca_and_reuses_its_connection(ca_file):
    async with Scripted(tls=server_context("localhost")) as server, pooled(ca_file=ca_file) as pool:
        body = b"x" * (2 * MIB)
        server.play([REQUEST, ok(body), REQUEST, ok(b"2")])
        url = at(server, scheme="https", host="localhost")
        assert [await call(pool, url, body), await call(pool, url)] == [body, b"2"]
        assert server.connections == 1


@story
async def test_a_request_cancelled_during_the_handshake_leaves_no_connection():
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([gate, DRAIN])
        task = asyncio.create_task(call(pool, at(server, scheme="https")))
        await gate.reached.wait()
        task.cancel()
        gate.open.set()
        await server.all_ended(1)
        with pytest.raises(asyncio.CancelledError):
            await task


# Proxies. `mcp.test` is only reachable through them: the proxy connects to loopback whatever the name.


@story
async def test_https_goes_through_a_proxys_tunnel(ca_file):
    async with (
        Scripted(tls=server_context("mcp.test")) as server,
        Scripted() as middle,
        pooled(through(middle, "user:pass@"), ca_file=ca_file) as pool,
    ):
        server.play([REQUEST, ok(b"1"), REQUEST, ok(b"2")])
        middle.play([partial(proxy, middle, authorization=b"Basic dXNlcjpwYXNz")])
        url = at(server, scheme="https", host="mcp.test")
        assert [await call(pool, url), await call(pool, url)] == [b"1", b"2"]
        assert middle.requests[0].startswith(f"CONNECT mcp.test:{server.port} HTTP/1.1\r\n".encode())
        assert b"\r\nUser-Agent: mcp-auth-bridge/" in middle.requests[0]
        assert b"Proxy-Authorization" not in server.requests[0]


@pytest.mark.parametrize(
    ("login", "status", "words"),
    [
        ("", b"407 Login", "wants a user and password"),
        ("user:hunter2@", b"407 Login", "refused its user and password"),
        ("user:hunter2@", b"403 Forbidden", r"opened no way to mcp\.test:443 \(403\)"),
    ],
)
@story
async def test_a_refusing_proxy_is_named_without_its_password(login, status, words):
    async with Scripted() as middle, pooled(through(middle, login)) as pool:
        middle.play([partial(proxy, middle, status=status)])
        with pytest.raises(Unreachable, match=words) as caught:
            await call(pool, Url("https", "mcp.test", 443, "/", ""))
        assert caught.value.retry_safe
        assert "HTTPS_PROXY" in caught.value.message
        assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("steps", [[CUT], [DRAIN], [b"garbage\r\n\r\n", CUT]])
@story
async def test_a_proxy_that_dies_is_safe_to_repeat(steps):
    async with Scripted() as middle, pooled(through(middle), connect_timeout=0.2) as pool:
        middle.play(steps)
        with pytest.raises(Unreachable, match="the proxy") as caught:
            await call(pool, Url("https", "mcp.test", 443, "/", ""))
        assert caught.value.retry_safe


@story
async def test_plain_http_goes_to_the_proxy_itself():
    async with Scripted() as middle, pooled(through(middle)) as pool:
        middle.play([REQUEST, ok()])
        assert await call(pool, Url("http", "mcp.test", 80, "/mcp", "")) == b"ok"


@story
async def test_a_connection_that_ends_with_its_handshake_was_not_used(monkeypatch):
    async def no_transport(*_, **__):
        return None

    async with Scripted() as server, Scripted() as middle, pooled(through(middle)) as pool:
        server.play([DRAIN])
        middle.play([partial(proxy, middle)])
        monkeypatch.setattr(asyncio.get_running_loop(), "start_tls", no_transport, raising=False)
        with pytest.raises(Unreachable, match="hung up while the connection was made"):
            await call(pool, at(server, scheme="https", host="mcp.test"))
