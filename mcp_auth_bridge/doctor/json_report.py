"""The report as one JSON document for programs. `docs/doctor-report.schema.json` is its schema."""

from collections.abc import Iterable

import msgspec

from mcp_auth_bridge import __version__
from mcp_auth_bridge.doctor.examination import Line
from mcp_auth_bridge.doctor.finding import Sign
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.verdict import Verdict

SCHEMA = 1
"""The number of the schema. A later version of the bridge adds members without changing it."""


class ServerName(msgspec.Struct, frozen=True):
    """The server that was examined."""

    name: str
    url: str


class SignSeen(msgspec.Struct, frozen=True):
    """A symptom, by its name in `symptoms.py`, with its facts."""

    symptom: str
    facts: dict[str, str]


class CheckReport(msgspec.Struct, frozen=True):
    """One check and its finding."""

    # here, way, server, oauth, credential or client.
    section: str
    # The name of the check within its section.
    check: str
    # ok, warn, fail or skip.
    outcome: str
    # One sentence.
    says: str
    # The command to run or the line to change, "" for none.
    hint: str
    # Further lines.
    details: list[str]
    # The symptoms from which the verdict is drawn.
    signs: list[SignSeen]
    # How long the check took, in seconds. Checks run side by side and wait for each other.
    seconds: float


class VerdictReport(msgspec.Struct, frozen=True):
    """The conclusion."""

    # nothing, you, network, authorization_server, server, ide, bridge or unknown.
    blame: str
    # The cause in one sentence.
    sentence: str
    # The one next step, "" if nothing is wrong.
    step: str
    # The text for the server's operator, "" if there is nothing for them to do.
    operator: str
    # "now", or "later" if everything works today.
    urgency: str


class Report(msgspec.Struct, frozen=True):
    """The whole report."""

    # The number of the schema.
    schema: int
    # The version of the bridge.
    version: str
    # None if only this machine was examined.
    server: ServerName | None
    # In the order of the report for people.
    findings: list[CheckReport]
    verdict: VerdictReport


def build_report(subject: Subject, lines: Iterable[Line], verdict: Verdict) -> Report:
    """The report about `subject`."""
    bridge = subject.bridge
    return Report(
        SCHEMA,
        __version__,
        ServerName(bridge.profile.name, str(bridge.profile.url)) if bridge is not None else None,
        [_check_report(line) for line in lines],
        _verdict_report(verdict),
    )


def _verdict_report(verdict: Verdict) -> VerdictReport:
    blame, urgency = verdict.blame.name.lower(), verdict.urgency.value
    return VerdictReport(blame, verdict.sentence, verdict.step, verdict.operator, urgency)


def _check_report(line: Line) -> CheckReport:
    finding = line.finding
    return CheckReport(
        line.section.name.lower(),
        line.name,
        finding.outcome.value,
        finding.says,
        finding.hint,
        list(finding.details),
        [_sign_seen(sign) for sign in finding.signs],
        round(line.seconds, 3),
    )


def _sign_seen(sign: Sign) -> SignSeen:
    return SignSeen(sign.symptom.value, dict(sign.facts))


def as_json(document: msgspec.Struct) -> str:
    """`document` as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
