"""Has a refresh token redeemed by another process, which outlives the bridge that starts it (`app/refresh_process.py`).

An authorization server that rotates refresh tokens responds once. If the process that waits for this response is ended
(by SIGKILL from a client, a closed terminal, a laptop's lid), the login ends with it. So the bridge starts another
process in a session of its own and waits for its `RefreshOutcome`.

Nothing secret is in the arguments or the environment of that process: the login, the sealing key and the bridge's
environment reach it through its stdin.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.errors import OutcomeUnknown
from mcp_auth_bridge.oauth.session import Session, dump
from mcp_auth_bridge.shell.console import debug_log, terminal

if TYPE_CHECKING:
    from mcp_auth_bridge.app.refresh_task import RefreshOutcome, RefreshTask
    from mcp_auth_bridge.credentials.redemption import InProcessRedemption
    from mcp_auth_bridge.credentials.services import Services
    from mcp_auth_bridge.credentials.stored_session import StoredSession

_MODULE = "mcp_auth_bridge.app.refresh_process"

# The variables that an interpreter needs to start like this one and to find the same packages (site, "USER_SITE").
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


class OutlivingRedemption:
    """The redemption by another process. `describe` makes its task from the session and the record's generation.

    `own` is the redemption by this process, for the case that no other can be started.
    """

    def __init__(
        self,
        stored: "StoredSession",
        services: "Services",
        describe: "Callable[[Session, int], RefreshTask]",
        own: "InProcessRedemption",
    ) -> None:
        self._stored = stored
        self._services = services
        self._describe = describe
        self._own = own

    async def redeem(self, session: Session) -> None:
        generation = self._stored.generation
        outcome = await _run_process(self._describe(session, generation)) if generation is not None else None
        if outcome is not None:
            await self._take(outcome)
            return
        await self._stored.look()
        if self._stored.generation != generation:
            raise OutcomeUnknown("the process that refreshes the login ended without reporting an outcome", "try again")
        await self._own.redeem(session)

    async def settle(self) -> None:
        """Wait for a redemption that this process does itself; one by another process is not lost with this one."""
        await self._own.settle()

    async def _take(self, outcome: "RefreshOutcome") -> None:
        from mcp_auth_bridge.app.refresh_task import decode_error  # most starts refresh nothing
        from mcp_auth_bridge.oauth.session import load_session

        for warning in outcome.warnings:
            self._services.warn(decode_error(warning))
        if outcome.unsaved:
            self._stored.take_over(load_session(outcome.unsaved), outcome.generation)
            self._stored.save_later()
        await self._stored.look()
        if outcome.error is not None:
            raise decode_error(outcome.error)


def describe_task(
    profile: Profile, record: str, store_access: StoreAccess, session: Session, generation: int
) -> "RefreshTask":
    """The task to refresh `session`, a copy of the `generation` of `record`."""
    from mcp_auth_bridge.app.refresh_task import RefreshTask  # as above

    return RefreshTask(
        server=profile.label,
        record=record,
        session=dump(session),
        generation=generation,
        store=profile.store,
        sealing_key=store_access.sealing_key(),
        records=os.fsencode(store_access.paths.records),
        locks=os.fsencode(store_access.paths.locks),
        network=profile.network,
        environ=tuple((os.fsencode(name), os.fsencode(value)) for name, value in os.environ.items()),
        log="on" if debug_log.on else "off",
    )


async def _run_process(task: "RefreshTask") -> "RefreshOutcome | None":
    """The outcome that the process reports; None where it cannot be started, or ended without reporting one."""
    from mcp_auth_bridge.app.refresh_task import RefreshOutcome  # as above
    from mcp_auth_bridge.shell.process.detached_process import ask, reap  # imports subprocess

    argv = [sys.executable, "-P", "-m", _MODULE]
    environment = {name: value for name, value in os.environ.items() if name.upper() in _INHERITED}
    try:
        output, log = await ask(argv, environment, msgspec.json.encode(task))
    except (OSError, RuntimeError):  # the system allows no more processes, or no thread to wait for it
        return None
    terminal.pass_on(log.decode(errors="replace"))
    with suppress(msgspec.DecodeError):
        outcome = msgspec.json.decode(output, type=RefreshOutcome)
        reap(outcome.process)
        return outcome
    return None
