"""A legacy and a modern client at work while the server restarts, is busy, loses sessions and changes its era.

Both bridges share a login whose access token lives five seconds. Every call has an argument of its own, which the
server counts. A reply is compared with the faults that the server has had since the bridge last worked in peace.
"""

import asyncio
import json
import logging
import random
import time
from pathlib import Path
from typing import Any

import pytest
from faults.bridge import Client, home, save_login, started, stored_login
from faults.invariants import check_answers
from stress.soaked import CHANGED, LIFETIME, Soaked
from stress.soaking import Operator, User, listening
from stress.strict import seeded
from thoroughness import seconds

log = logging.getLogger("stress.test_soak")

_SECONDS = seconds(1200, 30)
_SAMPLES = seconds(20, 5)  # of memory; the first fifth is warm-up
_AT_ONCE = 6  # requests of each client
_MEMORY = seconds(8, 4) << 20  # bytes by which a bridge may grow; in 20 minutes 1 KiB per request is twice as much
_FILES = 2 * _AT_ONCE  # file descriptors: connections that are kept for the next request

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(_SECONDS + 300),
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="memory and files are read from /proc"),
]


def files(client: Client) -> int:
    return sum(1 for _ in Path(f"/proc/{client.process.pid}/fd").iterdir())


async def heard(server: Soaked, client: Client) -> None:
    """The server's notifications reach the client."""
    before = len(client.lines)

    def come() -> bool:
        return set(CHANGED) <= {json.loads(line).get("method") for line in client.lines[before:]}

    async def tell() -> None:
        while True:
            for method in CHANGED:
                server.notify(method)
            await asyncio.sleep(0.5)

    telling = asyncio.create_task(tell())
    await client.until(come)
    telling.cancel()


def check_progress(lines: list[bytes]) -> None:
    """Progress of a call only grows, and ends with its reply."""
    last: dict[str, float] = {}
    for message in map(json.loads, lines):
        if message.get("method") == "notifications/progress":
            token, progress = message["params"]["progressToken"], message["params"]["progress"]
            assert progress > last.get(token, 0), message
            last[token] = progress
        elif "method" not in message and isinstance(message["id"], int):
            last[f"token {message['id']}"] = float("inf")


def check_truth(server: Soaked, user: User) -> None:
    """What the bridge says of a call is what the server knows of it."""
    for step, error in user.errors.items():
        count = server.executed[step]
        if error is None:
            assert count == 1, step
        else:  # the server's own errors are refusals
            sent = (error.get("data") or {}).get("sent", "no")
            assert count <= (sent != "no"), (step, error)


def sample(users: list[User]) -> list[tuple[int, int]]:
    """The resident memory in bytes and the open files of each user's bridge, between two shifts."""
    return [(user.client.resident, files(user.client)) for user in users]


def check_samples(samples: list[list[tuple[int, int]]]) -> None:
    """Neither memory nor files grew after the warm-up."""
    for before, after in zip(samples[_SAMPLES // 5 - 1], samples[-1], strict=True):
        assert after[0] <= before[0] + _MEMORY, samples
        assert after[1] <= before[1] + _FILES, samples


async def day(server: Soaked, operator: Operator, users: list[User]) -> None:
    """`_SAMPLES` shifts, after each of which all requests are answered."""
    began, samples = time.monotonic(), []
    for number in range(1, _SAMPLES + 1):
        operator.done = False
        async with asyncio.TaskGroup() as group:
            for user in (user for user in users for _ in range(_AT_ONCE)):
                group.create_task(user.work())
            await operator.shift(began + _SECONDS * number / _SAMPLES, users)
            operator.done = True
        samples.append(sample(users))
        log.info("after %d s: %s, %s", time.monotonic() - began, samples[-1], dict(server.facts))
    check_samples(samples)


def check(server: Soaked, users: list[User]) -> None:
    log.info("executed %d, refreshes %d, %s", len(server.executed), server.redeemed, dict(server.facts))
    for user in users:
        log.info("%s\n%s", dict(user.ends), user.client.stderr.decode()[-3000:])
    twice = [step for step, count in server.executed.items() if count > 1]
    assert twice == []
    assert [user.lies for user in users] == [[], []]
    for user in users:
        check_answers(user.client.sent, map(json.loads, user.client.lines))
        check_progress(user.client.lines)
        check_truth(server, user)
        assert b"fault of the bridge" not in user.client.stderr


async def story(folder: Path, chance: random.Random) -> None:
    async with Soaked(chance) as server:
        home(folder, server.url, auth='{ kind = "browser" }')
        id_, tokens = server.login()
        await save_login(folder, server.grants.issuer, id_, tokens.access, tokens.refresh, lifetime=LIFETIME)
        async with started(folder) as legacy, started(folder, modern=True) as modern:
            operator = Operator(server, chance)
            users = [User(client, operator, chance) for client in (legacy, modern)]
            for user in users:
                await user.open()
            async with listening(users):
                await day(server, operator, users)
                for user in users:
                    await heard(server, user.client)
            assert [await user.client.close() for user in users] == [0, 0]
        check(server, users)
        async with started(folder) as client:  # the login is still good
            await client.initialize()
            await client.request(1, "tools/call", {"name": "count", "arguments": {"step": 0}})
            assert "result" in await client.answer(1)
        assert (server.reused, (await stored_login(folder)).ended) == (0, "")


def test_a_long_day_loses_nothing_and_does_nothing_twice(tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "stress")
    with seeded() as seed:
        log.info("seed %d", seed)
        asyncio.run(story(tmp_path, random.Random(seed)))
