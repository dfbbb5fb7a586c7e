"""Stdout as a client holds it: messages are whole and in order, the loop is never blocked, and memory is bounded."""

import asyncio
import os
import socket

import pytest

from mcp_auth_bridge.shell.console import stdout
from mcp_auth_bridge.shell.console.stdout import StdoutWriter

BIG = b"x" * (5 << 20)  # more than any pipe or socket holds
BIG_LINE = BIG + b"\n"

pytestmark = pytest.mark.usefixtures("way")


@pytest.fixture(params=["own description", "poll", "thread"])
def way(request, monkeypatch):
    """How pipes are written to."""
    if request.param != "own description":
        monkeypatch.setattr("mcp_auth_bridge.shell.console.outlets._open_anew", lambda fd: False)
    if request.param == "thread":
        monkeypatch.delattr("select.poll")
    return request.param


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


async def turns(count=20):
    """Let the loop do everything that it can do without the other side."""
    for _ in range(count):
        await asyncio.sleep(0)


async def gather_lines(fd, count):
    """Read `count` lines beside the loop, as a client in another process would."""
    file = os.fdopen(os.dup(fd), "rb")
    lines = await asyncio.to_thread(lambda: [file.readline() for _ in range(count)])
    file.close()
    return lines


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_client_that_does_not_read_does_not_block_the_loop_and_loses_nothing(kind):
    reading, writing = os.pipe() if kind == "pipe" else (end.detach() for end in socket.socketpair())

    async def story():
        writer = StdoutWriter(writing)
        writer.put(BIG)
        for number in range(50):
            (writer.put if number % 2 else writer.put_soon)(b"%d" % number)
        await turns()
        assert writer.is_congested()
        waiting = [asyncio.ensure_future(writer.drained()) for _ in range(3)]
        await turns()
        waiting.pop().cancel()
        assert not any(each.done() for each in waiting)
        lines = await gather_lines(reading, 51)
        await asyncio.gather(*waiting)
        assert lines == [BIG_LINE, *(b"%d\n" % number for number in range(50))]
        assert not writer.is_congested()

    asyncio.run(story())
    os.close(reading)
    os.close(writing)


def test_a_client_that_reads_is_never_waited_for(pipe):
    async def story():
        writer = StdoutWriter(pipe[1])
        assert not writer.is_congested()
        await writer.drained()
        writer.put(b"{}")
        await writer.drained()
        assert await gather_lines(pipe[0], 1) == [b"{}\n"]

    asyncio.run(story())


def test_a_message_that_is_put_alone_needs_no_turn_of_the_loop(pipe, way):
    async def story():
        writer = StdoutWriter(pipe[1])
        writer.put(b"{}")
        if way != "thread":
            assert os.read(pipe[0], 100) == b"{}\n"
        else:
            assert await gather_lines(pipe[0], 1) == [b"{}\n"]

    asyncio.run(story())


def test_the_messages_of_one_round_are_written_in_order_and_together(pipe, way, monkeypatch):
    async def story():
        writer = StdoutWriter(pipe[1])
        counts, write = [], writer._outlet.write
        monkeypatch.setattr(writer._outlet, "write", lambda pieces: counts.append(len(pieces)) or write(pieces))
        for number in range(100):
            writer.put_soon(b"%03d" % number)
        assert counts == []
        assert await gather_lines(pipe[0], 100) == [b"%03d\n" % number for number in range(100)]
        await turns()
        assert set(counts) == {200}
        assert way == "thread" or len(counts) == 1

    asyncio.run(story())


def test_a_message_takes_those_before_it_along(pipe):
    async def story():
        writer = StdoutWriter(pipe[1])
        writer.put_soon(b"1")
        writer.put_soon(b"2")
        writer.put(b"3")
        writer.put_soon(b"4")
        assert await gather_lines(pipe[0], 4) == [b"1\n", b"2\n", b"3\n", b"4\n"]

    asyncio.run(story())


def test_many_messages_of_one_round_are_not_gathered_without_limit(pipe):
    async def story():
        writer = StdoutWriter(pipe[1])
        message = b"x" * 1000
        reading = asyncio.ensure_future(gather_lines(pipe[0], 3000))
        for _ in range(3000):
            writer.put_soon(message)
            assert writer._waiting_size <= stdout._GATHERED + len(message) or writer._blocked
        assert set(await reading) == {message + b"\n"}

    asyncio.run(story())


