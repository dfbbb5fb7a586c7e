"""Records that a backup, a synchronisation or a disk fault has reverted, while a bridge runs and while none runs.

The authorization server is strict: presenting a spent refresh token ends the login.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from faults.bridge import bridge_in, home, save_login, started
from stress.strict import Strict

from mcp_auth_bridge.stores.sealed import file_name

pytestmark = pytest.mark.slow

Files = dict[str, bytes]
Undo = Callable[[Path, list[Files]], None]
"""What happens to the record at a path; the list has the files of the folder as they were at each generation."""


OTHER = "session other https://other.example"


def other(record: Path) -> Path:
    return record.with_name(file_name(OTHER))


def previous(record: Path) -> Path:
    return record.with_name(f"{record.name}.previous")


def restored(record: Path, files: Files, *suffixes: str) -> None:
    for suffix in suffixes:
        name = record.name + suffix
        if name in files:
            record.with_name(name).write_bytes(files[name])
        else:
            record.with_name(name).unlink(missing_ok=True)


def rolled_back_to_the_first(record: Path, history: list[Files]) -> None:
    restored(record, history[0], "")


def rolled_back_to_the_one_before(record: Path, history: list[Files]) -> None:
    restored(record, history[-2], "")


def rolled_back_to_two_before(record: Path, history: list[Files]) -> None:
    restored(record, history[-3], "")


def replaced_by_the_copy_of_the_one_before(record: Path, _: list[Files]) -> None:
    record.write_bytes(previous(record).read_bytes())


def swapped_with_another_login(record: Path, _: list[Files]) -> None:
    ours, others = record.read_bytes(), other(record).read_bytes()
    record.write_bytes(others)
    other(record).write_bytes(ours)


def rolled_back_whole(record: Path, history: list[Files]) -> None:
    restored(record, history[-3], "", ".previous", ".next")


def rolled_back_without_the_one_before(record: Path, history: list[Files]) -> None:
    restored(record, history[-3], "")
    previous(record).unlink()


def removed(record: Path, _: list[Files]) -> None:
    record.unlink()


def emptied(record: Path, _: list[Files]) -> None:
    record.write_bytes(b"")


def cut_in_its_head(record: Path, _: list[Files]) -> None:
    record.write_bytes(record.read_bytes()[:10])


def cut_in_the_middle(record: Path, _: list[Files]) -> None:
    record.write_bytes(record.read_bytes()[:200])


def cut_by_a_byte(record: Path, _: list[Files]) -> None:
    record.write_bytes(record.read_bytes()[:-1])


def grown(record: Path, _: list[Files]) -> None:
    record.write_bytes(record.read_bytes() + bytes(512))


def zeroed(record: Path, _: list[Files]) -> None:
    record.write_bytes(bytes(record.stat().st_size))


def of_a_flipped_bit(record: Path, _: list[Files]) -> None:
    data = bytearray(record.read_bytes())
    data[100] ^= 1
    record.write_bytes(data)


def replaced_by_noise(record: Path, _: list[Files]) -> None:
    record.write_bytes(os.urandom(1000))


def replaced_by_another_login(record: Path, _: list[Files]) -> None:
    record.write_bytes(other(record).read_bytes())


def damaged_with_the_one_before(record: Path, _: list[Files]) -> None:
    record.write_bytes(b"")
    previous(record).write_bytes(b"")


KINDS = [
    rolled_back_to_the_first,
    rolled_back_to_the_one_before,
    rolled_back_to_two_before,
    replaced_by_the_copy_of_the_one_before,
    swapped_with_another_login,
    rolled_back_whole,
    rolled_back_without_the_one_before,
    removed,
    emptied,
    cut_in_its_head,
    cut_in_the_middle,
    cut_by_a_byte,
    grown,
    zeroed,
    of_a_flipped_bit,
    replaced_by_noise,
    replaced_by_another_login,
    damaged_with_the_one_before,
]

UNTOLD = (rolled_back_whole, rolled_back_without_the_one_before)
"""The cases in which the files do not show that a newer record existed."""


async def prepared(folder: Path, server: Strict) -> Path:
    """A home with two logins; returns the path of the first one's record."""
    home(folder, server.url, auth='{ kind = "browser" }')
    client, tokens = server.login()
    await save_login(folder, server.grants.issuer, client, tokens.access, tokens.refresh, lifetime=3600)
    bridge = bridge_in(folder)
    (await bridge.store_access.open_to_write()).save(OTHER, "{}", None)
    return folder / "records" / file_name(bridge.record)


