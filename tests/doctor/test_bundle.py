"""The bundle is the whole report with labels in place of names, and says what the bridge ran on."""

import importlib.metadata

import msgspec

from mcp_auth_bridge.doctor.bundle import build_bundle
from mcp_auth_bridge.doctor.examination import Line
from mcp_auth_bridge.doctor.finding import Section, fail, sign
from mcp_auth_bridge.doctor.json_report import build_report
from mcp_auth_bridge.doctor.redaction import Kind, PrivateName
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame, Verdict

KEY = b"k" * 32


def report(text):
    finding = fail(text, text, sign(Symptom.NAME_UNKNOWN, host=text), details=(text,))
    return build_report(Subject(None), [Line(Section.WAY, "name", finding, 0.25)], Verdict(Blame.YOU, text, text, text))


def test_every_text_of_the_report_has_labels_and_the_closed_words_stay():
    text = "jane asks https://mcp.bigcorp.example/mcp"
    bundle = build_bundle(report(text), [PrivateName(Kind.USER, "jane")], (KEY, True), 1.23456)
    shown = msgspec.json.encode(bundle).decode()
    assert "jane" not in shown
    assert "bigcorp" not in shown
    (finding,) = bundle.report["findings"]
    assert (finding["section"], finding["check"], finding["outcome"], finding["seconds"]) == (
        "way",
        "name",
        "fail",
        0.25,
    )
    assert finding["signs"][0]["symptom"] == "name_unknown"
    assert finding["says"] == finding["signs"][0]["facts"]["host"] == bundle.report["verdict"]["operator"]
    assert (bundle.report["verdict"]["blame"], bundle.seconds, bundle.labels) == ("you", 1.235, "machine")


def test_a_key_that_is_not_kept_is_told():
    assert build_bundle(report("x"), [], (KEY, False), 0).labels == "bundle"


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    assert "msgspec" in build_bundle(report("x"), [], (KEY, True), 0).machine.packages
    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert build_bundle(report("x"), [], (KEY, True), 0).machine.packages == {}
