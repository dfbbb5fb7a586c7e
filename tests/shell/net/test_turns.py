"""Turns: at most so many at once, in the order in which they were asked for, and none is lost."""

import asyncio

import pytest
from pooling import story

from mcp_auth_bridge.shell.net.turns import Turns

FOREVER = 3600.0


async def waiting(turns):
    """A task that has begun to wait for a turn."""
    task = asyncio.create_task(turns.wait())
    await asyncio.sleep(0)
    return task


@story
async def test_no_more_turns_are_given_than_there_are():
    turns = Turns(2, FOREVER)
    assert [turns.try_take() for _ in range(3)] == [True, True, False]
    turns.give_back()
    assert [turns.try_take() for _ in range(2)] == [True, False]


@story
async def test_a_turn_goes_to_the_first_that_waits_and_to_no_newcomer():
    turns = Turns(1, FOREVER)
    assert turns.try_take()
    first, second = await waiting(turns), await waiting(turns)
    turns.give_back()
    assert not turns.try_take()
    await first
    assert not second.done()
    turns.give_back()
    await second


@story
async def test_a_turn_that_does_not_come_in_time_is_an_error_and_the_next_one_gets_it():
    turns = Turns(1, 0.0)
    assert turns.try_take()
    with pytest.raises(TimeoutError):
        await turns.wait()
    turns.give_back()
    assert turns.try_take()


@pytest.mark.parametrize("granted", [False, True])
@story
async def test_a_turn_is_not_lost_when_the_task_that_waits_for_it_is_cancelled(granted):
    turns = Turns(1, FOREVER)
    assert turns.try_take()
    task = await waiting(turns)
    if granted:
        turns.give_back()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if not granted:
        turns.give_back()
    assert turns.try_take()


@story
async def test_a_turn_that_comes_together_with_the_end_of_patience_is_taken():
    turns = Turns(1, 0.0)
    assert turns.try_take()
    task = await waiting(turns)
    turns.give_back()
    await task