def test_more_small_messages_than_one_system_call_takes_arrive(pipe):
    async def story():
        writer = StdoutWriter(pipe[1])
        writer.put(BIG)
        for number in range(5000):
            writer.put(b"%d" % number)
        lines = await gather_lines(pipe[0], 5001)
        assert lines[1:] == [b"%d\n" % number for number in range(5000)]

    asyncio.run(story())


@pytest.mark.parametrize("way", ["own description", "poll"], indirect=True)  # the thread has pieces of its own
def test_a_large_message_is_in_memory_once_while_it_waits(pipe, way):
    async def story():
        writer = StdoutWriter(pipe[1])
        writer.put(BIG)
        assert [piece.obj is BIG for piece in writer._begun if isinstance(piece, memoryview)] == [True]
        writer.put(b"[\n" + BIG)
        assert [message.count(b"\n") for message in writer._waiting] == [1]  # it is not encoded yet
        assert await gather_lines(pipe[0], 2) == [BIG_LINE, b"[ " + BIG_LINE]

    asyncio.run(story())


@pytest.mark.parametrize("way", ["own description"], indirect=True)  # others write in small steps or beside the loop
def test_a_large_message_leaves_others_their_turn_although_the_client_reads(pipe, way):
    async def story():
        writer = StdoutWriter(pipe[1])
        reading = asyncio.ensure_future(gather_lines(pipe[0], 1))
        await turns()
        writer.put(BIG)
        assert writer._blocked
        assert await reading == [BIG_LINE]

    asyncio.run(story())


def test_a_client_that_sends_frames_gets_frames(pipe):
    async def story():
        writer = StdoutWriter(pipe[1])
        writer.use_frames()
        writer.put(b"{}")
        writer.put_soon(b"[1]")
        writer.put(BIG)
        expected = b"Content-Length: 2\r\n\r\n{}Content-Length: 3\r\n\r\n[1]Content-Length: %d\r\n\r\n" % len(BIG) + BIG
        received = b""
        while len(received) < len(expected):
            received += await asyncio.to_thread(os.read, pipe[0], 1 << 16)
        assert received == expected

    asyncio.run(story())


@pytest.mark.parametrize("begun", [True, False])
def test_a_client_that_has_gone_is_told_once_and_breaks_each_later_message(begun, pipe):
    reading, writing, close = pipe

    async def story():
        losses = []
        lost = asyncio.Event()
        writer = StdoutWriter(writing)
        writer.when_gone(lambda: (losses.append("gone"), lost.set()))
        if begun:
            writer.put(BIG)
            waiting = asyncio.ensure_future(writer.drained())
            await asyncio.to_thread(lambda: os.read(reading, 1))
        close(reading)
        if begun:
            with pytest.raises(BrokenPipeError):
                await waiting
        else:
            writer.put_soon(b"{}")
            await lost.wait()
        for put in (writer.put, writer.put_soon):
            with pytest.raises(BrokenPipeError):
                put(b"{}")
        with pytest.raises(BrokenPipeError):
            await writer.drained()
        assert losses == ["gone"]
        assert not writer.is_congested()

    asyncio.run(story())


@pytest.mark.parametrize("way", ["own description", "poll"], indirect=True)  # the thread finds out later
@pytest.mark.parametrize(("put", "size"), [("put", 2), ("put_soon", len(BIG))])
def test_the_message_that_finds_the_client_gone_raises(put, size, pipe, way):
    reading, writing, close = pipe

    async def story():
        writer = StdoutWriter(writing)
        close(reading)
        with pytest.raises(BrokenPipeError):
            getattr(writer, put)(b"x" * size)

    asyncio.run(story())


def test_messages_of_a_round_wait_behind_one_that_has_no_room(pipe):
    async def story():
        writer = StdoutWriter(pipe[1])
        writer.put_soon(b"1")
        writer.put(BIG)
        await turns()
        assert await gather_lines(pipe[0], 2) == [b"1\n", BIG_LINE]

    asyncio.run(story())


def test_stdout_may_be_a_file(tmp_path):
    async def story():
        with (tmp_path / "out").open("wb") as file:
            writer = StdoutWriter(file.fileno())
            writer.put(BIG)
            await writer.drained()

    asyncio.run(story())
    assert (tmp_path / "out").read_bytes() == BIG_LINE
