"""Runs a program for its output: without a shell, a terminal or our stdin, and with a time limit."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence

from mcp_auth_bridge.errors import CredentialMissing, os_error_text, quoted
from mcp_auth_bridge.oauth.error_text import saying
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.process.threads import run_in_background
from mcp_auth_bridge.stores.keys import COMMAND_ENVIRONMENT

TIMEOUT = 30.0
"""Seconds for a program that may start a slow interpreter and send a request to a server."""

_RUN_IT = "run it in a terminal to see the error (it gets no stdin and only the variables in pass_environment)"

_LAST_BYTES = 4096
"""Bytes at the end of stderr in which the last line is looked for."""

_STDERR_TIMEOUT = 0.2
"""Seconds to wait for the end of stderr after the program has ended."""


async def capture_output(
    argv: Sequence[str],
    environment: Mapping[str, str],
    limit: int,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - the error names the command
) -> bytes:
    """Run `argv` and return its output: at most `limit` bytes, within `timeout` seconds and with exit status 0.

    Otherwise raises `CredentialMissing`, which names only the first word: the others and the output may be secret. It
    quotes the last line of the program's stderr, from which its arguments, variables and output are removed. When this
    returns, raises or is cancelled, it ends the program and the children in its process group.
    """
    program = f"the command {quoted(argv[0])}"
    child = _Child(argv, environment, limit)
    running = run_in_background(child.run)
    try:
        await asyncio.wait((running,), timeout=timeout)
        if not running.done():
            raise CredentialMissing(f"{program} did not end within {timeout:g} seconds", _RUN_IT)
        status, printed, last_line = running.result()
    except OSError as error:
        hint = "write its whole path, and words with blanks in quotation marks"
        raise CredentialMissing(f"{program} cannot be run: {os_error_text(error)}", hint) from None
    finally:
        child.end()
        running.cancel()  # does nothing to a future that is done
    if len(printed) > limit:
        raise CredentialMissing(f"{program} printed more than {limit // 1024} KiB", _RUN_IT)
    if status != 0:
        hidden = (*_possible_secrets(argv, environment), *printed.decode(errors="replace").split())
        raise CredentialMissing(f"{program} {_ending(status)}{saying(last_line, map(Secret, hidden))}", _RUN_IT)
    return printed


class _Child:
    """One program. A background thread calls `run`; any thread may call `end`."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], limit: int) -> None:
        # the program and its arguments
        self._argv = argv
        # all its variables
        self._environment = environment
        # bytes of output
        self._limit = limit
        # None before it is started
        self._process: subprocess.Popen[bytes] | None = None
        # whether `end` was called
        self._ended = False
        # held while it is started and while it is killed
        self._mutex = threading.Lock()

    def run(self) -> tuple[int, bytes, str]:
        """Run it and return its status, its output, and the last line of its stderr. Raises `OSError`.

        The output is cut one byte after the limit.
        """
        with self._mutex:
            if self._ended:
                return 0, b"", ""  # the caller has stopped waiting
            stderr = _StderrReader()
            try:
                self._process = self._start(stderr.end)
            finally:
                stderr.begin()
        with self._process as process:
            printed = process.stdout.read(self._limit + 1) if process.stdout else b""
            if len(printed) > self._limit:
                self.end()
            return process.wait(), printed, stderr.last_line()

    def end(self) -> None:
        """Kill it, or keep it from being started."""
        with self._mutex:
            self._ended = True
            # Without a return code it has not been waited for, so its number is still its own.
            if self._process is not None and self._process.returncode is None:
                _kill(self._process)

    def _start(self, stderr: int) -> subprocess.Popen[bytes]:
        import shutil  # a bridge that runs no command does not need it

        path = self._environment.get("PATH")
        return subprocess.Popen(  # noqa: S603 - the user's own configuration names the program
            [shutil.which(self._argv[0], path=path) or self._argv[0], *self._argv[1:]],  # on Windows it may be a .cmd
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=self._environment,
            start_new_session=True,  # no terminal to ask questions on, and a process group to end as a whole
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )


class _StderrReader:
    """Keeps the last bytes of a program's stderr. A thread reads all of it, so that the program never waits.

    `end` is the end of the pipe that the program writes to.
    """

    def __init__(self) -> None:
        self._reading_end, self.end = os.pipe()
        self._kept = b""
        self._reader = threading.Thread(target=self._read, daemon=True)

    def begin(self) -> None:
        """Start to read, once the program has inherited its end of the pipe."""
        os.close(self.end)
        self._reader.start()

    def last_line(self) -> str:
        """The last line that is not blank. A child of the program may hold the pipe open; it is not waited for."""
        self._reader.join(_STDERR_TIMEOUT)
        lines = self._kept.decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _read(self) -> None:
        while data := os.read(self._reading_end, 65536):
            self._kept = (self._kept + data)[-_LAST_BYTES:]
        os.close(self._reading_end)


def _possible_secrets(argv: Sequence[str], environment: Mapping[str, str]) -> Iterator[str]:
    """The values of the program's arguments, and of the variables of `pass_environment`."""
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
        return  # it has just ended by itself


def _ending(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
