"""The checks of other processes: who holds the locks of the login, and which other bridges run for the server."""

import os
import sys

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.config.short_name import short_name
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, fail, ok, sign, skip
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import quoted
from mcp_auth_bridge.shell.files.lock_holders import holders
from mcp_auth_bridge.shell.process.running_bridges import RunningBridge, running_bridges

_HIDDEN = "this system does not show it"


async def locks(evidence: Evidence) -> Finding:
    """Which processes log in or refresh now. One that is stopped keeps all others waiting."""
    if (bridge := evidence.subject.bridge) is None:
        return skip("no server is named")
    if sys.platform != "linux":
        return skip(_HIDDEN)
    running = {each.pid: each for each in running_bridges(bridge.environ)}
    held = [(what, pid) for what, file in bridge.lock_files.items() for pid in holders(file)]
    for what, pid in held:
        if pid in running and running[pid].stopped:
            return fail(
                f"process {pid} is stopped in the middle of {what}, and all others wait for it",
                f"let it go on: kill -CONT {pid}",
                sign(Symptom.LOCK_HELD, what=what, pid=str(pid)),
            )
    return ok("; ".join(f"{what} is under way in process {pid}" for what, pid in held) or "free")


async def bridges(evidence: Evidence) -> Finding:
    """The other bridges that run for the server, and the programs that started them."""
    if sys.platform != "linux":
        return skip(_HIDDEN)
    bridge = evidence.subject.bridge
    others = [
        each
        for each in running_bridges(evidence.subject.context.environ)
        if each.pid != os.getpid() and "run" in each.arguments
    ]
    same = [each for each in others if bridge is None or _is_for(each, bridge)]
    details = tuple(
        f"process {each.pid}, started by {quoted(each.parent, 40)}" if each.parent else f"process {each.pid}"
        for each in same
    )
    whose = "" if bridge is None else f" for {bridge.profile.label}"
    count = {0: "no other bridge runs", 1: "1 other bridge runs"}.get(len(same), f"{len(same)} other bridges run")
    return ok(f"{count}{whose}", details=details)


def _is_for(other: RunningBridge, bridge: Bridge) -> bool:
    url = bridge.profile.url
    known = {bridge.profile.name, url.resource, str(url), *([short_name(url)] if bridge.profile.is_bare else ())}
    return not known.isdisjoint(other.arguments)
