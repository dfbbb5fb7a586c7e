"""The report for people: on a wide terminal in columns, on a narrow one below each other, and never wider than it."""

import pytest

from mcp_auth_bridge.doctor.examination import Line
from mcp_auth_bridge.doctor.finding import Section, fail, ok, skip, warn
from mcp_auth_bridge.doctor.report import TextReport
from mcp_auth_bridge.doctor.verdict import Blame, Verdict

LINES = (
    Line(Section.HERE, "version", ok("0.1.0, Python 3.11.7")),
    Line(
        Section.HERE, "store", warn("a finding that is longer than a narrow terminal is wide", "run: mcp-auth-bridge x")
    ),
    Line(
        Section.WAY,
        "connection",
        fail("there is none", "", details=("192.0.2.1: refused by the machine itself", "two")),
    ),
)
VERDICT = Verdict(
    Blame.YOU, "you are not logged in to the server at the end of the way", "run: mcp-auth-bridge login acme"
)


def text(columns, verdict=VERDICT):
    report = TextReport(columns)
    return [*(line for each in LINES for line in report.line(each)), *report.verdict(verdict)]


def test_a_wide_report_has_its_findings_in_one_column():
    assert text(80) == [
        "here",
        "  ok   version         0.1.0, Python 3.11.7",
        "  warn store           a finding that is longer than a narrow terminal is wide",
        "                       hint: run:",
        "                       mcp-auth-bridge x",
        "",
        "the way",
        "  fail connection      there is none",
        "                       - 192.0.2.1: refused by the machine itself",
        "                       - two",
        "",
        "verdict",
        "  fault: you",
        "  you are not logged in to the server at the end of the way",
        "  next step: run:",
        "    mcp-auth-bridge login acme",
    ]


def test_a_narrow_report_has_each_finding_below_the_name_of_its_check():
    assert text(40) == [
        "here",
        "  ok   version",
        "    0.1.0, Python 3.11.7",
        "  warn store",
        "    a finding that is longer than a",
        "    narrow terminal is wide",
        "    hint: run:",
        "    mcp-auth-bridge x",
        "",
        "the way",
        "  fail connection",
        "    there is none",
        "    - 192.0.2.1: refused by the machine",
        "      itself",
        "    - two",
        "",
        "verdict",
        "  fault: you",
        "  you are not logged in to the server at",
        "    the end of the way",
        "  next step: run:",
        "    mcp-auth-bridge login acme",
    ]


@pytest.mark.parametrize("columns", [40, 71, 72, 80, 200])
def test_no_line_is_wider_than_the_terminal(columns):
    assert all(len(line) <= columns for line in text(columns))


def test_where_nothing_is_wrong_nothing_is_blamed():
    assert text(80, Verdict(Blame.NOTHING, "nothing is wrong", ""))[-2:] == ["verdict", "  nothing is wrong"]


def test_checks_that_are_skipped_for_one_reason_share_a_line():
    report = TextReport(80)
    none, other = skip("there is no connection"), skip("it is not used")
    lines = [
        *(Line(Section.SERVER, name, none) for name in ("no credential", "GET", "OPTIONS")),
        Line(Section.OAUTH, "challenge", none),
        Line(Section.OAUTH, "issuer", other),
        Line(Section.OAUTH, "discovery", ok("done")),
        Line(Section.CLIENT, "entries", none),
    ]
    assert [[*report.line(line)] for line in lines] == [
        [],
        [],
        [],
        ["the server", "  skip 3 checks        there is no connection (no credential, GET, OPTIONS)"],
        ["", "its OAuth", "  skip challenge       there is no connection"],
        ["  skip issuer          it is not used", "  ok   discovery       done"],
        [],
    ]
    assert [*report.verdict(VERDICT)][:3] == ["", "the client", "  skip entries         there is no connection"]
