"""Stdin and stdout belong to JSON-RPC: a library or a child that uses them harms nothing."""

import contextlib
import os
import subprocess
import sys

from mcp_auth_bridge.shell.console.stdio import claim


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


def test_a_library_or_a_child_that_prints_or_reads_does_not_touch_the_protocols_stdin_and_stdout():
    program = """
import asyncio, os, subprocess, sys
from mcp_auth_bridge.shell.console import stdin, stdio, stdout
incoming, outgoing = stdio.claim()
print("a library prints")
os.write(1, b"a library writes\\n")
sys.__stdout__.write("a library insists\\n"); sys.__stdout__.flush()
subprocess.run([sys.executable, "-c", "import sys; print('a child prints', len(sys.stdin.read()))"], check=True)
assert os.read(0, 100) == b""
assert not os.get_inheritable(incoming) and not os.get_inheritable(outgoing)

async def main():
    line = b"".join([chunk async for chunk in stdin.chunks(incoming)])
    stdout.StdoutWriter(outgoing).put(line.rstrip())
    assert not os.get_inheritable(outgoing)

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], input=b'{"id":1}\n', capture_output=True, timeout=60, check=False
    )
    assert done.stdout == b'{"id":1}\n', done.stderr
    for words in (b"a library prints", b"a library writes", b"a library insists", b"a child prints 0"):
        assert words in done.stderr
    assert done.returncode == 0
