"""Stdin as a client holds it: nothing is lost, a flood waits in the pipe, and others have their turn."""

import asyncio
import os
import threading

import pytest

from mcp_auth_bridge.shell.console import stdin
from mcp_auth_bridge.shell.console.stdin import Incoming, chunks

PIPE = 1 << 16
BIG = b"x" * (1 << 20)


@pytest.fixture
def pipe():
    """A pipe whose ends are closed after the test; `close` closes one before that."""
    reading, writing = os.pipe()
    ends = {reading, writing}

    def close(end):
        ends.remove(end)
        os.close(end)

    yield reading, writing, close
    for end in ends:
        os.close(end)


@pytest.fixture(params=["loop", "thread"])
def reader(request, monkeypatch):
    if request.param == "thread":
        monkeypatch.setattr(Incoming, "_read_in_loop", Incoming._read_in_thread)


async def turns(count=20):
    """Let the loop do everything that it can do without the other side."""
    for _ in range(count):
        await asyncio.sleep(0)


class Taker:
    """Takes what `incoming` reads, and pauses it after each portion if `pausing`."""

    def __init__(self, incoming, *, pausing=False):
        self.incoming = incoming
        self.taken = []
        self.pausing = pausing
        self.ended = asyncio.Event()
        self.some = asyncio.Event()
        incoming.attach(self.take)

    def take(self, chunk):
        if not chunk:
            assert not self.ended.is_set()
            self.ended.set()
        self.taken.append(chunk)
        self.some.set()
        if self.pausing:
            self.incoming.pause()

    async def next(self):
        """The next portion."""
        self.some.clear()
        self.incoming.resume()
        await self.some.wait()
        return self.taken[-1]


def test_stdin_is_what_the_client_wrote_until_it_closed(pipe, reader):
    reading, writing, close = pipe

    async def story():
        sent = os.urandom(500_000)
        writer = threading.Thread(target=lambda: (os.write(writing, sent), close(writing)))
        writer.start()
        taker = Taker(Incoming(reading))
        await taker.ended.wait()
        writer.join()
        assert b"".join(taker.taken) == sent

    asyncio.run(story())


def test_nothing_is_taken_during_a_pause_and_nothing_is_lost_by_it(pipe, reader):
    reading, writing, close = pipe

    async def story():
        sent = b"\n" * 30_000  # which is taken in portions
        os.write(writing, sent)
        close(writing)
        taker = Taker(Incoming(reading), pausing=True)
        await taker.some.wait()
        while taker.taken[-1]:
            count = len(taker.taken)
            await turns()
            assert len(taker.taken) == count
            await taker.next()
        assert b"".join(taker.taken) == sent
        assert len(taker.taken) > 2

    asyncio.run(story())


def test_to_resume_without_a_pause_or_twice_reads_nothing_twice(pipe, reader):
    reading, writing, close = pipe

    async def story():
        taker = Taker(Incoming(reading))
        for line in (b"a\n", b"b\n", b"c\n"):
            taker.some.clear()
            taker.incoming.resume()
            taker.incoming.pause()
            os.write(writing, line)
            await turns()
            taker.incoming.resume()
            taker.incoming.resume()
            taker.incoming.pause()
            taker.incoming.resume()
            await taker.some.wait()
        assert taker.taken == [b"a\n", b"b\n", b"c\n"]
        close(writing)
        await taker.ended.wait()
        taker.incoming.pause()
        taker.incoming.resume()
        await turns()

    asyncio.run(story())


def test_a_flood_waits_in_the_pipe_while_the_bridge_is_busy(pipe, reader):
    reading, writing, close = pipe

    async def story():
        os.set_blocking(writing, False)
        accepted = os.write(writing, b"x" * PIPE)
        taker = Taker(Incoming(reading), pausing=True)
        await taker.some.wait()
        for _ in range(100):
            await turns()
            try:
                accepted += os.write(writing, b"x" * PIPE)
            except BlockingIOError:
                await asyncio.to_thread(lambda: None)
        assert accepted - len(b"".join(taker.taken)) <= stdin._CHUNK + PIPE
        close(writing)
        taker.pausing = False
        taker.incoming.resume()
        await taker.ended.wait()
        assert len(b"".join(taker.taken)) == accepted

    asyncio.run(story())


def test_other_callbacks_run_between_the_portions_of_a_flood(pipe, reader):
    reading, writing, close = pipe

    async def story():
        rounds = 0

        def count():
            nonlocal rounds
            rounds += 1
            asyncio.get_running_loop().call_soon(count)

        os.write(writing, b"\n" * 60_000)
        taker = Taker(Incoming(reading))
        await taker.some.wait()
        count()
        close(writing)
        await taker.ended.wait()
        assert rounds >= 60_000 // 5000

    asyncio.run(story())


def test_stdin_may_be_a_file(tmp_path):
    (tmp_path / "in").write_bytes(BIG)

    async def story():
        with (tmp_path / "in").open("rb") as file:
            taker = Taker(Incoming(file.fileno()))
            await taker.ended.wait()
            assert b"".join(taker.taken) == BIG

    asyncio.run(story())


def test_a_stdin_that_cannot_be_read_is_at_its_end():
    async def story():
        taker = Taker(Incoming(os.open(os.devnull, os.O_WRONLY)))
        await taker.ended.wait()
        assert taker.taken == [b""]

    asyncio.run(story())


def test_a_loop_that_ended_before_the_client_did_raises_nothing_in_the_thread_that_reads(monkeypatch, pipe):
    """A warning of an uncaught exception in a thread would fail this test."""
    monkeypatch.setattr(Incoming, "_read_in_loop", Incoming._read_in_thread)
    reading, writing, close = pipe
    seen = []
    whole = stdin.threading.Thread

    def watched(**given):
        seen.append(whole(**given))
        return seen[-1]

    monkeypatch.setattr(stdin.threading, "Thread", watched)

    async def story():
        taker = Taker(Incoming(reading))
        os.write(writing, b"first")
        await taker.some.wait()
        assert taker.taken == [b"first"]

    asyncio.run(story())
    os.write(writing, b"too late")
    close(writing)
    seen[0].join()


def test_a_command_reads_all_that_is_piped_into_it(pipe, reader):
    reading, writing, close = pipe

    async def story():
        writer = threading.Thread(target=lambda: (os.write(writing, BIG), close(writing)))
        writer.start()
        assert b"".join([chunk async for chunk in chunks(reading)]) == BIG
        writer.join()

    asyncio.run(story())
