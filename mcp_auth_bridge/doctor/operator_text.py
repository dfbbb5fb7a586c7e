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
    yield f"{verdict.blame.value}: {verdict.sentence}" if verdict.step else verdict.sentence
    if verdict.step:
        yield f"next step: {verdict.step}"


def _letter(subject: Subject, lines: Iterable[Line], verdict: Verdict) -> Iterator[str]:
    if subject.bridge is not None:
        yield f"About the MCP server at {subject.bridge.profile.url.resource}"
        yield ""
    yield f"Found: {verdict.sentence}."
    yield ""
    yield "To change:"
    yield from (f"  {line}" for line in verdict.operator.split("\n"))
    if seen := [*_answers(lines)]:
        yield ""
        yield "Sent and answered:"
        yield from seen
    yield ""
    yield f"Written by mcp-auth-bridge {__version__}, an MCP client, with the command doctor."


def _answers(lines: Iterable[Line]) -> Iterator[str]:
    for line in lines:
        finding = line.finding
        if line.section in _ABOUT_SERVER and finding.outcome is not Outcome.SKIP:
            yield f"  {line.name}: {finding.says}"
            yield from (f"    {detail}" for detail in finding.details)
