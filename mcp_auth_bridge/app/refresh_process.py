"""The process that redeems a refresh token and outlives the bridge that started it (`app/outliving_redemption.py`).

It takes the lock, sends, stores, tells the bridge its `RefreshOutcome`, and ends. It has no terminal, only pipes to the
bridge; its `RefreshTask` comes through stdin.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # collections cost a tenth of the start, and save nothing in the life of one request

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mcp_auth_bridge.app.refresh_task import ErrorMessage, RefreshOutcome, RefreshTask, encode_error
from mcp_auth_bridge.errors import BridgeError, internal_error

if TYPE_CHECKING:
    from mcp_auth_bridge.app.store_access import StoreAccess
    from mcp_auth_bridge.credentials.services import Services
    from mcp_auth_bridge.credentials.stored_session import StoredSession
    from mcp_auth_bridge.oauth.session import Session

PATIENCE = 600.0
"""Seconds for which the process keeps trying while the store does not take the login."""

_PAUSE = 0.5
"""Seconds between two attempts."""


def main() -> None:
    """Read the task from stdin, do it, and report the outcome on stdout. An incomplete task is not begun."""
    from mcp_auth_bridge.shell.console import terminal
    from mcp_auth_bridge.shell.process import uncaught
    from mcp_auth_bridge.shell.process.detached_process import leave_parent
    from mcp_auth_bridge.shell.process.loop import run

    terminal.use_json_lines()  # the bridge writes them in its own format, and to its log file
    uncaught.install_hooks()
    leave_parent()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), signal.SIG_IGN)  # a service manager signals every process of a service
    try:
        task = msgspec.json.decode(sys.stdin.buffer.read(), type=RefreshTask)
    except msgspec.DecodeError:
        terminal.exit_now(1)
    os.environ.update({os.fsdecode(name): os.fsdecode(value) for name, value in task.environ})
    _begin_log(task)
    run(_do(task))
    terminal.exit_now(0)


def _begin_log(task: RefreshTask) -> None:
    from mcp_auth_bridge.shell.console import debug_log, terminal

    terminal.set_server(task.server)
    if task.log == "on":
        debug_log.enable()
        debug_log.describe_process("refresh")


async def _do(task: RefreshTask) -> None:
    from mcp_auth_bridge.app.store_access import StoreAccess
    from mcp_auth_bridge.credentials.stored_session import StoredSession
    from mcp_auth_bridge.oauth.session import load_session
    from mcp_auth_bridge.shell.files.paths import Paths

    paths = Paths(Path(), Path(os.fsdecode(task.records)), Path(os.fsdecode(task.locks)), Path(), Path())
    store_access = StoreAccess(task.store, paths, task.sealing_key)
    warnings: list[ErrorMessage] = []
    services = _services(task, store_access, lambda error: warnings.append(encode_error(error)))
    session, stored = load_session(task.session), StoredSession(task.record, services)
    stored.take_over(session, task.generation)
    try:
        async with services.lock():
            error = await _redeem(session, stored, services)
            _report(_outcome(stored, error, warnings))
            await _until_saved(stored)
    except BridgeError as held:
        _report(RefreshOutcome(process=os.getpid(), error=encode_error(held)))
    except Exception as bug:  # noqa: BLE001 - the bridge hears of it as an error, which names the fault
        _report(RefreshOutcome(process=os.getpid(), error=encode_error(internal_error(bug))))
    with suppress(TimeoutError):  # a lease ends by itself
        async with asyncio.timeout(PATIENCE):
            await store_access.settle()


async def _redeem(session: "Session", stored: "StoredSession", services: "Services") -> BridgeError | None:
    """Redeem the refresh token of `session`; the caller holds the lock. Returns the error if that fails."""
    from mcp_auth_bridge.credentials.redemption import InProcessRedemption

    try:
        await InProcessRedemption(stored, services).redeem_under_lock(session)
    except BridgeError as refused:
        return refused
    return None


def _outcome(stored: "StoredSession", error: BridgeError | None, warnings: list[ErrorMessage]) -> RefreshOutcome:
    from mcp_auth_bridge.oauth.session import dump

    return RefreshOutcome(
        process=os.getpid(),
        error=encode_error(error) if error is not None else None,
        unsaved="" if stored.is_saved or stored.session is None else dump(stored.session),
        generation=stored.generation,
        warnings=tuple(warnings),
    )


def _services(task: RefreshTask, store_access: "StoreAccess", warn: Callable[[BridgeError], None]) -> "Services":
    from mcp_auth_bridge.credentials.services import Services
    from mcp_auth_bridge.shell.net.network import Network
    from mcp_auth_bridge.shell.run_refresh import run_refresh

    return Services(
        open_store=lambda: store_access.open_to_read(task.record),
        lock=lambda: store_access.refresh_lock(task.record),
        turn=lambda: store_access.refresh_turn(task.record),
        drive=partial(run_refresh, Network(task.network)),
        now=time.time,
        ticks=time.monotonic,
        warn=warn,
        entropy=os.urandom,
        beside=store_access.beside,
    )


def _report(outcome: RefreshOutcome) -> None:
    """Tell the bridge. If it is gone, other processes find the outcome in the store."""
    from mcp_auth_bridge.shell.process.detached_process import close_output

    with suppress(OSError):
        rest = memoryview(msgspec.json.encode(outcome))
        while rest:
            rest = rest[os.write(1, rest) :]
    close_output()


async def _until_saved(stored: "StoredSession") -> None:
    """Try again while the login is not saved: the disk may be full, or the server of the store away."""
    deadline = time.monotonic() + PATIENCE
    while not stored.is_saved and time.monotonic() < deadline:
        await asyncio.sleep(_PAUSE)
        await stored.look()


if __name__ == "__main__":
    main()