def files(record: Path) -> Files:
    return {path.name: path.read_bytes() for path in record.parent.iterdir() if path.name.startswith(record.name)}


async def rotated(client, server: Strict, record: Path, times: int) -> list[Files]:
    """The files before and after each of `times` refreshes."""
    history = [files(record)]
    for _ in range(times):
        before = server.redeemed
        server.expire()
        await client.call(f"refresh {before}")
        assert "result" in await client.answer(f"refresh {before}")
        assert server.redeemed == before + 1
        history.append(files(record))
    return history


async def while_running(folder: Path, undo: Undo) -> None:
    async with Strict(lambda: 0.0) as server:
        record = await prepared(folder, server)
        async with started(folder) as client:
            await client.initialize()
            history = await rotated(client, server, record, 4)
            undo(record, history)
            await asyncio.sleep(1.1)  # until the bridge checks the store again
            await client.call("used")
            assert "result" in await client.answer("used"), undo.__name__
            await rotated(client, server, record, 2)
        async with started(folder) as client:  # and the record that it restored is valid
            await client.initialize()
            await rotated(client, server, record, 1)
        assert server.reused == 0, undo.__name__


async def while_stopped(folder: Path, undo: Undo) -> None:
    async with Strict(lambda: 0.0) as server:
        record = await prepared(folder, server)
        async with started(folder) as client:
            await client.initialize()
            history = await rotated(client, server, record, 4)
        undo(record, history)
        server.expire()
        async with started(folder) as client:
            await client.initialize()
            await client.call("start")
            answer = await client.answer("start")
        assert (server.reused == 0) == (undo not in UNTOLD), undo.__name__
        if undo not in UNTOLD:
            assert "login" in str(answer), (undo.__name__, answer)


async def while_asked(folder: Path, undo: Undo) -> None:
    """In the middle of a refresh: the process that waits for the response knows more than the files."""
    delays = [0.0]
    async with Strict(lambda: delays[-1]) as server:
        record = await prepared(folder, server)
        async with started(folder) as client:
            await client.initialize()
            history = await rotated(client, server, record, 4)
            delays.append(1.0)
            asked = server.asked
            server.expire()
            await client.call("asked")
            while server.asked == asked:  # noqa: ASYNC110 - it is only looked at
                await asyncio.sleep(0.01)
            undo(record, history)
            assert "result" in await client.answer("asked"), undo.__name__
            delays.append(0.0)
            await rotated(client, server, record, 1)
        async with started(folder) as client:
            await client.initialize()
            await rotated(client, server, record, 1)
        assert server.reused == 0, undo.__name__


async def side_by_side(folder: Path, story: Callable[[Path, Undo], Awaitable[None]]) -> None:
    turns = asyncio.Semaphore(6)  # most of the time is spent on starts, which need only CPU

    async def played(undo: Undo) -> None:
        async with turns:
            await story(folder / undo.__name__, undo)

    await asyncio.gather(*map(played, KINDS))


def test_reverted_records_cost_a_running_bridge_no_login(tmp_path: Path) -> None:
    asyncio.run(side_by_side(tmp_path, while_running))


def test_records_that_are_reverted_during_a_refresh_cost_no_login(tmp_path: Path) -> None:
    asyncio.run(side_by_side(tmp_path, while_asked))


def test_a_starting_bridge_presents_no_spent_token_that_the_files_reveal(tmp_path: Path) -> None:
    asyncio.run(side_by_side(tmp_path, while_stopped))
