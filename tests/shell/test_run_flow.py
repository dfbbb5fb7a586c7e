"""A flow's effects are performed one by one, and their errors are thrown into the flow."""

import asyncio

import pytest
from peers.scripted import REQUEST, Scripted, ok

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.effects import (
    Agree,
    Authorize,
    Effect,
    Entropy,
    Fetch,
    Listen,
    Now,
    Response,
    Show,
    Sleep,
    Tell,
    ask,
)
from mcp_auth_bridge.errors import LoginRequired, Unreachable
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.run_flow import HeadlessLogin, run_flow, run_flow_headless
from mcp_auth_bridge.urls import Purpose, Url, gate

WANTED = Fetch(gate("https://as.example/x", Purpose.TOKEN))


class World:
    """A fetcher and a user in one."""

    def __init__(self, failure=None):
        self.failure = failure
        self.asked = asyncio.Event()

    async def fetch(self, effect):
        self.asked.set()
        if isinstance(self.failure, asyncio.Event):
            await self.failure.wait()
        if self.failure:
            raise self.failure
        return Response(200, {}, effect.url.path.encode(), 0.0)

    async def listen(self, port, host, path):
        return f"http://{host}:{port}{path}"

    async def authorize(self, url, state):
        return {"url": url, "state": state}


def test_each_effect_is_performed_in_its_turn():
    def flow():
        response = yield from ask(Fetch(WANTED.url))
        uri = yield from ask(Listen(7, "localhost", "/back"))
        callback = yield from ask(Authorize("https://as.example/a", "S"))
        one = yield from ask(Entropy(32))
        two = yield from ask(Entropy(32))
        return response.body, uri, callback, len(one), one == two

    world = World()
    assert asyncio.run(run_flow(flow(), world, world)) == (
        b"/x",
        "http://localhost:7/back",
        {"url": "https://as.example/a", "state": "S"},
        32,
        False,
    )


def test_the_flow_may_catch_the_error_of_an_effect():
    def flow():
        try:
            yield from ask(WANTED)
        except Unreachable as error:
            return error.message

    world = World(Unreachable("no route"))
    assert asyncio.run(run_flow(flow(), world, world)) == "no route"


def test_an_error_that_the_flow_does_not_catch_is_raised():
    def flow():
        yield from ask(WANTED)

    world = World(Unreachable("no route"))
    with pytest.raises(Unreachable):
        asyncio.run(run_flow(flow(), world, world))


def test_a_cancelled_drive_closes_its_flow():
    ends = []

    def flow():
        try:
            yield from ask(WANTED)
        finally:
            ends.append("closed")

    async def story():
        world = World(asyncio.Event())
        driving = asyncio.create_task(run_flow(flow(), world, world))
        await world.asked.wait()
        driving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await driving

    asyncio.run(story())
    assert ends == ["closed"]


def test_without_a_user_nothing_listens_and_nothing_opens():
    def flow(effect):
        yield from ask(effect)

    for effect in (Listen(0), Authorize("https://as.example", "S")):
        with pytest.raises(LoginRequired, match="only a user"):
            asyncio.run(run_flow(flow(effect), World(), HeadlessLogin()))


def test_an_unknown_effect_is_a_bug():
    class Unknown(Effect[int], frozen=True):
        pass

    def flow():
        yield from ask(Unknown())

    with pytest.raises(TypeError, match="Unknown"):
        asyncio.run(run_flow(flow(), World(), World()))


class Steps(World):
    """Records what the user is shown and asked."""

    def __init__(self):
        super().__init__()
        self.seen = []

    async def show(self, code, url):
        self.seen.append((code, url))

    async def agree(self, question, answer):
        self.seen.append((question, answer))


def test_the_user_is_shown_asked_and_told_in_the_order_of_the_flow(capsys):
    def flow():
        yield from ask(Show("ABCD", "https://as.example/device"))
        yield from ask(Agree("is it?", "--trust x"))
        yield from ask(Tell("it goes on"))
        yield from ask(Sleep(0.0))
        return (yield from ask(Now()))

    steps = Steps()
    assert asyncio.run(run_flow(flow(), steps, steps)) > 1e9
    assert steps.seen == [("ABCD", "https://as.example/device"), ("is it?", "--trust x")]
    assert "it goes on" in capsys.readouterr().err


@pytest.mark.parametrize("effect", [Show("x", "https://as.example/"), Agree("?", "--yes"), Authorize("https://x", "S")])
def test_without_a_user_every_step_that_needs_one_is_refused(effect):
    def flow():
        return (yield from ask(effect))

    with pytest.raises(LoginRequired):
        asyncio.run(run_flow(flow(), World(), HeadlessLogin()))


def test_a_wish_that_is_not_an_effect_is_a_bug():
    def flow():
        yield "please"

    with pytest.raises(TypeError, match="not an effect: str"):
        asyncio.run(run_flow(flow(), World(), HeadlessLogin()))


def test_a_flow_runs_without_a_user_over_connections_of_its_own():
    async def story():
        async with Scripted() as server:
            server.play([REQUEST, ok(b"{}")])
            url = Url("http", "127.0.0.1", server.port, "/x", "")

            def flow():
                return (yield from ask(Fetch(url)))

            return await run_flow_headless(Network(NetworkSettings(), {}), flow())

    assert asyncio.run(story()).body == b"{}"
