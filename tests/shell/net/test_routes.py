"""The ways to all origins: which connections stay idle, and which of them end."""

import asyncio

from peers.scripted import DRAIN, REQUEST, Gate, Scripted, ok
from pooling import at, call, pooled, post, story

from mcp_auth_bridge.shell.net import routes as module
from mcp_auth_bridge.shell.net.routes import Routes
from mcp_auth_bridge.urls import Url


def test_an_origin_has_one_route_and_its_proxy_is_decided_once():
    asked = []
    routes = Routes(lambda url: asked.append(str(url)))
    one, other = Url("http", "mcp.test", 80, "/a", ""), Url("https", "mcp.test", 443, "/a", "")
    assert routes.to(one) is routes.to(one.with_path("/b"))
    assert routes.to(other) is not routes.to(one)
    assert list(routes.all()) == [routes.to(one), routes.to(other)]
    assert asked == [str(one), str(other)]


@story
async def test_a_connection_that_was_idle_too_long_is_closed(monkeypatch):
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), DRAIN])
        await call(pool, at(server))
        await server.all_ended(1)


@story
async def test_a_connection_that_has_become_idle_later_is_looked_at_later():
    async with Scripted() as server, pooled() as pool:
        server.play(*[[REQUEST, ok(), Gate()]] * 2)
        for response in [await post(pool, at(server)) for _ in range(2)]:
            await response.read(10)
        [route] = pool._routes.all()
        late, early = route.idle
        early.heard_at -= module.IDLE_SECONDS
        pool._routes._sweeper.cancel()
        pool._routes._sweep()
        assert route.idle == [late]
        assert pool._routes._sweeper.when() == late.heard_at + module.IDLE_SECONDS
        route.drop(late)


@story
async def test_the_connection_that_was_idle_longest_makes_room():
    async with Scripted() as server, pooled() as pool:
        server.play(*[[REQUEST, ok(), Gate()]] * 2)
        for response in [await post(pool, at(server)) for _ in range(2)]:
            await response.read(10)
        [route] = pool._routes.all()
        first, second = route.idle
        second.heard_at -= 1.0
        pool._routes.drop_oldest()
        assert route.idle == [first]
        pool._routes.drop_oldest()
        pool._routes.drop_oldest()
        assert route.idle == []


def test_nothing_is_waited_for_after_the_end():
    async def tell():
        Routes(lambda _: None).close()
        async with Scripted() as server, pooled() as pool:
            server.play([REQUEST, ok(), DRAIN])
            await call(pool, at(server))
            pool._routes.close()
            assert pool._routes._sweeper.cancelled()

    asyncio.run(tell())
