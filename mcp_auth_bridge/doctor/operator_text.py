"""The text for the operator of the MCP server or of the authorization server, to be pasted into a mail or a ticket."""

from collections.abc import Iterable, Iterator

from mcp_auth_bridge import __version__
from mcp_auth_bridge.doctor.examination import Line
from mcp_auth_bridge.doctor.finding import Outcome, Section
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.verdict import Verdict

_ABOUT_SERVER = (Section.SERVER, Section.OAUTH)


def for_operator(subject: Subject, lines: Iterable[Line], verdict: Verdict) -> str:
    """The whole text: what was found, what was sent and answered, and what to change.

    Without anything to do for an operator it is one sentence that says so.
    """
    if not verdict.operator:
        return "\n".join(_nothing_to_do(verdict))
    return "\n".join(_letter(subject, lines, verdict))


def _nothing_to_do(verdict: Verdict) -> Iterator[str]:
    yield "there is nothing here that the operator of a server has to change"
    if verdict.is_fault:
        yield f"fault: {verdict.blame.value}"
    yield verdict.sentence
    if verdict.step:
        yield f"next step: {verdict.step}"


def _letter(subject: Subject, lines: Iterable[Line], verdict: Verdict) -> Iterator[str]:
    if subject.bridge is not None:
        yield f"About the MCP server at {subject.bridge.profile.url.resource}"
        yield ""
    yield f"Found: {_impersonal(verdict.sentence, subject)}."
    yield ""
    yield "To change:"
    yield from (f"  {line}".rstrip() for line in verdict.operator.split("\n"))
    if seen := [*_answers(lines)]:
        yield ""
        yield "Sent and answered:"
        yield from seen
    yield ""
    yield f"Written by mcp-auth-bridge {__version__}, an MCP client, with the command doctor."


def _impersonal(sentence: str, subject: Subject) -> str:
    """`sentence` without the name of the server at its beginning, which only this user has given it."""
    name = f"{subject.bridge.profile.name} " if subject.bridge is not None else ""
    return f"the MCP server {sentence.removeprefix(name)}" if name and sentence.startswith(name) else sentence


def _answers(lines: Iterable[Line]) -> Iterator[str]:
    for line in lines:
        finding = line.finding
        if line.section in _ABOUT_SERVER and finding.outcome is not Outcome.SKIP:
            yield f"  {line.name}: {finding.says}"
            yield from (f"    {detail}" for detail in finding.details)
