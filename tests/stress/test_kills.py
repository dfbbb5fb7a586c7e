"""A bridge ends at random moments of a refresh, a relay and a login: no login is lost, nothing is left behind.

The authorization server is strict: a refresh token that is presented twice revokes its family. It takes up to three
seconds to respond, so that most ends fall between a refresh request and its response.
"""

import asyncio
import os
import random
import shlex
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from faults.bridge import Client, environment, home, save_login, started, stored_login
from program import command
from stress.strict import Strict, seeded
from thoroughness import times

from mcp_auth_bridge.demo.server import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.skipif(os.name == "nt", reason="no signals")]

_HOMES = times(50)  # in parallel: most of the time is spent waiting for the server
_KILLS_OF_LOGIN = times(30)  # in each of two homes
_CHECKED = 5  # ends between two whole starts
_BROWSER = shlex.join([sys.executable, "-P", "-m", "mcp_auth_bridge.demo.consent"])
_AT_ONCE = 6  # starts: a start needs only CPU


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if ".tmp" in path.name or ".damaged" in path.name]


async def work(client: Client, number: int = 1) -> None:
    await client.initialize()
    await client.call(number)
    answer = await client.answer(number)
    assert answer["result"]["content"][0]["text"] == "done", answer


def kill(client: Client) -> None:
    client.process.kill()


def kill_group(client: Client) -> None:
    os.killpg(client.process.pid, signal.SIGKILL)


def terminate(client: Client) -> None:
    client.process.terminate()


def interrupt(client: Client) -> None:
    os.killpg(client.process.pid, signal.SIGINT)  # as a terminal does at Ctrl-C


def end_stdin(client: Client) -> None:
    assert client.process.stdin is not None
    client.process.stdin.close()


async def ended_run(
    folder: Path, server: Strict, chance: random.Random, end: Callable[[Client], None], turns: asyncio.Semaphore
) -> None:
    # Not the newest token: a process that outlived its bridge may still be waiting for that, and no client can use a
    # token that is refused when it arrives.
    server.refuse((await stored_login(folder)).access)
    async with started(folder, start_new_session=True) as client:
        async with turns:
            await client.initialize()
        asked = server.asked
        await client.call(1)
        if chance.random() < 0.5:
            await asyncio.sleep(chance.uniform(0, 0.6))  # anywhere on the way to the token request
        else:
            while server.asked == asked and 1 not in client.answers:  # noqa: ASYNC110 - it is only looked at
                await asyncio.sleep(0.01)  # an exchange that outlived its bridge may have stored a valid token
            await asyncio.sleep(chance.uniform(0, 1.5))
        end(client)
        await client.exited()


async def prepared(folder: Path, server: Strict) -> None:
    home(folder, server.url, auth='{ kind = "browser" }')
    client, tokens = server.login()
    await save_login(
        folder, server.grants.issuer, client, tokens.access, tokens.refresh, lifetime=server.grants.lifetime
    )


async def ends_of_run(
    folder: Path, seed: int, count: int, end: Callable[[Client], None], turns: asyncio.Semaphore
) -> int:
    """Ends `count` bridges; returns how many of them had a refresh under way."""
    chance = random.Random(seed)
    async with Strict(lambda: chance.uniform(0, 3)) as server:
        await prepared(folder, server)
        orphaned = 0
        for number in range(1, count + 1):
            before = server.redeemed
            await ended_run(folder, server, chance, end, turns)
            orphaned += server.asked > before and server.answered <= before
            assert not (await stored_login(folder)).ended, f"end {number}"
            if number % _CHECKED == 0:
                async with started(folder) as client:
                    await work(client)
        async with started(folder) as client:
            await work(client)
        assert (server.reused, leftovers(folder)) == (0, [])
        return orphaned


@pytest.mark.parametrize(
    ("whole", "end"), [(500, kill), (200, kill_group), (200, end_stdin), (200, terminate), (200, interrupt)]
)
def test_no_end_of_a_bridge_during_a_refresh_loses_a_login_at_a_strict_server(
    tmp_path: Path, record_property: Any, whole: int, end: Callable[[Client], None]
) -> None:
    count = times(whole)

    async def story(seed: int) -> list[int]:
        each, turns = count // _HOMES, asyncio.Semaphore(_AT_ONCE)
        homes = (ends_of_run(tmp_path / f"{n}", seed + n, each, end, turns) for n in range(_HOMES))
        return await asyncio.gather(*homes)

    with seeded() as seed:
        orphaned = sum(asyncio.run(story(seed)))
        record_property("orphaned", orphaned)
        assert orphaned > count // 10  # the test hits some refreshes; how many depends on the machine's load


async def login(folder: Path, patience: float | None) -> int | None:
    """Run `login far` to its end, or kill it after `patience` seconds."""
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
        with suppress(ProcessLookupError):  # it has just ended
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


def test_killed_logins_leave_either_the_previous_login_or_the_new_one(tmp_path: Path) -> None:
    async def story(seed: int) -> None:
        await asyncio.gather(*(kills_of_login(tmp_path / f"{n}", seed + n) for n in range(2)))

    with seeded() as seed:
        asyncio.run(story(seed))
