"""Kernel locks across threads, tasks and processes."""

import asyncio
import errno
import os
import subprocess
import sys
import textwrap
import threading

import pytest

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.files import lock
from mcp_auth_bridge.shell.files.lock import Locks

HOLDER = """
    import asyncio, sys
    from pathlib import Path
    from mcp_auth_bridge.shell.files.lock import Locks

    async def hold():
        async with Locks(Path(sys.argv[1])).hold("session", 0):
            print("held", flush=True)
            sys.stdin.readline()
        print("released", flush=True)
        sys.stdin.readline()

    asyncio.run(hold())
"""


class Holder:
    """Another process that holds the lock "session"."""

    def __init__(self, folder):
        command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "held\n"

    def release(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "released\n"

    def kill(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def holder(tmp_path):
    holder = Holder(tmp_path)
    yield holder
    holder.kill()


@pytest.fixture
def locks(tmp_path):
    return Locks(tmp_path)


async def take(locks, name="session", patience=0):
    async with locks.hold(name, patience):
        return "held"


async def turns(count=10):
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.usefixtures("holder")
def test_a_lock_of_another_process_ends_the_wait_with_an_error_that_names_it(locks):
    with pytest.raises(StoreError, match="held the lock for session") as refusal:
        asyncio.run(take(locks))
    assert refusal.value.hint


@pytest.mark.usefixtures("holder")
def test_another_name_is_another_lock(locks):
    assert asyncio.run(take(locks, "login")) == "held"


def test_the_loop_runs_while_a_lock_is_waited_for(locks, holder):
    """A coroutine of the waiting loop releases the lock: if the loop were blocked, this would never end."""

    async def story():
        waiter = asyncio.create_task(take(locks, patience=60))
        await turns()
        assert not waiter.done()
        holder.release()
        return await waiter

    assert asyncio.run(story()) == "held"


def test_a_cancelled_wait_leaves_no_lock_behind(locks, holder):
    async def story():
        waiter = asyncio.create_task(take(locks, patience=60))
        await turns()
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        holder.release()
        return await take(locks)

    assert asyncio.run(story()) == "held"


def test_a_cancelled_holder_releases_the_lock(locks):
    async def story():
        inside = asyncio.Event()

        async def hold_for_ever():
            async with locks.hold("session", 0):
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(hold_for_ever())
        await inside.wait()
        with pytest.raises(StoreError):
            await take(locks)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await take(locks)

    assert asyncio.run(story()) == "held"


def test_the_kernel_frees_the_lock_of_a_killed_process(locks, holder):
    holder.kill()
    assert asyncio.run(take(locks)) == "held"


def test_two_tasks_of_one_process_exclude_each_other(locks):
    inside, most = 0, 0

    async def enter():
        nonlocal inside, most
        async with locks.hold("session", 60):
            inside += 1
            most = max(most, inside)
            await turns()
            inside -= 1

    async def story():
        await asyncio.gather(*(enter() for _ in range(5)))

    asyncio.run(story())
    assert most == 1


def test_a_mutex_excludes_threads(locks):
    value = 0

    def count():
        nonlocal value
        for _ in range(25):
            with locks.mutex("record"):
                seen = value
                threading.Event().wait(0)  # gives the others their chance to interfere
                value = seen + 1

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value == 100


def test_a_mutex_that_is_not_freed_ends_in_an_error(locks, monkeypatch):
    monkeypatch.setattr(lock, "_MUTEX_TIMEOUT", 0.01)
    with locks.mutex("record"):
        refusals = []

        def contend():
            try:
                with locks.mutex("record"):
                    pass
            except StoreError as error:
                refusals.append(error.message)

        thread = threading.Thread(target=contend)
        thread.start()
        thread.join()
    assert refusals == ["other mcp-auth-bridge processes have held the lock for record for more than 0.01 seconds"]


def test_a_mutex_and_a_lock_of_one_name_do_not_wait_for_each_other(locks):
    async def story():
        async with locks.hold("session", 0):
            with locks.mutex("session"):
                return "both"

    assert asyncio.run(story()) == "both"


def test_an_error_inside_releases_both_kinds(locks):
    with pytest.raises(ZeroDivisionError), locks.mutex("session"):
        raise ZeroDivisionError

    async def fail():
        async with locks.hold("session", 0):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail())
    with locks.mutex("session"):
        assert asyncio.run(take(locks)) == "held"


def test_lock_files_are_private_and_stay(tmp_path):
    locks = Locks(tmp_path / "locks")
    with locks.mutex("session"):
        asyncio.run(take(locks))
    assert (tmp_path / "locks").stat().st_mode & 0o777 == 0o700
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "locks").iterdir()]
    assert modes == [0o600, 0o600]


def test_a_planted_link_is_not_followed_by_a_lock(tmp_path, locks):
    with locks.mutex("session"):
        pass
    (path,) = tmp_path.glob("*.mutex")
    path.unlink()
    path.symlink_to(tmp_path / "victim")
    with pytest.raises(StoreError, match="symbolic link"), locks.mutex("session"):
        pass
    assert not (tmp_path / "victim").exists()


def test_a_folder_that_others_can_enter_is_refused_by_a_lock(tmp_path, locks):
    tmp_path.chmod(0o755)
    with pytest.raises(StoreError, match="open to other users"), locks.mutex("session"):
        pass


def test_a_file_system_without_locks_is_an_error_and_never_an_unlocked_refresh(locks, monkeypatch):
    import fcntl

    def missing(_descriptor, _operation):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", missing)
    with pytest.raises(StoreError), locks.mutex("session"):
        pass
    with pytest.raises(StoreError):
        asyncio.run(take(locks))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere this is how some systems say that it is held")
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_lock_that_the_kernel_denies_is_not_waited_for_as_if_another_process_had_it(locks, monkeypatch, number):
    import fcntl

    def denied(*_):
        raise OSError(number, os.strerror(number))

    async def story():
        async with locks.hold("session", 1000.0):
            pass

    monkeypatch.setattr(fcntl, "flock", denied)
    with pytest.raises(StoreError, match="no permission" if number == errno.EACCES else "input/output"):
        asyncio.run(story())


def test_the_file_of_a_lock_is_the_one_that_is_locked(locks, tmp_path):
    async def story():
        assert not locks.file("session").exists()
        async with locks.hold("session", 0):
            return [*tmp_path.iterdir()]

    assert asyncio.run(story()) == [locks.file("session")]
