"""The verdict: the first rule that fits, with its texts filled from the facts; without a rule, the first failure."""

import pytest

from mcp_auth_bridge.doctor.finding import Section, fail, ok, sign, warn
from mcp_auth_bridge.doctor.here.rules import HERE
from mcp_auth_bridge.doctor.rules import RULES
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame, Rule, Urgency, Verdict, judge

KNOWN = {name: f"<{name}>" for name in ("server", "url", "origin", "login", "doctor")}


def test_the_first_rule_whose_symptoms_were_all_seen_counts():
    rules = (
        Rule((Symptom.NO_LOGIN, Symptom.NAME_UNKNOWN), Blame.NETWORK, "both", "-"),
        Rule((Symptom.NO_LOGIN,), Blame.IDE, "spoken against", "-", unless=(Symptom.NOT_MCP,)),
        Rule((Symptom.NO_LOGIN,), Blame.YOU, "log in to {server}", "run: {login}", "say {status}"),
        Rule((Symptom.NOT_MCP,), Blame.SERVER, "found {status}", "-"),
    )
    seen = [(Section.SERVER, ok("x", sign(Symptom.NOT_MCP, status="404"), sign(Symptom.NO_LOGIN)))]
    rules = (*rules[:2], Rule((Symptom.NO_LOGIN, Symptom.NOT_MCP), Blame.YOU, "{server}: {status}", "run: {login}"))
    assert judge(seen, rules, KNOWN) == Verdict(Blame.YOU, "<server>: 404", "run: <login>")


def test_without_a_rule_the_first_failure_counts_before_any_warning():
    seen = [
        (Section.HERE, warn("careful", "look")),
        (Section.OAUTH, fail("broken", "mend it")),
        (Section.CLIENT, fail("late", "")),
    ]
    assert judge(seen, (), KNOWN) == Verdict(Blame.AUTHORIZATION_SERVER, "broken", "mend it")
    assert judge(seen[:1], (), KNOWN) == Verdict(
        Blame.YOU, "nothing is broken, but careful", "look", urgency=Urgency.LATER
    )
    assert judge([(Section.HERE, ok("fine"))], (), KNOWN).blame is Blame.NOTHING


def test_a_rule_about_later_harm_counts_after_every_failure_and_before_other_warnings():
    rule = Rule((Symptom.PLAIN_HTTP,), Blame.YOU, "{host} is plain", "encrypt", urgency=Urgency.LATER)
    seen = [
        (Section.HERE, warn("careful", "look")),
        (Section.WAY, warn("plain", "", sign(Symptom.PLAIN_HTTP, host="a"))),
    ]
    assert judge(seen, (rule,), KNOWN) == Verdict(Blame.YOU, "a is plain", "encrypt", urgency=Urgency.LATER)
    assert judge([*seen, (Section.OAUTH, fail("broken", ""))], (rule,), KNOWN).sentence == "broken"
    now = Rule((Symptom.NO_LOGIN,), Blame.YOU, "log in", "-")
    assert judge([*seen, (Section.OAUTH, ok("x", sign(Symptom.NO_LOGIN)))], (rule, now), KNOWN).sentence == "log in"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: "+".join(symptom.value for symptom in rule.when))
def test_every_rule_can_be_filled_from_the_facts_of_its_symptoms(rule):
    signs = [sign(symptom, **{fact: f"<{fact}>" for fact in symptom.facts}) for symptom in rule.when]
    found = judge([(Section.SERVER, ok("x", *signs))], (rule,), KNOWN)
    assert (found.blame, bool(found.sentence), bool(found.step)) == (rule.blame, True, True)


@pytest.mark.parametrize("rule", HERE, ids=lambda rule: "+".join(symptom.value for symptom in rule.when))
def test_a_rule_about_this_machine_quotes_nothing_about_a_server(rule):
    """There may be none: the command line need not name one, or its settings may be broken."""
    signs = [sign(symptom, **{fact: f"<{fact}>" for fact in symptom.facts}) for symptom in rule.when]
    assert judge([(Section.HERE, fail("x", "", *signs))], (rule,), {"doctor": "<doctor>"}).sentence


def test_no_rule_hides_a_later_one():
    for number, rule in enumerate(RULES):
        for earlier in RULES[:number]:
            assert not ({*earlier.when} <= {*rule.when} and {*earlier.unless} <= {*rule.unless}), rule


def test_a_sign_has_exactly_the_facts_of_its_symptom():
    with pytest.raises(TypeError):
        sign(Symptom.NAME_UNKNOWN)
    with pytest.raises(TypeError):
        sign(Symptom.NO_LOGIN, host="x")


def test_only_harm_of_today_is_a_fault():
    assert Verdict(Blame.YOU, "s", "n").is_fault
    assert not Verdict(Blame.YOU, "s", "n", urgency=Urgency.LATER).is_fault
    assert not Verdict(Blame.NOTHING, "nothing is wrong", "").is_fault
