"""Two machines with eight processes each share one rotating login, while its Redis dies twice."""

import asyncio
import contextlib
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from faults.bridge import Client, home, save_login, started, stored_login
from redis_fleet import Redis, needs_redis
from stress.hosts import joined, namespace, remove_leftovers, served, why_not
from stress.strict import Strict
from thoroughness import times

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), needs_redis]

_PROCESSES = 8  # on each host
_ROTATIONS = times(300)
_DEATHS = (_ROTATIONS // 3, 2 * _ROTATIONS // 3)
_DOWN = 2.0  # seconds
_AT_ONCE = 4  # starts: a start needs only CPU


def fleet_home(folder: Path, server: Strict, redis: str) -> Path:
    """The home of one machine; only the sealing key and the server are shared."""
    home(folder, server.url, auth='{ kind = "browser" }')
    own = f'kind = "key_file"\npath = "{folder / "sealing.key"}"'
    shared = f'kind = "redis"\nurl = "{redis}"\ninsecure = true\nkey_file = "{folder / "sealing.key"}"'
    configuration = folder / "config.toml"
    configuration.write_text(configuration.read_text().replace(own, shared))
    return folder


class Story:
    def __init__(self, server: Strict, redis: Redis, chance: random.Random) -> None:
        self.server = server
        self.redis = redis
        self.chance = chance
        self.calls = self.failures = 0
        self.why: set[str] = set()

    async def rotate(self, clients: list[Client], *, dies: bool) -> None:
        self.server.expire()
        async with asyncio.TaskGroup() as tasks:
            for client in clients:
                tasks.create_task(self.call(client))
            if dies:
                tasks.create_task(self.die())

    async def call(self, client: Client) -> None:
        """Calls as an agent does: it retries after a temporary refusal."""
        await asyncio.sleep(self.chance.uniform(0, 0.05))
        while True:
            self.calls += 1
            number = self.calls
            await client.call(number)
            answer = await client.answer(number)
            if "result" in answer:
                assert answer["result"]["content"][0]["text"] == "done", answer
                return
            assert "Redis server" in answer["error"]["message"], answer
            self.failures += 1
            self.why.add(answer["error"]["message"])
            await asyncio.sleep(0.5)

    async def die(self) -> None:
        await asyncio.sleep(self.chance.uniform(0, 0.3))
        await asyncio.to_thread(self.redis.kill)
        await asyncio.sleep(_DOWN)
        await asyncio.to_thread(self.redis.start)


def test_16_processes_on_two_hosts_rotate_while_redis_dies_twice(tmp_path: Path, record_property: Any) -> None:
    if reason := why_not():
        pytest.skip(reason)
    remove_leftovers()
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    own = f"mab{os.getpid()}"

    async def story() -> None:
        async with contextlib.AsyncExitStack() as stack:
            hub, *hosts = (stack.enter_context(namespace(f"{own}-{name}")) for name in ("hub", "a", "b"))
            addresses = [joined(name and f"{own}-{name}", f"{own}-hub", n) for n, name in enumerate(("", "a", "b"))]
            options = ("--protected-mode", "no", "--bind", "0.0.0.0")
            redis = stack.enter_context(Redis(tmp_path / "redis", *options, before=hub))
            server = await stack.enter_async_context(Strict(lambda: chance.uniform(0, 0.1)))
            urls = [f"redis://{address}:{redis.port}" for address in addresses]
            desk, *homes = (fleet_home(tmp_path / str(n), server, url) for n, url in enumerate(urls))
            client, tokens = server.login()
            lifetime = server.grants.lifetime
            await save_login(desk, server.grants.issuer, client, tokens.access, tokens.refresh, lifetime=lifetime)
            turns, clients = asyncio.Semaphore(_AT_ONCE), []

            async def start(folder: Path, by: tuple[str, ...]) -> None:
                async with turns:
                    clients.append(client := await stack.enter_async_context(started(folder, by=by)))
                    await client.initialize()

            for number, by in enumerate(hosts):
                await stack.enter_async_context(served(by, server.port, tmp_path / f"host{number}"))
            await asyncio.gather(*(start(*each) for each in zip(homes, hosts, strict=True) for _ in range(_PROCESSES)))
            tale = Story(server, redis, chance)
            for rotation in range(_ROTATIONS):
                await tale.rotate(clients, dies=rotation in _DEATHS)
                assert (server.redeemed, server.reused) == (rotation + 1, 0), f"seed {seed}: {tale.why}"
            stored = await stored_login(desk)
            assert (stored.access.reveal(), stored.ended, stored.in_doubt) == (server.current, "", False)
            record_property("calls", tale.calls)
            record_property("failed while redis was down", tale.failures)
            record_property("why", sorted(tale.why))

    began = time.monotonic()
    asyncio.run(story())
    record_property("seconds", round(time.monotonic() - began))
