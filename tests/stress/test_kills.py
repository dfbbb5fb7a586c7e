"""SIGKILL at random moments of a refresh, a relay and a login: no login is lost, nothing is left, the next start works.

The server forgives one repetition of a refresh whose answer was lost, as FAPI 2.0 asks (section 5.3.2.1). One that does
not cannot be helped: docs/architecture.md.
"""

import asyncio
import os
import random
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from faults.bridge import Client, environment, home, save_login, started, stored_login
from program import command
from stress.strict import Strict, seeded

from mcp_auth_bridge.demo.server import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")]

_HOMES = 4
_KILLS_OF_RUN = 110  # in each home
_KILLS_OF_LOGIN = 30  # in each of two homes
_CHECKED = 10  # every so many kills a whole start is played
_BROWSER = shlex.join([sys.executable, "-P", "-m", "mcp_auth_bridge.demo.consent"])


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if ".tmp" in path.name or ".damaged" in path.name]


async def work(client: Client, number: int = 1) -> None:
    await client.initialize()
    await client.call(number)
    answer = await client.answer(number)
    assert answer["result"]["content"][0]["text"] == "done", answer


async def killed_run(folder: Path, server: Strict, chance: random.Random) -> None:
    if chance.random() < 0.7:
        server.expire()
    async with started(folder) as client:
        working = asyncio.create_task(work(client))
        await asyncio.wait((working,), timeout=chance.uniform(0, 0.7))
        if client.process.returncode is None:
            client.process.kill()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def kills_of_run(folder: Path, seed: int) -> int:
    """How many refreshes had to be forgiven."""
    chance = random.Random(seed)
    async with Strict(lambda: chance.uniform(0, 0.1), forgiving=True) as server:
        home(folder, server.url, auth='{ kind = "browser" }')
        client, tokens = server.login()
        await save_login(
            folder, server.grants.issuer, client, tokens.access, tokens.refresh, lifetime=server.grants.lifetime
        )
        for number in range(1, _KILLS_OF_RUN + 1):
            await killed_run(folder, server, chance)
            assert not (await stored_login(folder)).ended, f"kill {number}"
            if number % _CHECKED == 0:
                server.expire()
                async with started(folder) as client_:
                    await work(client_)
        assert (server.reused, leftovers(folder)) == (0, [])
        return server.forgiven


def test_440_kills_of_refresh_and_relay_lose_no_login(tmp_path: Path, record_property: Any) -> None:
    async def story(seed: int) -> list[int]:
        return await asyncio.gather(*(kills_of_run(tmp_path / f"{n}", seed + n) for n in range(_HOMES)))

    with seeded() as seed:
        record_property("forgiven", sum(asyncio.run(story(seed))))


async def login(folder: Path, patience: float | None) -> int | None:
    """`login far` to its end, or until it is killed after `patience` seconds."""
    process = await asyncio.create_subprocess_exec(
        *(command(), "login", "far", "--browser-command", _BROWSER),
        env=environment(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        return await asyncio.wait_for(process.wait(), patience)
    except TimeoutError:
        process.kill()
        await process.wait()
        return None


async def kills_of_login(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with serving(time.time, os.urandom, 3600) as grants:
        home(folder, grants.resource, auth='{ kind = "browser" }')
        assert await login(folder, None) == 0
        for number in range(1, _KILLS_OF_LOGIN + 1):
            await login(folder, chance.uniform(0, 1.5))
            stored = await stored_login(folder)
            assert grants.access(stored.access) is not None, f"kill {number}"
            if number % _CHECKED == 0:
                async with started(folder) as client:
                    await client.initialize()
                    await client.request(1, "tools/call", {"name": "add", "arguments": {"a": 20, "b": 22}})
                    assert (await client.answer(1))["result"]["content"][0]["text"] == "42"
        assert await login(folder, None) == 0
        assert leftovers(folder) == []


def test_60_kills_of_a_login_keep_the_one_there_was_or_have_the_new_one(tmp_path: Path) -> None:
    async def story(seed: int) -> None:
        await asyncio.gather(*(kills_of_login(tmp_path / f"{n}", seed + n) for n in range(2)))

    with seeded() as seed:
        asyncio.run(story(seed))
