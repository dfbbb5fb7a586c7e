"""The examination: all checks side by side, their findings in order, and the verdict. No check can break it."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import anyio
import msgspec

from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, Section, fail, sign, skip
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import BridgeError, internal_error

TIMEOUT = 25.0
"""Seconds for the whole examination: a check that is not done by then is skipped."""


class Check(msgspec.Struct, frozen=True):
    """One check: the section and the name of its finding, and the function that finds it."""

    section: Section
    name: str
    look: Callable[[Evidence], Awaitable[Finding]]


class Line(msgspec.Struct, frozen=True):
    """One line of the report: the finding of a check, and how many seconds it took."""

    section: Section
    name: str
    finding: Finding
    seconds: float = 0.0


async def examine(
    checks: Sequence[Check], evidence: Evidence, report: Callable[[Line], None], limit: float = TIMEOUT
) -> list[Line]:
    """Run all `checks` side by side, and `report` each line as soon as those before it are known. Returns all lines.

    `limit` is in seconds. An exception of `report` ends the examination and is raised.
    """
    done: dict[int, Line] = {}
    reported: list[Line] = []

    def note(number: int, line: Line) -> None:
        done.setdefault(number, line)
        while len(reported) in done:
            reported.append(done[len(reported)])
            report(reported[-1])

    async def look(number: int, check: Check) -> None:
        begun = anyio.current_time()
        finding = await _look(check, evidence)
        note(number, Line(check.section, check.name, finding, anyio.current_time() - begun))

    try:
        with anyio.move_on_after(limit):
            async with anyio.create_task_group() as group:
                for number, check in enumerate(checks):
                    group.start_soon(look, number, check)
    except ExceptionGroup as stopped:
        raise stopped.exceptions[0] from None  # it is from `report`: the checks themselves raise nothing
    for number, check in enumerate(checks):
        if number not in done:
            note(number, Line(check.section, check.name, skip(f"not known within {limit:g} seconds"), limit))
    return reported


async def _look(check: Check, evidence: Evidence) -> Finding:
    try:
        return await check.look(evidence)
    except BridgeError as error:
        return fail(error.message, error.hint)
    except Exception as bug:  # noqa: BLE001 - a check that has a bug must not hide the findings of the others
        fault = internal_error(bug)
        return fail(fault.message, fault.hint, sign(Symptom.BRIDGE_FAULT, error=fault.message))


def applicable(checks: Iterable[Check], evidence: Evidence) -> list[Check]:
    """The checks that have something to look at: without a server, those of this machine."""
    return [check for check in checks if check.section is Section.HERE or evidence.subject.bridge is not None]
