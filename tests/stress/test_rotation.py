"""Many processes on one login, at a server that revokes everything when it sees a refresh token twice."""

import asyncio
import contextlib
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from faults.bridge import Client, home, save_login, started, stored_login
from stress.strict import Strict, seeded

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_PROCESSES = 32
_ROTATIONS = 100
_SLOW_ONE = 40.0
"""Seconds that one token request takes; the others take up to 0.3."""

_AT_ONCE = 6  # starts: a start is all CPU


@contextlib.asynccontextmanager
async def bridges(folder: Path, count: int) -> Any:
    """`count` processes of `run far`, each with an open session."""
    turns = asyncio.Semaphore(_AT_ONCE)
    async with contextlib.AsyncExitStack() as stack:

        async def start() -> Client:
            async with turns:
                client = await stack.enter_async_context(started(folder))
                await client.initialize()
                return client

        yield await asyncio.gather(*(start() for _ in range(count)))


async def prepared(folder: Path, server: Strict) -> None:
    home(folder, server.url, auth='{ kind = "browser" }')
    client, tokens = server.login()
    await save_login(
        folder, server.grants.issuer, client, tokens.access, tokens.refresh, lifetime=server.grants.lifetime
    )


def test_32_processes_rotate_100_times_and_no_refresh_token_is_ever_used_twice(
    tmp_path: Path, record_property: Any
) -> None:
    chance = random.Random()

    async def story() -> None:
        async with Strict(lambda: _SLOW_ONE if server.redeemed == slow else chance.uniform(0, 0.3)) as server:
            await prepared(tmp_path, server)
            async with bridges(tmp_path, _PROCESSES) as clients:
                for rotation in range(_ROTATIONS):
                    server.expire()
                    await asyncio.gather(*(call(client, rotation) for client in clients))
                    assert server.redeemed == rotation + 1
            assert (server.redeemed, server.reused) == (_ROTATIONS, 0)
            stored = await stored_login(tmp_path)
            assert (stored.access.reveal(), stored.ended, stored.in_doubt) == (server.current, "", False)

    async def call(client: Client, rotation: int) -> None:
        await asyncio.sleep(chance.uniform(0, 0.1))
        await client.call(rotation)
        answer = await client.answer(rotation)
        assert answer["result"]["content"][0]["text"] == "done", answer

    with seeded() as seed:
        chance.seed(seed)
        slow = chance.randrange(_ROTATIONS)
        began = time.monotonic()
        asyncio.run(story())
    record_property("seconds", round(time.monotonic() - began))


def test_a_night_asleep_costs_one_refresh(tmp_path: Path) -> None:
    """Eight processes are stopped for ten seconds, in which their token expires."""

    async def story() -> None:
        async with Strict(lambda: 0.3, lifetime=6) as server:
            await prepared(tmp_path, server)
            async with bridges(tmp_path, 8) as clients:
                for number in (1, 2):
                    before = server.redeemed
                    for client in clients:
                        client.process.send_signal(signal.SIGSTOP)
                    await asyncio.sleep(10)
                    for client in clients:
                        await client.call(number)
                        client.process.send_signal(signal.SIGCONT)
                    answers = await asyncio.gather(*(client.answer(number) for client in clients))
                    assert all("content" in answer["result"] for answer in answers)
                    assert (server.redeemed - before, server.reused) == (1, 0)

    asyncio.run(story())
