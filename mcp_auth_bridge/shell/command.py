"""Runs a program for what it prints: without a shell, a terminal or our stdin, and never longer than it may."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

from mcp_auth_bridge.errors import CredentialMissing, quoted, reason
from mcp_auth_bridge.shell.threads import in_background

TIMEOUT = 30.0
"""Seconds for a program that may ask a server, and start a slow interpreter for it."""

_KILLED = "run it in a terminal to see why; nothing can be asked there"


async def output(argv: Sequence[str], environment: Mapping[str, str], limit: int, timeout: float = TIMEOUT) -> bytes:  # noqa: ASYNC109 - the error names the command
    """What `argv` prints, if it ends with 0 within `timeout` seconds and prints at most `limit` bytes.

    Raises `CredentialMissing` with its first word only: the others may be secret, and so may what it prints, on stderr
    too.
    Whatever happens, neither it nor a child that it has left in its process group goes on once nobody waits.
    """
    program = f"the command {quoted(argv[0])}"
    child = _Child(argv, environment, limit)
    running = in_background(child.run)
    try:
        await asyncio.wait((running,), timeout=timeout)
        if not running.done():
            raise CredentialMissing(f"{program} did not end within {timeout:g} seconds", _KILLED)
        status, printed = running.result()
    except OSError as error:
        hint = "write its whole path, and words with blanks in quotation marks"
        raise CredentialMissing(f"{program} cannot be run: {reason(error)}", hint) from None
    finally:
        child.end()
        running.cancel()  # does nothing to a future that is done
    if len(printed) > limit:
        raise CredentialMissing(f"{program} printed more than {limit // 1024} KiB", _KILLED)
    if status != 0:
        raise CredentialMissing(f"{program} {_ending(status)}", _KILLED)
    return printed


class _Child:
    """One program. `run` belongs to a thread, `end` to everybody."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], limit: int) -> None:
        self._argv = argv
        self._environment = environment
        self._limit = limit
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._mutex = threading.Lock()

    def run(self) -> tuple[int, bytes]:
        """Its status and what it printed, one byte more than the limit at most. Raises `OSError`."""
        with self._mutex:
            if self._ended:
                return 0, b""  # nobody waits any more
            self._process = self._start()
        with self._process as process:
            printed = process.stdout.read(self._limit + 1) if process.stdout else b""
            if len(printed) > self._limit:
                self.end()
            return process.wait(), printed

    def end(self) -> None:
        with self._mutex:
            self._ended = True
            # Without a status it has not been waited for, so its number is still its own.
            if self._process is not None and self._process.returncode is None:
                _kill(self._process)

    def _start(self) -> subprocess.Popen[bytes]:
        import shutil  # a start that runs no command needs none of it

        path = self._environment.get("PATH")
        return subprocess.Popen(  # noqa: S603 - the person's own configuration names the program
            [shutil.which(self._argv[0], path=path) or self._argv[0], *self._argv[1:]],  # on Windows it may be a .cmd
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment,
            start_new_session=True,  # no terminal to ask questions on, and a process group to end as a whole
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended by itself in this moment


def _ending(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
