"""The report as JSON has stable names, and its schema is published."""

import json
from pathlib import Path

import msgspec

from mcp_auth_bridge.doctor.examination import Line
from mcp_auth_bridge.doctor.finding import Outcome, Section, ok, sign, warn
from mcp_auth_bridge.doctor.json_report import Report, as_json, build_report
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame, Verdict

SCHEMA = Path(__file__).parents[2] / "docs" / "doctor-report.schema.json"
LINES = [
    Line(Section.HERE, "version", ok("1.0"), 0.00012),
    Line(Section.OAUTH, "issuer", warn("odd", "look", sign(Symptom.NAME_UNKNOWN, host="x"), details=("a", "b")), 1.5),
]


def test_a_report_has_each_finding_with_everything_in_it():
    report = json.loads(as_json(build_report(Subject(None), LINES, Verdict(Blame.AUTHORIZATION_SERVER, "s", "n", "o"))))
    assert report["server"] is None
    assert report["findings"][1] == {
        "section": "oauth",
        "check": "issuer",
        "outcome": "warn",
        "says": "odd",
        "hint": "look",
        "details": ["a", "b"],
        "signs": [{"symptom": "name_unknown", "facts": {"host": "x"}}],
        "seconds": 1.5,
    }
    assert report["findings"][0]["seconds"] == 0.0
    texts = {"sentence": "s", "step": "n", "operator": "o"}
    assert report["verdict"] == {"blame": "authorization_server", **texts, "urgency": "now"}


def test_the_server_has_its_name_and_its_url(tmp_path):
    from commanding import context_of

    from mcp_auth_bridge.app.bridge import Bridge

    context = context_of(tmp_path, "https://mcp.acme.example/mcp")
    subject = Subject(context, Bridge(context.config.profiles["acme"], context))
    report = build_report(subject, [], Verdict(Blame.NOTHING, "nothing is wrong", ""))
    assert msgspec.to_builtins(report.server) == {"name": "acme", "url": "https://mcp.acme.example/mcp"}


def test_the_published_schema_is_that_of_the_report():
    assert json.loads(SCHEMA.read_text()) == schema()


def test_the_documents_name_every_section_outcome_and_blame():
    text = (SCHEMA.parent / "doctor.md").read_text()
    for word in (*(section.name.lower() for section in Section), *(outcome.value for outcome in Outcome)):
        assert f"`{word}`" in text
    for blame in Blame:
        assert f"`{blame.name.lower()}`" in text


def schema():
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Report)}
