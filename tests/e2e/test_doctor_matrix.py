"""The fault matrix of `doctor`: whose fault it is, the cause and the next step, for each fault that doctor can meet.

All cases run in one fixture, a few at a time, each with a server and a home of its own; `doctor` runs as a process. CI
plays every third one, which are cases of all sections; `--thorough` plays all.
"""

import asyncio
import inspect
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from canaries import found
from faults.bridge import environment, home
from faults.doctor_cases import CASES, ELSEWHERE, NOT_MET, Case
from faults.site import GOOD, KEY, Site
from program import command
from thoroughness import is_thorough

pytestmark = pytest.mark.slow

PLAYED = CASES if is_thorough() else CASES[::3]

_AT_ONCE = 3
HANG = 60.0
"""Seconds that only a hang reaches."""


class Outcome(NamedTuple):
    """The JSON report, the bundle, stderr, the origin of the server, and the folder that was the home."""

    report: dict[str, Any]
    bundle: str
    stderr: str
    origin: str
    folder: Path


async def play(case: Case, folder: Path) -> Outcome:
    """Run `doctor` against the server with the fault of `case`."""
    async with Site(case.era, case.tls() if case.tls else None) as site:
        home(folder, site.url, auth=case.auth, network=case.network)
        case.fault(site)
        if inspect.isawaitable(prepared := case.prepare(folder, site)):
            await prepared
        bundle = folder.parent / f"{folder.name}.json"
        arguments = case.arguments or ("far",)
        process = await asyncio.create_subprocess_exec(
            *case.within(folder),
            *(command(), "doctor", *arguments, "--json", "--bundle", str(bundle)),
            env={**environment(folder), **case.environ(site)},
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(HANG):
            out, err = await process.communicate()
        origin = site.origin
    try:
        return Outcome(json.loads(out), bundle.read_text(), err.decode(), origin, folder)
    except (ValueError, OSError) as bug:
        raise AssertionError(f"{case.name}: exit {process.returncode}\n{out.decode()}\n{err.decode()}") from bug


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    async def every_case() -> dict[str, Any]:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int, case: Case) -> Any:
            async with turns:
                return await play(case, tmp_path_factory.mktemp(f"case-{number}") / "home")

        results = await asyncio.gather(*map(one, range(len(PLAYED)), PLAYED), return_exceptions=True)
        return dict(zip([case.name for case in PLAYED], results, strict=True))

    return asyncio.run(every_case())


def wrong(case: Case, outcome: Any) -> str:
    """What is wrong with the verdict, "" if nothing is."""
    if isinstance(outcome, BaseException):
        return f"failed: {outcome!r}"
    verdict = outcome.report["verdict"]
    faults = []
    if verdict["blame"] not in case.blame:
        faults.append(f"blames {verdict['blame']} instead of {' or '.join(case.blame)}")
    faults += [
        f"its {name} lacks {getattr(case, name)!r}"
        for name in ("sentence", "step", "operator")
        if not re.search(getattr(case, name), verdict[name], re.IGNORECASE)
    ]
    return f"{'; '.join(faults)}: {verdict}" if faults else ""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", PLAYED, ids=[case.name for case in PLAYED])
def test_the_verdict_names_the_cause_and_the_next_step(case: Case, outcomes: dict[str, Any]) -> None:
    assert wrong(case, outcomes[case.name]) == ""


SECRETS = (
    *(GOOD, KEY, "revoked-opaque-token-31", "old-opaque-token-99", "refresh-token-2b8e"),
    *("jane@accounting.acme.example", "jane-of-accounting", "client-of-jane-55d1"),
)
"""What the cases hold that is secret, or names a person."""
HOSTS = ("acme.example", "other.example", "team.example", "wifi.example", "no-such-host", "192.168.0.7")
"""The hosts of the cases, apart from this machine itself."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", PLAYED, ids=[case.name for case in PLAYED])
def test_the_bundle_holds_no_secret_no_person_no_host_and_no_folder(case: Case, outcomes: dict[str, Any]) -> None:
    outcome = outcomes[case.name]
    if isinstance(outcome, BaseException):
        raise outcome
    tokens = {value for name, value in case.environ(_Anywhere()).items() if name.endswith("_TOKEN")}
    told = found(outcome.bundle.encode(), {*SECRETS, *tokens})
    told += [
        name for name in (*HOSTS, str(outcome.folder), "far") if re.search(rf"\b{re.escape(name)}\b", outcome.bundle)
    ]
    assert told == []


class _Anywhere(Site):
    """A site that is not started: for the variables of a case."""

    port = 0


@pytest.mark.timeout(900)
def test_nineteen_of_twenty_verdicts_are_right_and_none_blames_the_wrong_one(outcomes: dict[str, Any]) -> None:
    """The goal; the cases above show which ones are not."""
    right = [case for case in PLAYED if not wrong(case, outcomes[case.name])]
    blamed = [case.name for case in PLAYED if "blames" in wrong(case, outcomes[case.name])]
    assert blamed == []
    assert len(right) >= 0.95 * len(PLAYED)


def test_every_row_of_the_fault_matrix_has_a_case_or_a_reason() -> None:
    rows = [case.rows.partition("field")[0] for case in CASES]
    played = {int(number) for each in rows for number in re.findall(r"(?<![\w.])(\d+)(?!\.\d)", each)}
    assert sorted({*range(1, 75)} - played - ELSEWHERE.keys() - NOT_MET.keys()) == []
    assert sorted(played & NOT_MET.keys()) == []
