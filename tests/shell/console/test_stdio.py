"""Stdin and stdout as a client holds them: nothing is lost or mixed, and the loop is never blocked."""

import asyncio
import os
import socket
import subprocess
import sys
import threading

import pytest

from mcp_auth_bridge.shell.console import stdio
from mcp_auth_bridge.shell.console.stdio import StdoutWriter, chunks

PIPE = 1 << 16
BIG = b"x" * (1 << 20)
BIG_LINE = BIG + b"\n"


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


# stdin


@pytest.fixture(params=["loop", "thread"])
def reader(request, monkeypatch):
    if request.param == "thread":
        monkeypatch.setattr(stdio, "_read_in_loop", stdio._read_in_thread)


def test_stdin_is_what_the_client_wrote_until_it_closed(pipe, reader):
    reading, writing, close = pipe

    async def story():
        sent = os.urandom(500_000)
        writer = threading.Thread(target=lambda: (os.write(writing, sent), close(writing)))
        writer.start()
        received = b"".join([chunk async for chunk in chunks(reading)])
        writer.join()
        assert received == sent

    asyncio.run(story())


def test_a_flood_waits_in_the_pipe_while_the_bridge_is_busy(pipe, reader):
    reading, writing, close = pipe

    async def story():
        os.set_blocking(writing, False)
        arriving = chunks(reading)
        accepted = os.write(writing, b"x" * PIPE)
        received = len(await anext(arriving))
        for _ in range(100):
            await turns()
            try:
                accepted += os.write(writing, b"x" * PIPE)
            except BlockingIOError:
                await asyncio.to_thread(lambda: None)
        assert accepted - received <= (stdio._READ_AHEAD + 1) * stdio._CHUNK + PIPE
        close(writing)
        assert received + sum([len(chunk) async for chunk in arriving]) == accepted

    asyncio.run(story())


def test_stdin_may_be_a_file(tmp_path):
    (tmp_path / "in").write_bytes(BIG)

    async def story():
        with (tmp_path / "in").open("rb") as file:
            assert b"".join([chunk async for chunk in chunks(file.fileno())]) == BIG

    asyncio.run(story())


def test_a_stdin_that_cannot_be_read_is_at_its_end():
    async def story():
        assert [chunk async for chunk in chunks(os.open(os.devnull, os.O_WRONLY))] == []

    asyncio.run(story())


# stdout


@pytest.mark.parametrize("poll", [True, False], ids=["poll", "thread"])
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_client_that_does_not_read_does_not_block_the_loop_and_loses_nothing(poll, kind, monkeypatch):
    reading, writing = os.pipe() if kind == "pipe" else (end.detach() for end in socket.socketpair())
    if not poll:
        monkeypatch.delattr("select.poll")

    async def story():
        writer = StdoutWriter(writing)
        first = asyncio.create_task(writer.write(BIG))
        rest = [asyncio.create_task(writer.write(b"%d" % number)) for number in range(50)]
        await turns()
        assert not any(task.done() for task in (first, *rest))
        lines = await gather_lines(reading, 51)
        await asyncio.gather(first, *rest)
        assert lines == [BIG_LINE, *(b"%d\n" % number for number in range(50))]

    asyncio.run(story())
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("poll", [True, False], ids=["poll", "thread"])
def test_a_write_that_is_cancelled_within_its_line_does_not_spoil_other_lines(poll, monkeypatch, pipe):
    reading, writing, _ = pipe
    if not poll:
        monkeypatch.delattr("select.poll")

    async def story():
        writer = StdoutWriter(writing)
        cancelled = asyncio.create_task(writer.write(BIG))
        await asyncio.to_thread(lambda: os.read(reading, 1))  # it has begun
        waiting = asyncio.create_task(writer.write(b"not begun"))
        await turns()
        cancelled.cancel()
        waiting.cancel()
        await asyncio.wait((cancelled, waiting))
        following = asyncio.create_task(writer.write(b"whole"))
        lines = await gather_lines(reading, 2)
        await following
        assert lines == [BIG_LINE[1:], b"whole\n"]

    asyncio.run(story())


@pytest.mark.parametrize("poll", [True, False], ids=["poll", "thread"])
def test_a_client_that_sends_frames_gets_frames(poll, monkeypatch, pipe):
    reading, writing, _ = pipe
    if not poll:
        monkeypatch.delattr("select.poll")

    async def story():
        writer = StdoutWriter(writing)
        writer.use_frames()
        await writer.write(b"{}")
        await writer.write(b"[1]")
        large = asyncio.create_task(writer.write(BIG))
        expected = b"Content-Length: 2\r\n\r\n{}Content-Length: 3\r\n\r\n[1]Content-Length: %d\r\n\r\n" % len(BIG) + BIG
        received = b""
        while len(received) < len(expected):
            received += await asyncio.to_thread(os.read, reading, 1 << 16)
        await large
        assert received == expected

    asyncio.run(story())


