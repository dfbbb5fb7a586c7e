"""A refresh token is spent by a process of its own, which outlives the bridge that started it.

An authorization server that rotates refresh tokens answers once. Whoever ends the process that waits for this answer
(a client with SIGKILL, a closed terminal, a laptop's lid) ends the login with it. So the bridge starts another process
in a session of its own, which takes the lock, sends, stores and leaves, and the bridge waits for its `Outcome`.

The process has no terminal, only pipes to the bridge. Nothing secret is in its arguments or its environment: the login,
the sealing key and the bridge's environment come through its stdin.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # which costs a tenth of the start, and saves nothing in the life of one request

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.store import StoreSettings
from mcp_auth_bridge.errors import BridgeError, OutcomeUnknown, Sent, fault

if TYPE_CHECKING:
    from mcp_auth_bridge.app.store_access import StoreAccess
    from mcp_auth_bridge.credentials.redemption import InProcessRedemption
    from mcp_auth_bridge.credentials.services import Services
    from mcp_auth_bridge.credentials.stored_session import StoredSession
    from mcp_auth_bridge.oauth.session import Session

PATIENCE = 600.0
"""Seconds for which the process tries to store a login that cannot be stored."""

_AGAIN = 0.5  # seconds between two attempts

# What an interpreter needs to start as this one did, and to find the same packages (site, "USER_SITE").
_INHERITED = frozenset(
    {
        "APPDATA",
        "HOME",
        "LD_LIBRARY_PATH",
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONUSERBASE",
        "SYSTEMROOT",
        "USERPROFILE",
    }
)


class RefreshTask(msgspec.Struct, frozen=True, kw_only=True):
    """All that the process is told."""

    # How messages call the server.
    server: str
    # The name of the login's record.
    record: str
    # The login as the bridge holds it (`session.dump`), and the generation of the record that it is a copy of.
    session: str
    generation: int
    store: StoreSettings
    sealing_key: bytes
    # The folders of `Paths`, as the system spells them.
    records: bytes
    locks: bytes
    network: NetworkSettings
    # Names proxies and certificates, and what the password of a Redis is read from.
    environ: tuple[tuple[bytes, bytes], ...]
    # How the debug log is written.
    log: Literal["off", "words", "json"]


class TaskMessage(msgspec.Struct, frozen=True):
    """A `BridgeError` on its way from one process to another. Any: its attributes, which are JSON."""

    kind: str
    attributes: dict[str, Any]


class RefreshOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How the exchange ended: without an `error` the store has the new login, or that of another process."""

    # Its process.
    process: int
    error: TaskMessage | None = None
    # The login that could not be stored (`session.dump`), upon `generation`; "" for none.
    unsaved: str = ""
    generation: int | None = None
    warnings: tuple[TaskMessage, ...] = ()


class OutlivingRedemption:
    """The exchange by another process. `describe` makes its task; `own` is the way where none can be started."""

    def __init__(
        self,
        kept: "StoredSession",
        services: "Services",
        describe: Callable[["Session", int], RefreshTask],
        own: "InProcessRedemption",
    ) -> None:
        self._kept = kept
        self._services = services
        self._describe = describe
        self._own = own

    async def redeem(self, session: "Session") -> None:
        generation = self._kept.generation
        outcome = await _asked(self._describe(session, generation)) if generation is not None else None
        if outcome is not None:
            await self._take(outcome)
            return
        await self._kept.look()
        if self._kept.generation != generation:
            raise OutcomeUnknown("the process that renews the login has ended without a word", "try again")
        await self._own.redeem(session)

    async def settle(self) -> None:
        """Nothing is lost with this process, unless it had to do the exchange itself."""
        await self._own.settle()

    async def _take(self, outcome: RefreshOutcome) -> None:
        from mcp_auth_bridge.oauth.session import load_session

        for warning in outcome.warnings:
            self._services.warn(raised(warning))
        if outcome.unsaved:
            self._kept.take_over(load_session(outcome.unsaved), outcome.generation)
            self._kept.save_later()
        await self._kept.look()
        if outcome.error is not None:
            raise raised(outcome.error)


async def _asked(task: RefreshTask) -> RefreshOutcome | None:
    """What the process says, None where it cannot be started or has ended without a word."""
    from mcp_auth_bridge.shell.console import terminal
    from mcp_auth_bridge.shell.process.detached_process import (
        ask,  # imports subprocess, and most starts refresh nothing
        reap,
    )

    words = [sys.executable, "-P", "-m", __name__]
    environment = {name: value for name, value in os.environ.items() if name.upper() in _INHERITED}
    try:
        said, log = await ask(words, environment, msgspec.json.encode(task))
    except (OSError, RuntimeError):  # no process more is allowed here, or no thread to wait for it
        return None
    terminal.pass_on(log.decode(errors="replace"))
    with suppress(msgspec.DecodeError):
        outcome = msgspec.json.decode(said, type=RefreshOutcome)
        reap(outcome.process)
        return outcome
    return None


