"""The redemption of a refresh token: what the store shows before and after, on a full disk and after a kill."""

import asyncio

import pytest
from playing import answer
from refreshing import (
    KEY,
    TARGET,
    UNKNOWN,
    World,
    bearer,
    meanwhile,
    session,
    told,
)

from mcp_auth_bridge.credentials.redemption import InProcessRedemption
from mcp_auth_bridge.credentials.stored_session import StoredSession
from mcp_auth_bridge.errors import (
    LoginRequired,
    StoreError,
    Unreachable,
)
from mcp_auth_bridge.secret import Secret


@told
async def test_a_logout_during_a_refresh_wins():
    world = World(session())
    world.gate = asyncio.Event()
    process = world.process()
    world.now += 3600.0
    request = asyncio.create_task(process.headers(TARGET))
    await world.asked.wait()
    world.log_out()
    world.gate.set()
    with pytest.raises(LoginRequired, match="you are not logged in"):
        await request
    assert world.store.keys() == []


@told
async def test_a_login_during_a_refresh_wins():
    world = World(session())
    world.gate = asyncio.Event()
    process = world.process()
    world.now += 3600.0
    request = asyncio.create_task(process.headers(TARGET))
    await world.asked.wait()
    world.log_in(session(7, at=world.now))
    world.gate.set()
    assert await request == bearer(7)
    assert world.stored.access == Secret("AT-7")


@told
async def test_on_a_full_disk_no_refresh_token_is_spent():
    """The store would still show it to other processes and to the next start, whose use of it would end the login."""
    world = World(session())
    processes = [world.process(), world.process()]
    world.store.full = True
    world.now += 3600.0
    for process in processes:
        with pytest.raises(StoreError, match="there is no space left"):
            await process.headers(TARGET)
    assert world.presented == []
    world.store.full = False
    for process in (*processes, world.process()):
        assert await process.headers(TARGET) == bearer(1)
    assert world.presented == ["RT-0"]


async def a_refresh_while_the_disk_fills_up(world, process):
    """The answer has arrived when there is no space left for it."""
    world.gate, world.asked = asyncio.Event(), asyncio.Event()
    world.now += 3600.0
    waiting = asyncio.create_task(process.headers(TARGET))
    await world.asked.wait()
    world.store.full = True
    world.gate.set()
    return await waiting


@told
async def test_a_disk_that_fills_up_meanwhile_keeps_the_session_is_told_once_and_saved_later():
    world = World(session())
    process = world.process()
    assert await a_refresh_while_the_disk_fills_up(world, process) == bearer(1)
    world.now += 1.0
    assert await process.headers(TARGET) == bearer(1)
    assert [error.message for error in world.warned] == ["there is no space left"]
    assert world.stored.access == Secret("AT-0")
    world.store.full = False
    world.now += 1.0
    assert await process.headers(TARGET) == bearer(1)
    assert world.stored.refresh == Secret("RT-1")


@told
async def test_a_disk_that_fills_up_again_is_told_again():
    world = World(session())
    process = world.process()
    for number in (1, 2):
        assert await a_refresh_while_the_disk_fills_up(world, process) == bearer(number)
        world.store.full = False
        world.now += 1.0
        await process.headers(TARGET)
    assert len(world.warned) == 2


@told
async def test_a_renewal_is_noted_in_the_store_before_the_token_is_presented():
    world = World(session())
    world.gate = asyncio.Event()
    process = world.process()
    world.now += 3600.0
    request = asyncio.create_task(process.headers(TARGET))
    await world.asked.wait()
    assert (world.stored.in_doubt, world.stored.refresh) == (True, Secret("RT-0"))
    world.gate.set()
    await request
    assert (world.stored.in_doubt, world.stored.refresh) == (False, Secret("RT-1"))


@pytest.mark.parametrize("forgives", [True, False])
def test_after_a_kill_between_rotation_and_save_the_old_token_is_presented_once(forgives):
    @told
    async def story():
        world = World(session())
        world.now += 3600.0
        world.reply = UNKNOWN  # for the store, a kill and an answer that never came are the same
        with pytest.raises(Unreachable):
            await world.process().headers(TARGET)
        world.reply = None if forgives else answer({"error": "invalid_grant"}, 400)
        for _ in range(3):
            process = world.process()
            if forgives:
                assert await process.headers(TARGET) == bearer(1)
            else:
                with pytest.raises(LoginRequired, match="after a refresh that got no response"):
                    await process.headers(TARGET)
        assert world.presented == ["RT-0"] * 2

    story()


@told
async def test_settling_waits_for_an_answer_under_way_and_for_nothing_else():
    world = World(session())
    world.gate = asyncio.Event()
    process = world.process()
    await process.settle()
    world.now += 3600.0
    async with world._lock():
        waiting = asyncio.create_task(process.headers(TARGET))
        await meanwhile()
        await process.settle()  # it has presented nothing yet
    await world.asked.wait()
    settling = asyncio.create_task(process.settle())
    await meanwhile()
    assert not settling.done()
    world.gate.set()
    await settling
    assert world.stored.refresh == Secret("RT-1")
    assert await waiting == bearer(1)


@told
async def test_a_token_that_another_process_has_redeemed_is_not_presented_again():
    world = World(session())
    lent = world.lent()
    stored = StoredSession(KEY, lent)
    await stored.look()
    world.log_in(session(5))
    await InProcessRedemption(stored, lent).redeem(session())
    assert (world.presented, stored.session) == ([], session(5))
