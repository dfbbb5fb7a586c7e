"""Clocks compared: small differences are nothing, and if two of three agree, the third one is wrong."""

from email.utils import formatdate

import anyio
import pytest
from examining import evidence_of
from msgspec.structs import replace

from mcp_auth_bridge.doctor import archive
from mcp_auth_bridge.doctor import clock as clock_module
from mcp_auth_bridge.doctor.answer import Answer
from mcp_auth_bridge.doctor.answers import Answers
from mcp_auth_bridge.doctor.clock import Witness, clock, compare, skew
from mcp_auth_bridge.doctor.documents import Documents, Issuer
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.once import Once
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.way import Way
from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.shell.net.handshake import Handshake
from mcp_auth_bridge.urls import Purpose, gate

URL = "https://mcp.acme.example/mcp"
NOW = 1_800_000_000.0


def compared(server=None, issuer=None):
    """The outcome for seconds by which this machine is ahead of each."""
    servers = () if server is None else (Witness("mcp.acme.example", server),)
    issuers = () if issuer is None else (Witness("as.example", issuer),)
    return compare(servers, issuers)


@pytest.mark.parametrize("apart", [0, 29, -29])
def test_clocks_within_half_a_minute_agree(apart):
    assert compared(apart).outcome is Outcome.OK


def test_some_minutes_are_a_warning_and_more_are_a_wrong_clock():
    assert compared(-200).outcome is Outcome.WARN
    assert compared(-200).says == "the clock of this machine is 3 minutes behind that of mcp.acme.example"
    found = compared(301, 303)
    assert (found.outcome, found.says) == (
        Outcome.FAIL,
        "the clock of this machine is 5 minutes ahead of that of as.example",
    )
    assert [(each.symptom, dict(each.facts)) for each in found.signs] == [
        (Symptom.CLOCK_WRONG, {"skew": "5 minutes ahead of"})
    ]


@pytest.mark.parametrize(
    ("apart", "words"), [(86400, "1 day ahead of"), (-7200, "2 hours behind"), (86400 * 400, "400 days ahead of")]
)
def test_a_difference_is_told_in_the_largest_unit(apart, words):
    assert words in compared(apart).says


@pytest.mark.parametrize(
    ("server", "issuer", "symptom", "host"),
    [
        (3600, 1, Symptom.SERVER_CLOCK_WRONG, "mcp.acme.example"),
        (1, 3600, Symptom.ISSUER_CLOCK_WRONG, "as.example"),
    ],
)
def test_a_server_whose_clock_differs_from_the_two_others_is_wrong(server, issuer, symptom, host):
    found = compared(server, issuer)
    assert found.outcome is Outcome.FAIL
    assert [(each.symptom, dict(each.facts)) for each in found.signs] == [
        (symptom, {"host": host, "skew": "1 hour behind"})
    ]


def test_without_a_time_there_is_nothing_to_compare(tmp_path):
    assert compared().outcome is Outcome.SKIP
    alone = Evidence(Subject(evidence_of(tmp_path, URL).subject.context))
    assert anyio.run(clock, alone).outcome is Outcome.SKIP


def test_the_date_of_a_response_is_half_a_second_old():
    date = formatdate(NOW - 100, usegmt=True)
    assert skew(date, NOW) == 99.5
    assert [skew(text, NOW) for text in ("", "now", "Mon, 99 Jan 2026 00:00:00 GMT")] == [None, None, None]


def known(evidence, way, *answers, issuers=()):
    """`evidence` with what is known already."""

    async def visited():
        return Documents((), (), issuers)

    async def went():
        return way

    async def asked():
        first, *others = (*answers, *(Answer("GET") for _ in range(3)))[:3]
        return Answers(first, None, None, *others[:2], Answer("OPTIONS"), None, None)

    evidence.way, evidence.answers, evidence.documents = Once(went), Once(asked), Once(visited)
    return evidence


def answer(ago, milliseconds, **fields):
    dated = {"date": (formatdate(NOW - ago, usegmt=True),), **fields}
    return Answer("POST", status=401, fields=dated, milliseconds=milliseconds, received=NOW)


def test_the_quickest_response_with_a_date_tells_the_servers_time(tmp_path):
    evidence = evidence_of(tmp_path, URL)
    undated = replace(answer(0, 1), fields={})
    found = anyio.run(
        clock, known(evidence, Way(evidence.bridge.profile.url), answer(7200, 900), undated, answer(3600, 2))
    )
    assert found.says == "the clock of this machine is 1 hour ahead of that of mcp.acme.example"
    failing = known(evidence, Way(evidence.bridge.profile.url), replace(answer(7200, 1), status=503))
    assert anyio.run(clock, failing).outcome is Outcome.SKIP
    silent = known(evidence, Way(evidence.bridge.profile.url))
    assert anyio.run(clock, silent).outcome is Outcome.SKIP


def document(url, ago, **headers):
    dated = {"date": (formatdate(NOW - ago, usegmt=True),), **headers}
    return archive.Fetched(gate(url, Purpose.SERVER_METADATA), Response(200, dated, b"", NOW))


def test_the_metadata_of_authorization_servers_tell_their_time_and_the_age_of_a_copy(tmp_path):
    evidence = evidence_of(tmp_path, URL)
    issuers = (
        Issuer(
            "https://as.example",
            (document("https://as.example/1", 0, date=("",)), document("https://as.example/2", 3600)),
        ),
        Issuer("https://copy.example", (document("https://copy.example/1", 7200, age=("7200",)),)),
        Issuer("https://mcp.acme.example", (document("https://mcp.acme.example/1", 9999),)),
        Issuer("https://silent.example", (archive.Fetched(gate("https://silent.example/1", Purpose.ISSUER)),)),
    )
    found = anyio.run(clock, known(evidence, Way(evidence.bridge.profile.url), answer(1, 1), issuers=issuers))
    assert [(each.symptom, dict(each.facts)) for each in found.signs] == [
        (Symptom.ISSUER_CLOCK_WRONG, {"host": "as.example", "skew": "1 hour behind"})
    ]


def test_a_certificate_that_seems_too_old_or_too_new_asks_the_server_for_its_time(tmp_path, monkeypatch):
    monkeypatch.setattr(clock_module.time, "time", lambda: NOW)
    evidence = evidence_of(tmp_path, URL)
    way = Way(evidence.bridge.profile.url, handshake=Handshake(server_time=NOW + 86400 * 30))
    found = anyio.run(clock, known(evidence, way))
    assert found.says == "the clock of this machine is 30 days behind that of mcp.acme.example"
