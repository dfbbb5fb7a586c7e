"""Starts a process that outlives this one, however this one ends, and reads what it writes."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, cast

from mcp_auth_bridge.shell.process.threads import run_in_background

_APART = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)
# A client on Windows may use a job to end its servers and all that they started; not every job lets a process leave.
_OUT_OF_THE_JOB = getattr(subprocess, "CREATE_BREAKAWAY_FROM_JOB", 0)


async def ask(argv: Sequence[str], environment: Mapping[str, str], question: bytes) -> tuple[bytes, bytes]:
    """Start `argv`, write the `question` to its stdin, and return all that it writes to stdout and stderr.

    The process may go on after it has closed both; if this is cancelled, it goes on as well. Raises `OSError` if it
    cannot be started.
    """
    return await run_in_background(lambda: _talk(argv, environment, question))


def leave_parent() -> None:
    """Stop being a child of the process that started this one. The detached process calls this first.

    Some clients end a server with all its descendants, which they find by their parents (npm's tree-kill, `taskkill
    /T`). Windows has no way to do this.
    """
    # If the system allows no more processes, it stays a child, which costs a login only with such a client.
    with contextlib.suppress(OSError):
        if sys.platform != "win32" and os.fork():
            os._exit(0)


def reap(process: int) -> None:
    """Wait in the background for the end of the detached `process`, a process id, if this process has adopted it.

    The first process of a container and a subreaper adopt it, and would be left with a zombie each time.
    """
    if sys.platform != "win32":

        def wait() -> None:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, 0)

        run_in_background(wait)


def close_output() -> None:
    """Let `ask` return. The detached process calls this when it has written everything."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (1, 2):
        os.dup2(nothing, fd)


def _talk(argv: Sequence[str], environment: Mapping[str, str], question: bytes) -> tuple[bytes, bytes]:
    process = _start_outside_job(argv, environment)
    stdin, stdout, stderr = (cast("IO[bytes]", pipe) for pipe in (process.stdin, process.stdout, process.stderr))
    with stdout, stderr:
        with contextlib.suppress(BrokenPipeError), stdin:  # a process that has failed says so on stderr
            stdin.write(question)
        if sys.platform != "win32":
            process.wait()  # it ends at `leave_parent`, and its fork goes on
        return stdout.read(), stderr.read()


def _start_outside_job(argv: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return _start(argv, environment, _APART | _OUT_OF_THE_JOB)
    except PermissionError:
        return _start(argv, environment, _APART)


def _start(argv: Sequence[str], environment: Mapping[str, str], flags: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - an argument vector of our own
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
        creationflags=flags,
    )
