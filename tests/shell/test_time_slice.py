"""No flood blocks the loop: a task that works through one lets the others run now and then."""

import asyncio
import os

import pytest
from peers.scripted import REQUEST, Scripted
from remoting import STREAM, connected, story

from mcp_auth_bridge.relay.resumption import Resumption
from mcp_auth_bridge.shell.console import stdin
from mcp_auth_bridge.shell.time_slice import CREDIT, TimeSlice, portions
from mcp_auth_bridge.shell.transports.messages import LARGEST, EventReader

NOTE = b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n'
COUNT = 20_000

FLOODS = {
    "chunks of one byte": b"1\r\n:\r\n" * COUNT,
    "line ends": b"%x\r\n%b\r\n" % (COUNT, b"\n" * COUNT),
    "carriage returns": b"%x\r\n%b\r\n" % (COUNT, b"\r" * COUNT),
    "comments": b"%x\r\n%b\r\n" % (4 * COUNT, b":ab\n" * COUNT),
    "priming events": b"%x\r\n%b\r\n" % (7 * COUNT, b"id: 1\n\n" * COUNT),
    "empty events": b"%x\r\n%b\r\n" % (7 * COUNT, b"data:\n\n" * COUNT),
    "notifications": b"%x\r\n%b\r\n" % (len(NOTE) * COUNT, NOTE * COUNT),
}


class Rounds:
    """Counts the rounds of the loop; in each, every other task that is ready has run."""

    def __init__(self):
        self.count = 0
        self._on = True

    def __enter__(self):
        self._next()
        return self

    def __exit__(self, *exception):
        self._on = False

    def _next(self):
        self.count += 1
        if self._on:
            asyncio.get_running_loop().call_soon(self._next)


@pytest.mark.parametrize("flood", FLOODS)
@story
async def test_other_tasks_run_while_a_flood_that_has_arrived_is_read(flood):
    data = FLOODS[flood]
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, STREAM + data + b"0\r\n\r\n"])
        answer = await remote.sender.open_stream({})
        with Rounds() as rounds:
            begun = rounds.count
            events = EventReader(answer, Resumption())
            while await events.next() is not None:
                pass
            # Everywhere a round is less than a hundred pieces of HTTP, and less than five thousand lines.
            assert rounds.count - begun >= max(COUNT // 5000, data.count(b"\r\n") // 2 // 100)


@story
async def test_other_tasks_run_in_the_middle_of_a_body_in_pieces_of_one_byte():
    async with Scripted() as server, connected(server) as remote:
        server.play(
            [REQUEST, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * COUNT + b"0\r\n\r\n"]
        )
        outcome = await remote.sender.send("GET", {})
        with Rounds() as rounds:
            begun = rounds.count
            assert len(await outcome.response.read(LARGEST)) == COUNT
            assert rounds.count - begun >= COUNT // 100


@story
async def test_other_tasks_run_in_the_middle_of_a_flood_on_stdin():
    reading, writing = os.pipe()
    os.write(writing, b"\n" * 60_000)
    os.close(writing)
    with Rounds() as rounds:
        begun = rounds.count
        assert b"".join([chunk async for chunk in stdin.chunks(reading)]) == b"\n" * 60_000
        assert rounds.count - begun >= 60_000 // 5000
    os.close(reading)


@story
async def test_little_work_costs_no_round_of_the_loop():
    turn = TimeSlice()
    with Rounds() as rounds:
        for _ in range(CREDIT - 1):
            await turn.spend(1)
        assert rounds.count == 1
        await turn.spend(1)
        assert rounds.count > 1


def test_work_is_counted_without_a_wait_as_long_as_no_other_task_has_to_run():
    turn = TimeSlice()
    assert [turn.try_spend(CREDIT // 2) for _ in range(3)] == [True, False, False]
    assert turn.is_over(CREDIT // 2)
    assert turn.try_spend(1)


@pytest.mark.parametrize("chunk", [b"", b"x" * 100_000, b"a\n" * 10_000, b"\r" * 10_000, b"a" * 5000 + b"\n" * 33])
def test_portions_are_the_chunk_and_none_has_many_lines(chunk):
    parts = portions(chunk)
    assert b"".join(parts) == chunk
    assert all(len(part) <= 2048 or part.count(b"\n") + part.count(b"\r") < 64 for part in parts)
