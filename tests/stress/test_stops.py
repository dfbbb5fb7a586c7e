"""Processes that are stopped for longer than a token request may take, as by a debugger or a sleeping laptop."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest
from faults.bridge import started, stored_login
from processes import refreshing
from stress.strict import Strict
from stress.test_kills import prepared, work
from thoroughness import times

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.skipif(os.name == "nt", reason="no signals")]

_STOPS = times(20)
_SECONDS = 100.0  # a token request may take 90 s (shell/net/oauth_http.py)
_AT_ONCE = 6  # starts: a start needs only CPU


async def stop(folder: Path, turns: asyncio.Semaphore, *, whole: bool) -> None:
    """Stop a bridge in the middle of a refresh; if `whole`, also the process that refreshes."""
    async with Strict(lambda: 2.0) as server:
        await prepared(folder, server)
        server.expire()
        async with started(folder) as client:
            async with turns:
                await client.initialize()
            await client.call(1)
            while server.asked == 0:  # noqa: ASYNC110 - it is only looked at
                await asyncio.sleep(0.01)
            stopped = [client.process.pid, *(refreshing(folder) if whole else [])]
            assert len(stopped) == 1 + whole
            try:
                for pid in stopped:
                    os.kill(pid, signal.SIGSTOP)
                await asyncio.sleep(_SECONDS)
            finally:
                for pid in stopped:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)
            await client.answer(1)  # perhaps an error that it took too long by the clock
            await client.call(2)
            answer = await client.answer(2)
            assert "result" in answer, answer
        async with turns, started(folder) as client:
            await work(client)
        stored = await stored_login(folder)
        assert (server.redeemed, server.reused, stored.ended, stored.in_doubt) == (1, 0, "", False)


def test_20_stops_of_100_seconds_in_the_middle_of_a_refresh_lose_no_login(tmp_path: Path) -> None:
    async def story() -> None:
        turns = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(stop(tmp_path / f"{n}", turns, whole=n % 2 == 1) for n in range(_STOPS)))

    asyncio.run(story())
