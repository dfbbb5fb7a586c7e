"""The end of the parent is noticed once, whether the kernel notifies or the bridge polls, and also if it came early."""

import asyncio
import os
import subprocess
import sys

import pytest

from mcp_auth_bridge.shell.process import parent_watch

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps the number of a dead parent")

LONG_GONE = 2**22 + 1  # above the largest number of a process

WATCHING = """
import asyncio, os, sys
from mcp_auth_bridge.shell.process import parent_watch as parent

parent._POLL_INTERVAL = 0.01
if sys.argv[1] == "poll":
    del os.pidfd_open

async def main():
    gone = asyncio.Event()
    parent.watch(os.getppid(), gone.set)
    print("watching", flush=True)
    await gone.wait()
    print("gone", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["kernel", "poll"])
def test_the_end_of_the_parent_is_noticed_while_its_pipes_stay_open(how):
    reading, writing = os.pipe()
    command = ["/bin/sh", "-c", '"$@" & wait', "sh", sys.executable, "-c", WATCHING, how]
    with subprocess.Popen(command, stdout=writing) as shell, os.fdopen(reading, "rb") as told:
        assert told.readline() == b"watching\n"
        shell.kill()
        shell.wait()
        assert told.readline() == b"gone\n"
        os.close(writing)
        assert told.read() == b""


def watched(pid):
    """The reports of the end of `pid` before the loop waits."""
    told = []

    async def story():
        parent_watch.watch(pid, lambda: told.append(pid))
        for _ in range(20):
            await asyncio.sleep(0)

    asyncio.run(story())
    return told


@pytest.mark.parametrize("pid", [LONG_GONE, os.getpid()], ids=["gone", "another's number by now"])
def test_a_parent_that_ended_before_the_watch_is_noticed_at_once(pid):
    assert watched(pid) == [pid]


@pytest.mark.parametrize("pid", [os.getppid(), 0], ids=["alive", "outside of our container"])
def test_a_parent_that_lives_or_cannot_be_seen_is_not_reported(pid):
    assert watched(pid) == []


def test_where_the_kernel_does_not_notify_the_parent_is_looked_for_from_time_to_time(monkeypatch):
    parents = [7, 7, 1]
    monkeypatch.setattr(parent_watch, "_POLL_INTERVAL", 0.0)
    monkeypatch.setattr(parent_watch.os, "getppid", lambda: parents.pop(0))

    async def story():
        gone = asyncio.Event()
        parent_watch._poll(asyncio.get_running_loop(), 7, gone.set)
        await gone.wait()

    asyncio.run(story())
    assert parents == []
