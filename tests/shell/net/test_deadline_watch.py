"""One timer for many waits: each thing that is watched expires once, in its order, and a dropped one never."""

import asyncio

from pooling import story

from mcp_auth_bridge.shell.net.deadline_watch import DeadlineWatch


def watch(seconds):
    """A watch, the things that have expired, and an event that the last one sets."""
    expired, last = [], asyncio.Event()

    def expire(thing):
        expired.append(thing)
        if thing == "last":
            last.set()

    return DeadlineWatch(seconds, expire), expired, last


@story
async def test_things_expire_in_the_order_in_which_they_were_added():
    watched, expired, last = watch(0.001)
    for thing in ("first", "second", "last"):
        watched.add(thing)
    await last.wait()
    assert expired == ["first", "second", "last"]


@story
async def test_a_dropped_thing_does_not_expire():
    watched, expired, last = watch(0.001)
    watched.add("first")
    watched.add("last")
    watched.drop("first")
    watched.drop("never watched")
    await last.wait()
    assert expired == ["last"]


@story
async def test_the_timer_goes_on_with_things_that_were_added_later():
    watched, expired, last = watch(0.002)
    watched.add("first")
    await asyncio.sleep(0.001)
    watched.add("last")
    await last.wait()
    assert expired == ["first", "last"]


@story
async def test_a_thing_is_watched_again_after_the_timer_found_nothing_to_do():
    watched, expired, last = watch(0.0)
    watched.add("first")
    watched.drop("first")
    await asyncio.sleep(0.001)
    watched.add("last")
    await last.wait()
    assert expired == ["last"]
