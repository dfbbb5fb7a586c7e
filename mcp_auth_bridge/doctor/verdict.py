"""The verdict: whose fault it is, what to do next, and the text for the operator who has to do it.

It is drawn by rules (`rules.py`), which are data: the symptoms that must have been seen, and what follows from them.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from mcp_auth_bridge.doctor.finding import Finding, Outcome, Section, Sign
from mcp_auth_bridge.doctor.symptoms import Symptom


class Blame(enum.Enum):
    """Whose fault it is."""

    NOTHING = "nothing is wrong"
    YOU = "you"
    NETWORK = "your network"
    AUTHORIZATION_SERVER = "the authorization server"
    SERVER = "the MCP server"
    IDE = "the IDE"
    BRIDGE = "the bridge"
    UNKNOWN = "not known"


SEND_TO_OPERATOR = "send its operator the text that this prints: {doctor} --for-operator"
"""The step of a rule with a text for the operator."""


class Urgency(enum.Enum):
    """When the cause of a rule does harm."""

    NOW = "now"
    LATER = "later"
    """It may cost the user a fault some day: every failure of today counts before it."""


class Rule(msgspec.Struct, frozen=True):
    """What follows if all symptoms of `when` have been seen and none of `unless`.

    The texts may quote each fact of these symptoms in braces, and the facts of the server that was examined
    (`Subject.facts`).
    """

    # The symptoms that must have been seen.
    when: tuple[Symptom, ...]
    # Whose fault it is.
    blame: Blame
    # The cause as one sentence, for a reader who knows no OAuth.
    sentence: str
    # The one next step: it names the command to run, the line to change, or the person to ask.
    step: str
    # The header to send or the document to publish, for the server's operator; "" if there is nothing for them to do.
    operator: str = ""
    # The symptoms that speak against it.
    unless: tuple[Symptom, ...] = ()
    # When its cause does harm.
    urgency: Urgency = Urgency.NOW


class Verdict(msgspec.Struct, frozen=True):
    """The result of an examination."""

    # Who can mend it.
    blame: Blame
    # The cause as one sentence.
    sentence: str
    # The one next step, "" if there is none.
    step: str
    # The text for the server's operator, "" if there is nothing for them to do.
    operator: str = ""
    # When it does harm.
    urgency: Urgency = Urgency.NOW

    @property
    def is_fault(self) -> bool:
        """Whether something does not work today."""
        return self.blame is not Blame.NOTHING and self.urgency is Urgency.NOW


def judge(findings: Iterable[tuple[Section, Finding]], rules: Iterable[Rule], known: Mapping[str, str]) -> Verdict:
    """The verdict of the first of `rules` that fits the `findings`. `known` are the facts of the examined server.

    Without such a rule it is the first failure in its own words, else the first warning, else that nothing is wrong.
    Rules about later harm come after the failures.
    """
    seen = list(findings)
    signs = {each.symptom: each for _, finding in reversed(seen) for each in finding.signs}
    fitting = [rule for rule in rules if _fits(rule, signs)]
    for urgency, outcome in ((Urgency.NOW, Outcome.FAIL), (Urgency.LATER, Outcome.WARN)):
        for rule in fitting:
            if rule.urgency is urgency:
                return _fill(rule, signs, known)
        for section, finding in seen:
            if finding.outcome is outcome:
                says = finding.says if urgency is Urgency.NOW else f"nothing is broken, but {finding.says}"
                return Verdict(_BLAMES[section], says, finding.hint, urgency=urgency)
    return Verdict(Blame.NOTHING, "nothing is wrong", "")


def _fits(rule: Rule, signs: Mapping[Symptom, Sign]) -> bool:
    return all(symptom in signs for symptom in rule.when) and not any(symptom in signs for symptom in rule.unless)


_BLAMES = {
    Section.HERE: Blame.YOU,
    Section.WAY: Blame.NETWORK,
    Section.SERVER: Blame.SERVER,
    Section.OAUTH: Blame.AUTHORIZATION_SERVER,
    Section.CREDENTIAL: Blame.YOU,
    Section.CLIENT: Blame.IDE,
}
"""Whose fault a failure of each section most likely is, where no rule knows it."""


def _fill(rule: Rule, signs: Mapping[Symptom, Sign], known: Mapping[str, str]) -> Verdict:
    facts = dict(known) | dict(_facts_of(rule, signs))
    sentence, step, operator = (text.format_map(facts) for text in (rule.sentence, rule.step, rule.operator))
    return Verdict(rule.blame, sentence, step, operator, rule.urgency)


def _facts_of(rule: Rule, signs: Mapping[Symptom, Sign]) -> Iterator[tuple[str, str]]:
    for symptom in rule.when:
        yield from signs[symptom].facts.items()
