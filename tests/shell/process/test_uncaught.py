"""Wherever an exception is raised, stderr gets no traceback, no local variable and no text of the exception."""

import subprocess
import sys
import textwrap

import pytest

CANARY = "canary-Zk41x"

# A command whose story is the case's; `secret` is a local variable of every frame that fails.
DRIVER = """
import asyncio, logging, os, signal, sys, threading, warnings
from mcp_auth_bridge.cli import main as cli

secret = "".join(["canary-", "Zk41x"])

def deeper(depth, secret):
    return deeper(depth + 1, secret)

class Broken:
    def __del__(self):
        raise ValueError(secret)

{case}

async def run(given, world):
    await story()
    await asyncio.sleep(0)
    return 0

from mcp_auth_bridge.commands import status
status.run = run
cli.main(["--debug", "status"])
"""

CASES = {
    "an exception": "async def story(): raise ValueError(secret)",
    "an exception with a cause": """
        async def story():
            try:
                raise ValueError(secret)
            except ValueError as error:
                raise RuntimeError(secret) from error
        """,
    "several": "async def story(): raise ExceptionGroup(secret, [ValueError(secret)])",
    "several beyond Exception": "async def story(): raise BaseExceptionGroup(secret, [GeneratorExit(secret)])",
    "an end of its own": "async def story(): raise SystemExit(secret)",
    "a cancellation": "async def story(): raise asyncio.CancelledError(secret)",
    "a RecursionError": "async def story(): deeper(0, secret)",
    "a MemoryError": "async def story(): bytes(1 << 62)",
}
QUIET = {
    "a task that is never awaited": """
        async def fail(): raise ValueError(secret)
        async def story():
            task = asyncio.ensure_future(fail())
            await asyncio.sleep(0)
            del task
        """,
    "a callback of the loop": """
        def fail(): raise ValueError(secret)
        async def story(): asyncio.get_running_loop().call_soon(fail)
        """,
    "a thread": """
        def fail(): raise ValueError(secret)
        async def story():
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
        """,
    "a destructor": "async def story(): Broken()",
    "a library's log": "async def story(): logging.getLogger('h11').error(secret)",
}


def driven(case):
    source = DRIVER.replace("{case}", textwrap.dedent(case))
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False)


def words(done):
    return [line for line in done.stderr.splitlines() if " debug " not in line]


@pytest.mark.parametrize("case", CASES)
def test_an_exception_is_reported_without_its_text(case):
    done = driven(CASES[case])
    sentence, hint = words(done)
    assert (done.returncode, done.stdout, hint) == (1, "", "mcp-auth-bridge: hint: please report it")
    assert sentence.startswith("mcp-auth-bridge: a fault of the bridge itself (")
    assert CANARY not in done.stderr


@pytest.mark.parametrize("case", QUIET)
def test_an_exception_outside_the_story_is_reported_without_its_text(case):
    done = driven(QUIET[case])
    assert (done.returncode, done.stdout) == (0, "")
    assert CANARY not in done.stderr
    assert "Traceback" not in done.stderr
    assert [line.startswith("mcp-auth-bridge: ") for line in words(done)] == [True] * len(words(done))
    assert bool(words(done)) == (case != "a library's log")


def test_an_interrupt_within_the_story_says_nothing():
    done = driven("async def story(): os.kill(os.getpid(), signal.SIGINT)")
    assert (done.returncode, words(done)) == (130, [])
