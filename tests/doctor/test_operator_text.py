"""The text for an operator: what was found, what was sent and answered, and what to change."""

from commanding import context_of

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor.examination import Line
from mcp_auth_bridge.doctor.finding import Section, fail, ok, skip
from mcp_auth_bridge.doctor.operator_text import for_operator
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.verdict import Blame, Verdict

LINES = [
    Line(Section.HERE, "version", ok("private")),
    Line(Section.SERVER, "requests", fail("it refuses", "private", details=("POST: HTTP 401",))),
    Line(Section.OAUTH, "issuer", skip("private")),
    Line(Section.CREDENTIAL, "claims", ok("private")),
]


def test_it_names_the_server_the_change_and_the_answers_and_nothing_of_this_machine(tmp_path):
    context = context_of(tmp_path, "https://mcp.acme.example/mcp")
    subject = Subject(context, Bridge(context.config.profiles["acme"], context))
    text = for_operator(
        subject, LINES, Verdict(Blame.SERVER, "it does not say where", "tell them", "Send this:\n\n  A: b")
    )
    assert text.startswith("About the MCP server at https://mcp.acme.example/mcp\n\nFound: it does not say where.\n")
    assert "\n  Send this:\n\n    A: b\n" in text
    assert "\n  requests: it refuses\n    POST: HTTP 401\n" in text
    assert "private" not in text


def test_the_name_that_only_this_user_knows_is_not_in_it(tmp_path):
    context = context_of(tmp_path, "https://mcp.example/mcp")
    subject = Subject(context, Bridge(context.config.profiles["acme"], context))
    assert "\nFound: the MCP server hangs.\n" in for_operator(
        subject, [], Verdict(Blame.SERVER, "acme hangs", "n", "o")
    )


def test_without_a_server_and_without_answers_it_has_what_is_left():
    text = for_operator(Subject(None), [], Verdict(Blame.SERVER, "s", "n", "o"))
    assert text.startswith("Found: s.\n\nTo change:\n  o\n\nWritten by")


def test_it_says_if_there_is_nothing_for_an_operator():
    text = for_operator(Subject(None), LINES, Verdict(Blame.YOU, "you are not logged in", "run: login"))
    assert text.split("\n") == [
        "there is nothing here that the operator of a server has to change",
        "fault: you",
        "you are not logged in",
        "next step: run: login",
    ]
    text = for_operator(Subject(None), LINES, Verdict(Blame.NOTHING, "nothing is wrong", ""))
    assert text.split("\n")[1:] == ["nothing is wrong"]
