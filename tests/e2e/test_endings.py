"""`run` ends completely, whatever ends it and whenever.

Each story draws its moment at random from a seed. The wait before it is real time: the tests vary it, and no outcome
depends on it.
"""

import asyncio
import itertools
import json
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from faults.bridge import Client, home, save_expired_login, started, stored_login
from faults.server import FaultServer, chunked, chunks, event, head, plain
from processes import refreshing

from mcp_auth_bridge.secret import Secret

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals, sh and /proc are of Unix")

_ENDINGS = ("end of stdin", "SIGTERM", "SIGINT", "SIGHUP", "death of the parent")
_POINTS = [2, pytest.param(7, marks=pytest.mark.slow)]  # for each stage and ending: 60 in total, or 210
_AT_ONCE = 4
_LONGEST = 0.15  # seconds; a start takes as long

# Another process holds the other end of stdin, as an IDE's helper process may do.
_PARENT = ("/bin/sh", "-c", '{ "$@" <&3 & } 3<&0; wait', "sh")


_TOKENS = b'{"access_token":"new","token_type":"Bearer","expires_in":3600,"refresh_token":"newer"}'
_LOG = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}'


class Story(NamedTuple):
    """The result of one story. `left` lists what should be gone."""

    code: int
    seconds: float
    left: list[str]
    client: Client


async def never(reader: Any, _: Any) -> None:
    await reader.read()


async def pour(_: Any, writer: Any) -> None:
    """Sends notifications without end, at a rate that leaves the machine usable."""
    while True:
        writer.write(chunks(event(_LOG)))
        await writer.drain()
        await asyncio.sleep(0.001)


async def start(_: FaultServer, client: Client) -> None:
    opening = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    await client.request("init", "initialize", opening)


async def opening(server: FaultServer, client: Client) -> None:
    server.always("initialize", [never])
    await start(server, client)
    await server.received("initialize")


async def calls(server: FaultServer, client: Client) -> None:
    server.always("tools/call", [head(200, length=9), never])
    await client.initialize()
    for number in range(20):
        await client.call(number)
    await server.received("tools/call", 20)


async def streams(server: FaultServer, client: Client) -> None:
    server.always("GET", [chunked(b": hello\n\n"), pour])
    server.always("tools/call", [chunked(b": hello\n\n"), pour])
    await client.initialize()
    for number in range(5):
        await client.call(number)
    await server.received("tools/call", 5)


async def stalled(server: FaultServer, client: Client) -> None:
    """The client does not read, and its pipe is full."""
    stuck = asyncio.Event()

    async def until_stuck(_: Any, writer: Any) -> None:
        while not writer.transport.is_closing():
            writer.write(chunks(event(_LOG) * 1000))
            if writer.transport.get_write_buffer_size() > 1 << 20:
                stuck.set()
                await writer.drain()
            await asyncio.sleep(0)

    server.on("tools/call", [chunked(b": hello\n\n"), until_stuck])
    await client.initialize()
    client.listening.clear()
    await client.call(1)
    await stuck.wait()


async def tokens_at_last(_: Any, writer: Any) -> None:
    """The response arrives after the process that sent the request has begun to end."""
    await asyncio.sleep(2 * _LONGEST)
    writer.write(plain(_TOKENS))


async def refresh(server: FaultServer, client: Client) -> None:
    server.always("POST", [tokens_at_last])
    await start(server, client)
    await server.received("POST")


_STAGES = {stage.__name__: stage for stage in (start, opening, calls, streams, stalled, refresh)}
_CASES = list(itertools.product(_STAGES, _ENDINGS))


async def end(client: Client, how: str) -> None:
    if how == "end of stdin":
        client.process.stdin.close()
    elif how == "death of the parent":
        client.process.kill()
    else:
        client.process.send_signal(getattr(signal, how))


async def play(stage: str, ending: str, wait: float, folder: Path) -> Story:
    async with FaultServer() as server:
        auth = '{ kind = "browser" }' if stage == "refresh" else '{ kind = "none" }'
        home(folder, server.url, auth=auth)
        if stage == "refresh":
            await save_expired_login(folder, f"http://127.0.0.1:{server.port}")
        before = files(folder)
        async with started(folder, by=_PARENT if ending == "death of the parent" else ()) as client:
            await _STAGES[stage](server, client)
            await asyncio.sleep(wait)
            began = time.monotonic()
            await end(client, ending)
            if stage == "start" and ending in ("death of the parent", "SIGINT"):
                # While Python itself starts, a process cannot know its parent, and an interrupt may be dropped
                # ("Failed checking if argv[0] is an import path entry"): the host's next step is the end of stdin.
                client.process.stdin.close()
            code = await client.exited()
            if client.listening.is_set():
                await client.ended()  # of the bridge too, when its parent exited
            seconds = time.monotonic() - began
            client.listening.set()
            await client.ended()
            while refreshing(folder):  # noqa: ASYNC110 - it outlives the bridge, but not its task
                await asyncio.sleep(0.01)
            await server.all_ended(server.connections)
            lost = stage == "refresh" and (await stored_login(folder)).refresh != Secret("newer")
            left = [*running(folder), *(files(folder) - before), *(["half a rotation"] if lost else [])]
            return Story(code, seconds, left, client)


