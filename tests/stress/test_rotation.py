"""Many processes use one login, at a server that revokes everything when it sees a refresh token twice."""

import asyncio
import contextlib
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from faults.bridge import Client, started, stored_login
from stress.strict import Strict, seeded
from stress.test_kills import prepared
from thoroughness import times

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_PROCESSES = 32
_ROTATIONS = times(100)
_SLOW_ONE = 40.0
"""Seconds that one token request takes; the others take up to 0.3."""

_KILLED_EVERY = 4  # rotations, in the middle of which one process is killed and another one started

_AT_ONCE = 6  # starts: a start needs only CPU


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


def test_32_processes_rotate_and_no_refresh_token_is_ever_used_twice(tmp_path: Path, record_property: Any) -> None:
    chance = random.Random()

    async def story() -> None:
        async with Strict(lambda: _SLOW_ONE if server.redeemed == slow else chance.uniform(0, 0.3)) as server:
            await prepared(tmp_path, server)
            async with contextlib.AsyncExitStack() as stack:
                clients = await stack.enter_async_context(bridges(tmp_path, _PROCESSES))
                for rotation in range(_ROTATIONS):
                    server.expire()
                    calls = [asyncio.create_task(call(client, rotation)) for client in clients]
                    if rotation % _KILLED_EVERY == 0:
                        await asyncio.sleep(chance.uniform(0, 0.4))
                        await killed(clients, calls, chance.randrange(_PROCESSES))
                        (clients[-1],) = await stack.enter_async_context(bridges(tmp_path, 1))
                        calls.append(asyncio.create_task(call(clients[-1], rotation)))
                    await asyncio.gather(*calls)
                    assert server.redeemed == rotation + 1
            assert (server.redeemed, server.reused) == (_ROTATIONS, 0)
            stored = await stored_login(tmp_path)
            assert (stored.access.reveal(), stored.ended, stored.in_doubt) == (server.current, "", False)

    async def killed(clients: list[Client], calls: list[asyncio.Task[None]], number: int) -> None:
        """Kill one process and append a new one at the end."""
        client, waiting = clients.pop(number), calls.pop(number)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        client.process.kill()
        await client.exited()
        clients.append(client)

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
    """Eight processes are stopped for ten seconds; meanwhile their token expires."""

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
