"""Evidence is gathered once."""

import anyio

from mcp_auth_bridge.doctor.once import Once


def test_evidence_is_gathered_once_for_all_that_ask():
    gathered = []

    async def gather():
        gathered.append(1)
        await anyio.lowlevel.checkpoint()
        return len(gathered)

    async def story():
        once = Once(gather)
        results = []

        async def ask():
            results.append(await once())

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(ask)
        return results

    assert anyio.run(story) == [1, 1, 1]