def files(folder: Path) -> set[str]:
    """The files that should not exist after a run.

    Expected are locks, the log, the cached replies of the MCP server and, beside a record, its previous generation and
    the space for the next one.
    """
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".previous", ".next"))
    return {str(path.relative_to(folder)) for path in paths if path.parent.name not in ("locks", "log", "memory")} | {
        str(path.relative_to(folder)) for path in folder.rglob("*.tmp*")
    }


def running(folder: Path) -> list[str]:
    """The processes with `folder` as their home."""
    mark = f"MCP_AUTH_BRIDGE_HOME={folder}\0".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append(f"process {process.name}")
        except OSError:
            continue  # it has ended, or it belongs to another user
    return found


@pytest.fixture(scope="module", params=_POINTS)
def stories(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[Any, list[Any]]:
    """Plays all stories of a stage and an ending; returns each one, or the exception that it raised."""
    cases = _CASES * request.param

    async def all_points() -> dict[Any, list[Any]]:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int, stage: str, ending: str) -> Any:
            async with turns:
                wait = random.Random(number).uniform(0, _LONGEST)
                return await play(stage, ending, wait, tmp_path_factory.mktemp(f"point-{number}"))

        points = [one(number, *case) for number, case in enumerate(cases)]
        told = await asyncio.gather(*points, return_exceptions=True)
        return {case: told[first :: len(_CASES)] for first, case in enumerate(_CASES)}

    return asyncio.run(all_points())


@pytest.mark.parametrize("ending", _ENDINGS)
@pytest.mark.parametrize("stage", _STAGES)
def test_run_ends_and_leaves_nothing_behind(
    stage: str, ending: str, stories: dict[Any, Any], record_property: Any
) -> None:
    for story in stories[stage, ending]:
        if isinstance(story, BaseException):
            raise story
        assert story.left == []
        assert story.code in codes(stage, ending), story.client.stderr
        assert b"fault of the bridge" not in story.client.stderr
        assert all(json.loads(line) for line in story.client.lines if line.endswith(b"\n"))
    record_property("slowest", max(story.seconds for story in stories[stage, ending]))


def codes(stage: str, ending: str) -> set[int]:
    """0, or the system's exit code for a signal that arrives before `run` handles it."""
    if ending == "death of the parent":
        return {-signal.SIGKILL}  # the parent's own
    if ending == "end of stdin" or stage != "start":
        return {0}
    early = {130, 1} if ending == "SIGINT" else set()  # a KeyboardInterrupt; while Python itself starts it is 1
    return {0, -getattr(signal, ending), *early}


def test_a_kill_at_any_point_of_a_start_with_a_refresh_costs_no_login_and_blocks_no_later_start(tmp_path: Path) -> None:
    async def killed(folder: Path, wait: float) -> None:
        async with FaultServer() as server:
            home(folder, server.url, auth='{ kind = "browser" }')
            await save_expired_login(folder, f"http://127.0.0.1:{server.port}")
            records = files(folder)
            server.on("POST", [never])
            async with started(folder) as client:
                await start(server, client)
                await asyncio.sleep(wait)
                client.process.kill()
            server._faults.clear()
            server.always("POST", [plain(_TOKENS)])
            async with started(folder) as client:
                await client.initialize()
                await client.call(1)
                assert "content" in (await client.answer(1))["result"]
            assert [b"refresh_token=fresh" in exchange.body for exchange in server.sent("POST")][-1:] == [True]
            assert server.sent("tools/call")[0].headers["authorization"] == "Bearer new"
            assert files(folder) - records == set()

    async def at_ten_points() -> None:
        chance = random.Random(61)
        await asyncio.gather(*(killed(tmp_path / f"{number}", chance.uniform(0, 0.3)) for number in range(10)))

    asyncio.run(at_ten_points())


def test_an_unanswered_token_request_delays_the_end_no_longer_than_hosts_wait(tmp_path: Path) -> None:
    async def story() -> None:
        async with FaultServer() as server:
            home(tmp_path, server.url, auth='{ kind = "browser" }')
            await save_expired_login(tmp_path, f"http://127.0.0.1:{server.port}")
            server.always("POST", [never])
            async with started(tmp_path) as client:
                await start(server, client)
                await server.received("POST")
                assert await client.close() == 0
        stored = await stored_login(tmp_path)
        assert (stored.in_doubt, stored.refresh) == (True, Secret("fresh"))

    asyncio.run(story())
