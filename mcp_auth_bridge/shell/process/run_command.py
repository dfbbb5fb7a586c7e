"""Runs a program for what it prints: without a shell, a terminal or our stdin, and never longer than it may."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence

from mcp_auth_bridge.errors import CredentialMissing, quoted, reason
from mcp_auth_bridge.oauth.error_text import saying
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.process.threads import in_background
from mcp_auth_bridge.stores.keys import COMMAND_ENVIRONMENT

TIMEOUT = 30.0
"""Seconds for a program that may ask a server, and start a slow interpreter for it."""

_RUN_IT = "run it in a terminal to see the error (it gets no stdin and only the variables in pass_environment)"

_LONGEST_WORDS = 4096
"""Bytes at the end of stderr that are looked at."""

_PATIENCE = 0.2
"""Seconds for the end of stderr after that of the program."""


async def output(argv: Sequence[str], environment: Mapping[str, str], limit: int, timeout: float = TIMEOUT) -> bytes:  # noqa: ASYNC109 - the error names the command
    """What `argv` prints, if it ends with 0 within `timeout` seconds and prints at most `limit` bytes.

    Raises `CredentialMissing` with its first word only: the others may be secret, and so may what it prints. One that
    fails is quoted with the last line of its stderr, without anything that it was given or has printed.
    Whatever happens, neither it nor a child that it has left in its process group goes on once nobody waits.
    """
    program = f"the command {quoted(argv[0])}"
    child = _Child(argv, environment, limit)
    running = in_background(child.run)
    try:
        await asyncio.wait((running,), timeout=timeout)
        if not running.done():
            raise CredentialMissing(f"{program} did not end within {timeout:g} seconds", _RUN_IT)
        status, printed, words = running.result()
    except OSError as error:
        hint = "write its whole path, and words with blanks in quotation marks"
        raise CredentialMissing(f"{program} cannot be run: {reason(error)}", hint) from None
    finally:
        child.end()
        running.cancel()  # does nothing to a future that is done
    if len(printed) > limit:
        raise CredentialMissing(f"{program} printed more than {limit // 1024} KiB", _RUN_IT)
    if status != 0:
        hidden = (*_given(argv, environment), *printed.decode(errors="replace").split())
        raise CredentialMissing(f"{program} {_ending(status)}{saying(words, map(Secret, hidden))}", _RUN_IT)
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

    def run(self) -> tuple[int, bytes, str]:
        """Its status, what it printed, one byte more than the limit at most, and its last words. Raises `OSError`."""
        with self._mutex:
            if self._ended:
                return 0, b"", ""  # nobody waits any more
            words = _LastWords()
            try:
                self._process = self._start(words.end)
            finally:
                words.begin()
        with self._process as process:
            printed = process.stdout.read(self._limit + 1) if process.stdout else b""
            if len(printed) > self._limit:
                self.end()
            return process.wait(), printed, words.line()

    def end(self) -> None:
        with self._mutex:
            self._ended = True
            # Without a status it has not been waited for, so its number is still its own.
            if self._process is not None and self._process.returncode is None:
                _kill(self._process)

    def _start(self, stderr: int) -> subprocess.Popen[bytes]:
        import shutil  # a start that runs no command needs none of it

        path = self._environment.get("PATH")
        return subprocess.Popen(  # noqa: S603 - the person's own configuration names the program
            [shutil.which(self._argv[0], path=path) or self._argv[0], *self._argv[1:]],  # on Windows it may be a .cmd
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=self._environment,
            start_new_session=True,  # no terminal to ask questions on, and a process group to end as a whole
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )


class _LastWords:
    """What comes out of a program's stderr last. A thread reads it all, so that the program never waits."""

    def __init__(self) -> None:
        self._beginning, self.end = os.pipe()
        self._kept = b""
        self._reader = threading.Thread(target=self._read, daemon=True)

    def begin(self) -> None:
        """Read from now on: the program has its end of the pipe."""
        os.close(self.end)
        self._reader.start()

    def line(self) -> str:
        """The last line that is not blank. A child of the program's may hold the pipe open: it is not waited for."""
        self._reader.join(_PATIENCE)
        lines = self._kept.decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _read(self) -> None:
        while data := os.read(self._beginning, 65536):
            self._kept = (self._kept + data)[-_LONGEST_WORDS:]
        os.close(self._beginning)


def _given(argv: Sequence[str], environment: Mapping[str, str]) -> Iterator[str]:
    """What a program was given that may be secret: values of its arguments, and of variables that are passed on."""
    for word in argv[1:]:
        yield word.partition("=")[2] if word.startswith("-") else word
    yield from (value for name, value in environment.items() if name.upper() not in COMMAND_ENVIRONMENT)


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
