"""The memory budget: no more bytes are kept than it allows, and one message always makes progress."""

import asyncio
import random

import pytest
from remoting import story

from mcp_auth_bridge.errors import LimitExceeded
from mcp_auth_bridge.shell.net.memory_budget import FREE, ROOM, MemoryBudget

LIMIT = 64 << 20
STEP = 256 * 1024


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


class Reading:
    """A message that comes in pieces of `STEP` bytes, up to `size`."""

    def __init__(self, budget, size):
        self.share = budget.share()
        self.size = size
        self.has = 0

    async def run(self, done=None):
        while self.has < self.size:
            piece = min(STEP, self.size - self.has)
            await self.share.hold(self.has + piece)
            self.has += piece
            await asyncio.sleep(0)
        if done is not None:
            done(self)
        self.has = 0
        self.share.release()


@story
async def test_a_message_of_ordinary_size_never_waits():
    budget = MemoryBudget()
    for each in [Reading(budget, LIMIT) for _ in range(40)]:
        task = asyncio.create_task(each.run())
        await turns()
        assert not task.done()
        task.cancel()
    waiting = [asyncio.create_task(Reading(budget, LIMIT).run(lambda _: None)) for _ in range(40)]
    await turns()
    for _ in range(500):
        await budget.share().hold(FREE)
    for task in waiting:
        task.cancel()


@story
async def test_thirty_large_messages_at_once_are_all_read_in_little_more_memory_than_one():
    budget = MemoryBudget()
    most, done = 0, []

    async def watch():
        nonlocal most
        while len(done) < 30:
            most = max(most, sum(each.has for each in messages))
            await asyncio.sleep(0)

    messages = [Reading(budget, LIMIT - 4096) for _ in range(30)]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        for each in messages:
            tasks.create_task(each.run(done.append))
    assert len(done) == 30
    assert most <= LIMIT + ROOM + 30 * FREE


@story
async def test_a_smaller_message_finds_room_beside_thirty_large_ones_that_wait():
    budget = MemoryBudget()
    stuck = [asyncio.create_task(Reading(budget, LIMIT).run(lambda _: None)) for _ in range(31)]
    first = budget.share()
    await turns()
    async with asyncio.timeout(10):
        await first.hold(2 * FREE)
    for task in stuck:
        task.cancel()


@story
async def test_in_any_order_of_sizes_and_cancellations_all_memory_is_given_back():
    for seed in range(50):
        chance = random.Random(seed)
        budget = MemoryBudget()
        messages = [Reading(budget, chance.choice((1000, 1 << 18, 1 << 22, 1 << 24, LIMIT))) for _ in range(40)]

        async def one(each, chance=chance):
            task = asyncio.create_task(each.run())
            if chance.random() < 0.3:
                for _ in range(chance.randrange(40)):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            each.share.release()

        async with asyncio.TaskGroup() as tasks:
            for each in messages:
                tasks.create_task(one(each))
        assert (budget._used, budget._first, budget._waiting) == (0, None, []), seed


@story
async def test_a_message_for_which_there_is_never_room_fails_and_no_other():
    budget = MemoryBudget(room=STEP, patience=0.01)
    stuck, other = budget.share(), budget.share()
    await stuck.hold(LIMIT)
    with pytest.raises(LimitExceeded, match="others hold it"):
        await other.hold(LIMIT)
    assert budget._waiting == []
    stuck.release()
    await other.hold(LIMIT)


@story
async def test_a_message_that_turned_out_smaller_gives_the_rest_back():
    budget = MemoryBudget()
    share = budget.share()
    await share.hold(FREE + 1000)
    await share.hold(FREE + 400)
    assert share.counted == 400
    await share.hold(FREE - 1)
    assert share.counted == 0
