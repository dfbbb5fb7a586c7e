"""Checks run side by side, their findings come in order, and none of them can break the examination."""

import anyio
import pytest

from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.examination import Check, applicable, examine
from mcp_auth_bridge.doctor.finding import Outcome, Section, ok
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import Unreachable


def examined(*looks, limit=5.0):
    told = []
    checks = [Check(Section.HERE, f"check {number}", look) for number, look in enumerate(looks)]

    async def story():
        return await examine(checks, Evidence(Subject(None)), told.append, limit)

    lines = anyio.run(story)
    assert told == lines
    return [(line.name, line.finding) for line in lines]


async def fine(_):
    return ok("fine")


def test_findings_come_in_the_order_of_the_checks_and_not_of_their_ends():
    last = anyio.Event()

    async def slow(_):
        await last.wait()
        return ok("slow")

    async def quick(_):
        last.set()
        return ok("quick")

    assert [(name, finding.says) for name, finding in examined(slow, quick)] == [
        ("check 0", "slow"),
        ("check 1", "quick"),
    ]


def test_a_check_that_fails_with_an_error_of_the_bridge_says_it():
    async def unreachable(_):
        raise Unreachable("far is down", "start it")

    [(_, failed), (_, after)] = examined(unreachable, fine)
    assert (failed.outcome, failed.says, failed.hint) == (Outcome.FAIL, "far is down", "start it")
    assert after.outcome is Outcome.OK


def test_a_check_with_a_bug_is_a_fault_of_the_bridge_and_hides_its_text():
    async def broken(_):
        raise ValueError("a secret")

    [(_, failed), (_, after)] = examined(broken, fine)
    assert [each.symptom for each in failed.signs] == [Symptom.BRIDGE_FAULT]
    assert "ValueError" in failed.says
    assert "secret" not in failed.says
    assert after.outcome is Outcome.OK


def test_a_check_that_takes_too_long_is_skipped():
    async def endless(_):
        await anyio.sleep_forever()

    [(_, first), (_, second)] = examined(endless, fine, limit=0.05)
    assert (first.outcome, first.says) == (Outcome.SKIP, "not known within 0.05 seconds")
    assert second.outcome is Outcome.OK


def test_without_a_server_only_this_machine_is_examined():
    checks = [Check(section, section.value, fine) for section in Section]
    assert [check.section for check in applicable(checks, Evidence(Subject(None)))] == [Section.HERE]


@pytest.mark.parametrize("checks", [[], [Check(Section.HERE, "only", fine)]])
def test_an_examination_of_few_checks_ends(checks):
    async def story():
        return await examine(checks, Evidence(Subject(None)), lambda _: None)

    assert len(anyio.run(story)) == len(checks)


def test_what_the_report_raises_ends_the_examination_as_it_is():
    def gone(_):
        raise BrokenPipeError

    async def story():
        await examine([Check(Section.HERE, "only", fine)] * 2, Evidence(Subject(None)), gone)

    with pytest.raises(BrokenPipeError):
        anyio.run(story)