def test_the_loop_serves_others_while_the_client_does_not_read_and_is_cancelled(pipe):
    reading, writing, _ = pipe
    complaints = []

    async def story():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        writer = StdoutWriter(writing)
        for _ in range(50):
            task = asyncio.create_task(writer.write(b"x" * PIPE))
            await turns(3)
            os.read(reading, PIPE)  # readable again in the very turn in which the task is cancelled
            task.cancel()
            await asyncio.wait((task,))

    asyncio.run(story())
    assert complaints == []


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("poll", [True, False], ids=["poll", "thread"])
def test_a_write_to_a_client_that_has_gone_raises_broken_pipe(begun, poll, monkeypatch, pipe):
    reading, writing, close = pipe
    if not poll:
        monkeypatch.delattr("select.poll")

    async def story():
        writer = StdoutWriter(writing)
        if begun:
            writes = asyncio.create_task(writer.write(BIG))
            await asyncio.to_thread(lambda: os.read(reading, 1))
        close(reading)
        with pytest.raises(BrokenPipeError):
            await (writes if begun else writer.write(b"{}"))

    asyncio.run(story())


def test_the_lines_of_one_iteration_are_written_in_order_and_mostly_together(monkeypatch, pipe):
    reading, writing, _ = pipe
    sizes, write = [], os.write
    monkeypatch.setattr("os.write", lambda fd, data: sizes.append(len(data)) or write(fd, data))

    async def story():
        writer = StdoutWriter(writing)
        for number in range(100):
            await writer.write(b"%03d" % number)
        assert sizes == [4]
        assert await gather_lines(reading, 100) == [b"%03d\n" % number for number in range(100)]

    asyncio.run(story())
    assert sizes == [4, 396]


def test_gathered_lines_wait_for_a_client_that_does_not_read_and_then_arrive(pipe):
    reading, writing, _ = pipe

    async def story():
        writer = StdoutWriter(writing)
        for _ in range(3):
            await writer.write(b"x" * (PIPE // 2 - 1))
        blocked = asyncio.create_task(writer.write(BIG))
        await turns()
        assert not blocked.done()
        lines = await gather_lines(reading, 4)
        await blocked
        assert [len(line) for line in lines] == [PIPE // 2] * 3 + [len(BIG_LINE)]

    asyncio.run(story())


def test_a_line_of_a_cancelled_write_arrives_without_a_later_write(pipe):
    reading, writing, _ = pipe

    async def story():
        cancelled = asyncio.create_task(StdoutWriter(writing).write(BIG))
        await asyncio.to_thread(lambda: os.read(reading, 1))
        cancelled.cancel()
        assert await gather_lines(reading, 1) == [BIG_LINE[1:]]

    asyncio.run(story())


def test_a_client_that_goes_before_the_gathered_lines_are_written_breaks_the_next_write(pipe):
    reading, writing, close = pipe

    async def story():
        writer = StdoutWriter(writing)
        await writer.write(b"{}")
        await writer.write(b"{}")
        close(reading)
        await turns()
        with pytest.raises(BrokenPipeError):
            await writer.write(b"{}")

    asyncio.run(story())


def test_stdout_may_be_a_file(tmp_path):
    with (tmp_path / "out").open("wb") as file:
        asyncio.run(StdoutWriter(file.fileno()).write(BIG))
    assert (tmp_path / "out").read_bytes() == BIG_LINE


# Both, for the whole process


def test_a_library_or_a_child_that_prints_or_reads_does_not_touch_the_protocols_stdin_and_stdout():
    program = """
import asyncio, os, subprocess, sys
from mcp_auth_bridge.shell.console import stdio
incoming, outgoing = stdio.claim()
print("a library prints")
os.write(1, b"a library writes\\n")
sys.__stdout__.write("a library insists\\n"); sys.__stdout__.flush()
subprocess.run([sys.executable, "-c", "import sys; print('a child prints', len(sys.stdin.read()))"], check=True)
assert os.read(0, 100) == b""
assert not os.get_inheritable(incoming) and not os.get_inheritable(outgoing)

async def main():
    line = b"".join([chunk async for chunk in stdio.chunks(incoming)])
    await stdio.StdoutWriter(outgoing).write(line.rstrip())

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], input=b'{"id":1}\n', capture_output=True, timeout=60, check=False
    )
    assert done.stdout == b'{"id":1}\n'
    for words in (b"a library prints", b"a library writes", b"a library insists", b"a child prints 0"):
        assert words in done.stderr
    assert done.returncode == 0
