"""Tasks and timers end with their owner, and a fault in a task is heard of."""

import asyncio

from mcp_auth_bridge.shell.owned_tasks import OwnedTasks


async def waits():
    await asyncio.Event().wait()


async def breaks():
    raise ZeroDivisionError


async def ends():
    pass


def test_no_task_runs_after_the_end_and_no_timer_wakes():
    async def story():
        woken, failures = [], []
        owned = OwnedTasks(failures.append)
        tasks = [owned.spawn(work()) for work in (waits, waits, ends)]
        owned.set_timer("late", 0, woken.append)
        await owned.end()
        assert [task.cancelled() for task in tasks] == [True, True, True]
        await asyncio.sleep(0.01)
        assert (woken, failures, asyncio.all_tasks()) == ([], [], {asyncio.current_task()})

    asyncio.run(story())


def test_a_task_that_ends_leaves_nothing_and_one_that_breaks_is_heard_of():
    async def story():
        failures = []
        owned = OwnedTasks(failures.append)
        await asyncio.wait([owned.spawn(ends()), owned.spawn(breaks())])
        await asyncio.sleep(0)
        assert [type(bug) for bug in failures] == [ZeroDivisionError]
        assert owned._tasks == set()

    asyncio.run(story())


def test_a_timer_wakes_once_and_a_later_one_of_its_name_replaces_it():
    async def story():
        woken, both = [], asyncio.Event()

        def wake(name):
            woken.append(name)
            if len(woken) == 2:
                both.set()

        owned = OwnedTasks(woken.append)
        owned.set_timer("a", 3600, wake)
        owned.set_timer("a", 0, wake)
        owned.set_timer("b", 0, wake)
        await both.wait()
        assert (sorted(woken), owned._timers) == (["a", "b"], {})

    asyncio.run(story())
