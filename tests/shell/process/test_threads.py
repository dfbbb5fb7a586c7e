"""Blocking calls in daemon threads: the event loop goes on, and the process ends without them."""

import asyncio
import subprocess
import sys
import textwrap
import threading

import pytest

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.process.threads import run_with_timeout


async def turns(count=10):
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_thread_returns_the_result_and_raises_the_error_of_its_function():
    def fail():
        raise StoreError("the keyring is locked")

    assert asyncio.run(run_with_timeout(lambda: 42, 60)) == 42
    with pytest.raises(StoreError, match="locked"):
        asyncio.run(run_with_timeout(fail, 60))


def test_the_loop_runs_while_a_thread_blocks():
    """The coroutine lets the thread go on: if the loop were blocked, this would never end."""
    gate = threading.Event()

    async def story():
        call = asyncio.create_task(run_with_timeout(lambda: gate.wait() and "done", 60))
        await turns()
        gate.set()
        return await call

    assert asyncio.run(story()) == "done"


def test_a_call_that_does_not_come_back_is_left_alone_and_explained():
    gate = threading.Event()

    def late():
        gate.wait()
        raise ZeroDivisionError  # after the time-out this must not be reported anywhere

    async def story():
        with pytest.raises(StoreError, match="waiting to be unlocked"):
            await run_with_timeout(late, 0)
        gate.set()
        for thread in threading.enumerate():
            if thread.name == "background":
                thread.join()
        await turns()

    asyncio.run(story())


def test_a_process_ends_although_a_call_never_comes_back():
    source = """
        import asyncio, threading
        from mcp_auth_bridge.errors import StoreError
        from mcp_auth_bridge.shell.process.threads import run_with_timeout
        try:
            asyncio.run(run_with_timeout(threading.Event().wait, 0))
        except StoreError as error:
            print(error.hint)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("answer its prompt, or unlock the keyring, and repeat\n", "")
