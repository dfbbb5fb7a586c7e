"""The way to a server is gone once, step by step, and ends where no further step is possible."""

import anyio
import pytest
from commanding import context_of
from peers.scripted import REQUEST, Scripted, ok
from pooling import CA, server_context, story

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor.way.journey import go
from mcp_auth_bridge.shell.net.connect_errors import Fault


def bridge_to(folder, url, network="", environ=None):
    more = f"allow_http = true\n[servers.acme.network]\n{network}\n"
    context = context_of(folder, url, environ=environ, more=more)
    return Bridge(context.config.profiles["acme"], context)


@story
async def test_a_server_of_plain_http_is_reached_if_it_takes_connections(tmp_path):
    async with Scripted(forever=[]) as server:
        way = await go(bridge_to(tmp_path, f"http://127.0.0.1:{server.port}/mcp"))
    assert way.reached
    assert way.handshake is None


@pytest.mark.parametrize("trusted", [True, False])
@story
async def test_a_server_of_https_is_reached_if_the_handshake_ends_well(tmp_path, trusted):
    path = tmp_path / "ca.pem"
    CA.cert_pem.write_to_path(path)
    async with Scripted(tls=server_context("localhost"), forever=[REQUEST, ok()]) as server:
        network = f"ca_file = '{path}'" if trusted else ""
        way = await go(bridge_to(tmp_path, f"https://localhost:{server.port}/mcp", network))
    assert way.connects
    assert way.reached is trusted
    assert way.handshake.version == "TLSv1.3"
    assert len(way.handshake.certificates) == 1


def test_the_way_ends_at_a_proxy_that_cannot_be_used(tmp_path):
    way = anyio.run(go, bridge_to(tmp_path, "https://acme.example/mcp", "proxy = 'socks5://127.0.0.1:1'"))
    assert "SOCKS" in way.proxy_error.message
    assert (way.knocks, way.reached) == ((), False)


def test_the_way_ends_at_a_name_that_is_not_known(tmp_path):
    way = anyio.run(go, bridge_to(tmp_path, "https://nowhere.invalid/mcp", "ipv4_only = true"))
    assert way.names.error.fault is Fault.NAME_UNKNOWN
    assert (way.place, way.knocks, way.handshake, way.reached) == (way.url, (), None, False)


@story
async def test_the_first_place_on_the_way_is_the_proxy(tmp_path):
    async with Scripted(forever=[]) as middle:
        environ = {"HTTP_PROXY": f"http://127.0.0.1:{middle.port}"}
        bridge = bridge_to(tmp_path, "http://acme.example/mcp", "", environ)
        way = await go(bridge)
    assert way.place == way.proxy.url
    assert way.reached
