"""The report as text for people: findings by section, then the verdict."""

from collections.abc import Iterator

from mcp_auth_bridge.doctor.examination import Line
from mcp_auth_bridge.doctor.finding import Section
from mcp_auth_bridge.doctor.verdict import Blame, Verdict
from mcp_auth_bridge.shell.console.text_layout import wrap_lines

_NAME = 14  # columns for the name of a check
_OUTCOME = 5  # columns for its outcome


class TextReport:
    """Lays lines out for a terminal or a file with `columns`. Each section has its name above its first line."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._section: Section | None = None

    def line(self, line: Line) -> Iterator[str]:
        """The lines of text for one finding."""
        if line.section is not self._section:
            if self._section is not None:
                yield ""
            yield line.section.value
            self._section = line.section
        finding = line.finding
        first = f"  {finding.outcome.value:{_OUTCOME}} {line.name:{_NAME}} "
        yield from wrap_lines(finding.says, self._columns, first)
        for detail in finding.details:
            yield from wrap_lines(detail, self._columns, "      ")
        if finding.hint:
            yield from wrap_lines(f"hint: {finding.hint}", self._columns, "      ")

    def verdict(self, verdict: Verdict) -> Iterator[str]:
        """The lines of text for the verdict."""
        yield ""
        yield "verdict"
        whose = "" if verdict.blame is Blame.NOTHING else f"fault: {verdict.blame.value}"
        for text in filter(None, (whose, verdict.sentence, f"next step: {verdict.step}" if verdict.step else "")):
            yield from wrap_lines(text, self._columns, "  ")