def told(error: BridgeError) -> TaskMessage:
    """`error` for another process: its class, and all that it holds."""
    return TaskMessage(type(error).__name__, {**vars(error), "sent": error.sent.value})


def raised(said: TaskMessage) -> BridgeError:
    """The error that was `told`."""
    kind = next((kind for kind in _kinds(BridgeError) if kind.__name__ == said.kind), BridgeError)
    error = kind.__new__(kind, said.attributes["message"])
    vars(error).update(said.attributes, sent=Sent(said.attributes["sent"]))
    return error


def _kinds(kind: type[BridgeError]) -> list[type[BridgeError]]:
    return [kind, *(each for below in kind.__subclasses__() for each in _kinds(below))]


# The process


def main() -> None:
    """Do the task that stands on stdin, and say on stdout how it went. A task that was cut off is not begun."""
    from mcp_auth_bridge.shell.console import terminal
    from mcp_auth_bridge.shell.process import uncaught
    from mcp_auth_bridge.shell.process.detached_process import leave_parent
    from mcp_auth_bridge.shell.process.loop import run

    uncaught.name_only()
    leave_parent()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), signal.SIG_IGN)  # a service manager signals each process of a service
    try:
        task = msgspec.json.decode(sys.stdin.buffer.read(), type=RefreshTask)
    except msgspec.DecodeError:
        terminal.leave(1)
    os.environ.update({os.fsdecode(name): os.fsdecode(value) for name, value in task.environ})
    _begin_log(task)
    run(_do(task))
    terminal.leave(0)


def _begin_log(task: RefreshTask) -> None:
    from mcp_auth_bridge.shell.console import debug_log, terminal

    if task.log == "json":
        terminal.speak_json()
    terminal.about(task.server)
    if task.log != "off":
        debug_log.begin("refresh")


async def _do(task: RefreshTask) -> None:
    from mcp_auth_bridge.app.store_access import StoreAccess
    from mcp_auth_bridge.credentials.redemption import InProcessRedemption
    from mcp_auth_bridge.credentials.stored_session import StoredSession
    from mcp_auth_bridge.oauth.session import dump, load_session
    from mcp_auth_bridge.shell.files.paths import Paths

    store_access = StoreAccess(
        task.store,
        Paths(Path(), Path(os.fsdecode(task.records)), Path(os.fsdecode(task.locks)), Path()),
        task.sealing_key,
    )
    warnings: list[TaskMessage] = []
    services = _services(task, store_access, lambda error: warnings.append(told(error)))
    session, kept = load_session(task.session), StoredSession(task.record, services)
    kept.take_over(session, task.generation)
    error: TaskMessage | None = None
    try:
        async with services.lock():
            try:
                await InProcessRedemption(kept, services).redeem_under_lock(session)
            except BridgeError as refused:
                error = told(refused)
            unsaved = "" if kept.is_saved or kept.session is None else dump(kept.session)
            _say(
                RefreshOutcome(
                    process=os.getpid(),
                    error=error,
                    unsaved=unsaved,
                    generation=kept.generation,
                    warnings=tuple(warnings),
                )
            )
            await _until_saved(kept)
    except BridgeError as held:
        _say(RefreshOutcome(process=os.getpid(), error=told(held)))
    except Exception as bug:  # noqa: BLE001 - the bridge hears of it as an error, which names the fault
        _say(RefreshOutcome(process=os.getpid(), error=told(fault(bug))))
    with suppress(TimeoutError):  # a lease ends by itself
        async with asyncio.timeout(PATIENCE):
            await store_access.settle()


def _services(task: RefreshTask, store_access: "StoreAccess", warn: Callable[[BridgeError], None]) -> "Services":
    from mcp_auth_bridge.credentials.services import Services
    from mcp_auth_bridge.shell.net.network import Network
    from mcp_auth_bridge.shell.run_refresh import refreshed

    return Services(
        open_store=lambda: store_access.read(task.record),
        lock=lambda: store_access.refresh_lock(task.record),
        turn=lambda: store_access.refresh_turn(task.record),
        drive=partial(refreshed, Network(task.network)),
        now=time.time,
        ticks=time.monotonic,
        warn=warn,
        entropy=os.urandom,
        beside=store_access.beside,
    )


def _say(outcome: RefreshOutcome) -> None:
    """Tell the bridge. If it is gone, the store is where the outcome is looked for."""
    from mcp_auth_bridge.shell.process.detached_process import let_go

    with suppress(OSError):
        rest = memoryview(msgspec.json.encode(outcome))
        while rest:
            rest = rest[os.write(1, rest) :]
    let_go()


async def _until_saved(kept: "StoredSession") -> None:
    """Try again while the store takes nothing: a disk that is full, or a server that is away."""
    deadline = time.monotonic() + PATIENCE
    while not kept.is_saved and time.monotonic() < deadline:
        await asyncio.sleep(_AGAIN)
        await kept.look()


if __name__ == "__main__":
    main()
