"""Refreshes on a nearly full disk, at a strict server: `python -m stress.full_disk FOLDER`.

`FOLDER` is a separate disk. With each number of free pages, the refresh fails first at another write.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from faults.bridge import Client, started, stored_login
from stress.strict import Strict
from stress.test_kills import end_stdin, kill, prepared, work

PAGE = 4096
FREE = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16)
"""Pages that are free when the refresh begins; with the last one it finds all that it needs."""


class Disk:
    """The disk that holds `folder`. `fill` leaves the given number of pages free, `free` frees all space again."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self, pages: int = 0) -> None:
        descriptor = os.open(self._filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        with contextlib.suppress(OSError):
            while True:
                os.write(descriptor, bytes(PAGE))
        os.ftruncate(descriptor, max(0, os.fstat(descriptor).st_size - pages * PAGE))
        os.close(descriptor)

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def refreshing(folder: Path, server: Strict, disk: Disk, pages: int) -> AsyncIterator[Client]:
    """Runs a bridge that has begun or failed to begin a refresh on a disk with `pages` free pages."""
    async with started(folder) as client:
        await client.initialize()
        server.expire()
        disk.fill(pages)
        asked = server.asked
        await client.call(1)
        while server.asked == asked and 1 not in client.answers:  # noqa: ASYNC110 - it is only looked at
            await asyncio.sleep(0.01)
        yield client


async def at_an_end(folder: Path, server: Strict, disk: Disk, pages: int, end: Callable[[Client], None]) -> None:
    """The disk stays full until the bridge has ended."""
    async with refreshing(folder, server, disk, pages) as client:
        disk.fill()
        end(client)
        await client.exited()
        await asyncio.sleep(1.0)  # the response has arrived
    disk.free()


async def while_it_lives(folder: Path, server: Strict, disk: Disk, pages: int) -> None:
    async with refreshing(folder, server, disk, pages) as client:
        disk.fill()
        await client.answer(1)
        await asyncio.sleep(1.0)
        disk.free()
        await client.call(2)
        answer = await client.answer(2)
        assert "result" in answer, answer


async def story(folder: Path) -> None:
    disk = Disk(folder)
    async with Strict(lambda: 0.5) as server:
        await prepared(folder, server)
        for pages in FREE:
            spent = server.redeemed
            await while_it_lives(folder, server, disk, pages)
            for end in (end_stdin, kill):
                await at_an_end(folder, server, disk, pages, end)
                assert (server.reused, (await stored_login(folder)).ended) == (0, ""), (pages, end.__name__)
                async with started(folder) as client:
                    await work(client)
            print(f"{pages} pages free: {server.redeemed - spent} refreshes")  # noqa: T201 - shown if it fails
        assert server.reused == 0


if __name__ == "__main__":
    asyncio.run(story(Path(sys.argv[1])))
