"""Stdin and stdout belong to JSON-RPC: a library or a child that uses them harms nothing."""

import asyncio
import contextlib
import os
import subprocess
import sys

from mcp_auth_bridge.shell.console import stdio
from mcp_auth_bridge.shell.console.stdio import chunks, claim


@contextlib.contextmanager
def piped_streams(monkeypatch):
    """Fds 0, 1 and 2 are pipes, whose other ends it yields."""
    kept = [os.dup(fd) for fd in range(3)]
    ends = [os.pipe() for _ in range(3)]
    for fd, (reading, writing) in enumerate(ends):
        os.dup2(writing if fd else reading, fd)
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # and put back
    try:
        yield ends[0][1], ends[1][0], ends[2][0]
    finally:
        for fd, old in enumerate(kept):
            os.dup2(old, fd)
        for end in (*kept, *(fd for pair in ends for fd in pair)):
            os.close(end)


def test_what_others_write_to_stdout_goes_to_stderr_and_stdin_is_at_its_end_for_them(monkeypatch):
    with piped_streams(monkeypatch) as (client, answers, log):
        incoming, outgoing = claim()
        os.write(client, b"a message\n")
        subprocess.run([sys.executable, "-c", "import sys; print('read', sys.stdin.read())"], check=True)
        os.write(outgoing, b"an answer\n")
        heard = [os.read(fd, 100) for fd in (incoming, answers, log)]
        replaced = sys.stdout is sys.stderr
        os.close(incoming)
        os.close(outgoing)
    assert heard == [b"a message\n", b"an answer\n", b"read \n"]
    assert replaced


def test_a_loop_that_ended_before_the_client_did_raises_nothing_in_the_thread_that_reads(monkeypatch):
    """A warning of an uncaught exception in a thread would fail this test."""
    monkeypatch.setattr(stdio, "_read_in_loop", stdio._read_in_thread)
    reading, writing = os.pipe()
    seen = []
    whole = stdio.threading.Thread

    def watched(**given):
        seen.append(whole(**given))
        return seen[-1]

    monkeypatch.setattr(stdio.threading, "Thread", watched)

    async def story():
        stream = chunks(reading)
        os.write(writing, b"first")
        assert await anext(stream) == b"first"
        await stream.aclose()

    asyncio.run(story())
    os.write(writing, b"too late")
    os.close(writing)
    seen[0].join()
    os.close(reading)
