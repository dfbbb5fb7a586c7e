"""Starts a process that goes on when this one ends, however it ends, and hears what it has to say."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, cast

from mcp_auth_bridge.shell.process.threads import in_background

_APART = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)
# With a job, a client on Windows ends its servers and all that they have started; not every job lets a process leave.
_OUT_OF_THE_JOB = getattr(subprocess, "CREATE_BREAKAWAY_FROM_JOB", 0)


async def ask(argv: Sequence[str], environment: Mapping[str, str], question: bytes) -> tuple[bytes, bytes]:
    """What `argv` answers to the `question` on its stdin: all that it writes to stdout and stderr until it closes both.

    It may go on afterwards, and does when this is cancelled. Raises `OSError` if it cannot be started.
    """
    return await in_background(lambda: _talk(argv, environment, question))


def leave_parent() -> None:
    """Called by such a process first of all: from now on it is not a child of the process that started it.

    Some clients end a server with all its descendants, which they find by their parents (npm's tree-kill, `taskkill
    /T`). Windows has no way to do this.
    """
    # Where no more processes are allowed, it stays a child, which costs a login only if such a client comes.
    with contextlib.suppress(OSError):
        if sys.platform != "win32" and os.fork():
            os._exit(0)


def reap(process: int) -> None:
    """Wait beside everything else for the end of such a `process`, if this one has become its parent again.

    That is so for the first process of a container, and for a subreaper: otherwise a zombie would be left each time.
    """
    if sys.platform != "win32":

        def wait() -> None:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, 0)

        in_background(wait)


def let_go() -> None:
    """Called by such a process when it has said all: the one that asked need not wait any longer."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (1, 2):
        os.dup2(nothing, fd)


def _talk(argv: Sequence[str], environment: Mapping[str, str], question: bytes) -> tuple[bytes, bytes]:
    process = _started(argv, environment)
    stdin, stdout, stderr = (cast("IO[bytes]", pipe) for pipe in (process.stdin, process.stdout, process.stderr))
    with stdout, stderr:
        with contextlib.suppress(BrokenPipeError), stdin:  # a process that has failed says so below
            stdin.write(question)
        if sys.platform != "win32":
            process.wait()  # for `leave_parent`: what goes on from there is another process
        return stdout.read(), stderr.read()


def _started(argv: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
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
