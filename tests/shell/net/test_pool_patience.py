"""Timeouts of the relay's plane and their messages; an address that leads nowhere does not stop the one beside it."""

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path

import msgspec
import pytest
import trustme
from black_hole import black_hole
from mutual_tls import strict_server
from peers.scripted import CUT, DRAIN, REQUEST, Gate, Scripted, ok
from remoting import ANSWER, CALL, NOTE, STREAM, collect, connected, event, story

from mcp_auth_bridge.cli.manual import build_parser
from mcp_auth_bridge.config.config_file import Config
from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.profile import Profile, ServerChoice
from mcp_auth_bridge.errors import OutcomeUnknown, Unreachable
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.urls import Url


@contextlib.asynccontextmanager
async def pooled(**settings):
    pool = Pool(Network(NetworkSettings(**settings), {}))
    try:
        yield pool
    finally:
        await pool.aclose()


def at(port, scheme="http", host="127.0.0.1"):
    return Url(scheme, host, port, "/mcp", "")


async def get(pool, url):
    return await (await pool.exchange(pool.prepare("GET", url, []), b"")).read(1024)


@story
async def test_a_response_that_does_not_begin_in_time_leaves_the_outcome_unknown():
    async with Scripted() as server, pooled(headers_timeout=0.01) as pool:
        server.play([REQUEST, DRAIN])
        with pytest.raises(OutcomeUnknown, match=r"did not begin to answer within 0\.01 s") as caught:
            await get(pool, at(server.port))
        assert "headers_timeout" in caught.value.hint
        await server.all_ended(1)


@story
async def test_a_stream_that_has_begun_may_be_silent_for_any_time():
    async with Scripted() as server, connected(server, headers_timeout=0.2) as remote:
        gate = Gate()
        server.play([REQUEST, STREAM + event(NOTE), gate, event(ANSWER) + b"0\r\n\r\n", CUT])
        messages = remote.post(CALL, {})
        assert (await anext(messages)).raw == NOTE
        rest = asyncio.create_task(collect(messages))
        await asyncio.wait((rest,), timeout=0.25)  # longer than the timeout that would be wrong here
        assert not rest.done()
        gate.open.set()
        assert await rest == [ANSWER]


@story
async def test_an_address_that_drops_all_packets_is_given_up_after_connect_timeout():
    with black_hole() as port:
        async with pooled(connect_timeout=0.1) as pool:
            with pytest.raises(Unreachable, match=r"no connection to .* within 0\.1 s"):
                await get(pool, at(port))


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python knows no IPv6")
@story
async def test_an_ipv6_address_that_drops_all_packets_does_not_stop_ipv4(monkeypatch):
    async with Scripted() as server, pooled() as pool:
        try:
            hole = black_hole("::1")
            sixth = hole.__enter__()
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")

        async def lookup(host, port, **wanted):
            kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
            swallows, answers = ("::1", sixth, 0, 0), ("127.0.0.1", server.port)
            return [(socket.AF_INET6, *kind, swallows), (socket.AF_INET, *kind, answers)]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
        server.play([REQUEST, ok()])
        try:
            assert await get(pool, at(server.port, host="mcp.test")) == b"ok"
        finally:
            hole.__exit__(None, None, None)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@story
async def test_a_missing_client_certificate_is_named_and_the_request_is_safe_to_repeat(version, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    port = strict_server(version, authority)
    async with pooled(ca_file=str(tmp_path / "ca.pem")) as pool:
        with pytest.raises(Unreachable) as caught:
            await get(pool, at(port, "https"))
        assert caught.value.retry_safe, caught.value.message
        assert "client_certificate" in caught.value.hint, caught.value.message


@pytest.mark.parametrize("command", ["run", "login"])
def test_a_run_may_want_ipv4_only(command):
    assert build_parser().parse_args([command, "acme", "--ipv4"]).ipv4
    assert not build_parser().parse_args([command, "acme"]).ipv4
    slow = NetworkSettings(connect_timeout=3.0)
    config = Config(Path("config.toml"), profiles={"acme": Profile("acme", at(1), network=slow)})
    assert config.choose(ServerChoice("acme")).network == slow
    assert config.choose(ServerChoice("acme", ipv4=True)).network == msgspec.structs.replace(slow, ipv4_only=True)
