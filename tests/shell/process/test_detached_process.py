"""A process that outlives the bridge: it is asked, it answers, and goes on by itself."""

import asyncio
import os
import subprocess
import sys

import pytest

from mcp_auth_bridge.shell.process import detached_process
from mcp_auth_bridge.shell.process.detached_process import ask, close_output, leave_parent, reap

ANSWER = """
import os, sys
from mcp_auth_bridge.shell.process.detached_process import close_output, leave_parent
leave_parent()
question = sys.stdin.buffer.read()
sys.stdout.buffer.write(question.upper())
print("said", os.environ["NAME"], file=sys.stderr, end="")
sys.stdout.flush()
sys.stderr.flush()
close_output()
open(sys.argv[1], "w").write(f"{os.getsid(0)} {os.getppid()}")
"""


def asked(script, *arguments, question=b"question"):
    argv = [sys.executable, "-c", script, *map(str, arguments)]
    return asyncio.run(ask(argv, {"NAME": "value"}, question))


def test_what_it_writes_until_it_closes_its_output_is_the_answer(tmp_path):
    fifo = tmp_path / "end"
    os.mkfifo(fifo)
    assert asked(ANSWER, fifo) == (b"QUESTION", b"said value")
    session, parent = map(int, fifo.read_text().split())  # it has gone on after its answer
    assert session != os.getsid(0)
    assert parent != os.getpid()


def test_a_process_that_fails_before_it_reads_says_so_on_stderr():
    out, err = asked("import sys; sys.stdin.close(); sys.exit('no')", question=b"x" * (1 << 20))
    assert (out, err) == (b"", b"no\n")


def test_a_program_that_is_not_there_cannot_be_asked():
    with pytest.raises(OSError, match="no-such-program"):
        asyncio.run(ask(["no-such-program"], {}, b""))


def test_where_a_job_lets_no_process_leave_it_is_started_within(monkeypatch):
    started, whole = [], detached_process._start

    def refuse_once(argv, environment, flags):
        started.append(flags)
        if len(started) == 1:
            raise PermissionError
        return whole(argv, environment, flags)

    monkeypatch.setattr(detached_process, "_start", refuse_once)
    assert asked("print('within', end='')")[0] == b"within"
    assert len(started) == 2


def test_a_process_leaves_its_parent_by_a_fork_and_stays_where_that_is_refused(monkeypatch):
    ended = []
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(os, "fork", lambda: 4711)
    leave_parent()
    assert ended == [0]

    def refuse():
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    leave_parent()
    assert ended == [0]


def test_output_that_is_closed_is_at_its_end_for_the_reader():
    kept = [os.dup(fd) for fd in (1, 2)]
    reading, writing = os.pipe()
    try:
        os.dup2(writing, 1)
        os.close(writing)
        close_output()
        assert os.read(reading, 1) == b""
    finally:
        for fd, old in zip((1, 2), kept, strict=True):
            os.dup2(old, fd)
            os.close(old)
        os.close(reading)


def test_an_adopted_process_leaves_no_zombie_and_a_foreign_one_is_no_error():
    child = subprocess.Popen([sys.executable, "-c", ""])

    async def story():
        reap(1)
        reap(child.pid)
        while True:
            try:
                os.kill(child.pid, 0)
            except ProcessLookupError:
                return
            await asyncio.sleep(0.001)

    asyncio.run(story())
    child.returncode = 0
