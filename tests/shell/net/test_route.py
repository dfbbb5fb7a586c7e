"""The way to an origin: which of its idle connections is taken, and what their ends show."""

import math

import pytest
from peers.scripted import DRAIN, REQUEST, Gate, Scripted, ok
from pooling import at, call, pooled, story

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.route import Route
from mcp_auth_bridge.urls import Url


def test_only_plain_http_through_a_proxy_names_the_whole_url():
    network = Network(NetworkSettings(), {"HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"})
    urls = [Url(scheme, "mcp.test", 80, "/", "") for scheme in ("http", "https")]
    assert [Route(url, network.proxy(url)).absolute for url in urls] == [True, False]
    assert not Route(urls[0], None).absolute


@story
async def test_the_latest_idle_connection_is_taken_and_each_only_once():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), DRAIN])
        await call(pool, at(server))
        [route] = pool._routes.all()
        [connection] = route.idle
        assert route.take() is connection
        assert route.take() is None
        route.idle.append(connection)
        route.drop(connection)
        assert route.idle == []
        await server.all_ended(1)


@story
async def test_the_log_tells_which_connection_is_used_again(monkeypatch):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), DRAIN])
        await call(pool, at(server))
        events = []
        monkeypatch.setattr(debug_log, "on", True)
        monkeypatch.setattr(debug_log, "event", lambda name, **fields: events.append((name, fields)))
        [route] = pool._routes.all()
        connection = route.take()
        assert events == [("connection.reused", {"peer": at(server).authority})]
        connection.abort()
        await server.all_ended(1)


@story
async def test_a_connection_that_stirs_is_ended_and_not_taken(monkeypatch):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), DRAIN])
        await call(pool, at(server))
        [route] = pool._routes.all()
        monkeypatch.setattr(route.idle[0], "is_stirring", lambda: [object()])
        assert route.take() is None
        await server.all_ended(1)


@pytest.mark.parametrize("idle", [False, True])
@story
async def test_only_the_end_of_an_idle_connection_shows_a_limit(idle):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), Gate()])
        await call(pool, at(server))
        [route] = pool._routes.all()
        connection = route.idle[0] if idle else route.take()
        route.lose(connection)
        assert (route.idle_limit._last < math.inf) is idle
        connection.abort()
