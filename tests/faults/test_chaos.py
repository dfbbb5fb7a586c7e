"""All faults of the matrix at once, drawn at random for each request, with cancellations: the invariants hold."""

import asyncio
import random
from pathlib import Path

import pytest
from faults.bridge import Client, home, started
from faults.invariants import check
from faults.rows import LEGACY, MODERN, ROWS
from faults.server import FaultServer

_METHODS = ("tools/call", "tools/list", "prompts/get", "x/unknown", "resources/read")
_REQUESTS = 300


async def history(server: FaultServer, client: Client, era: str, chance: random.Random) -> None:
    scripts = [row.script for row in ROWS if era in row.eras and not row.relay]
    for method in _METHODS:
        server.on(method, *(chance.choice(scripts) for _ in range(_REQUESTS // 10)))
    waiting = []
    for id_ in range(_REQUESTS):
        await client.request(id_, chance.choice(_METHODS), {"name": "add", "uri": "file:///x"})
        waiting.append(id_)
        if chance.random() < 0.1:
            await client.cancel(waiting.pop(chance.randrange(len(waiting))))
        if chance.random() < 0.2:
            await client.send({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
        if waiting and chance.random() < 0.1:
            await client.answer(waiting.pop(0))
    for id_ in waiting:
        await client.answer(id_)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("era", [LEGACY, MODERN])
def test_under_random_faults_each_request_ends_once_and_nothing_is_done_twice(
    era: str, seed: int, tmp_path: Path
) -> None:
    async def story() -> None:
        async with FaultServer(era) as server:
            async with started(home(tmp_path, server.url), modern=era == MODERN) as client:
                if era == LEGACY:
                    await client.initialize()
                await history(server, client, era, random.Random(seed))
                assert await client.close() == 0
            check(client.sent, client.lines, server.tap)
            assert b"fault of the bridge" not in client.stderr

    asyncio.run(story())
