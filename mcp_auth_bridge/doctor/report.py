"""The report as text for people: findings by section, then the verdict."""

from collections.abc import Iterator

from mcp_auth_bridge.doctor.examination import Line
from mcp_auth_bridge.doctor.finding import Section
from mcp_auth_bridge.doctor.verdict import Blame, Verdict
from mcp_auth_bridge.shell.console.text_layout import wrap_lines

_NAME = 13  # columns for the name of a check
_OUTCOME = 4  # columns for its outcome
_WIDE = 72  # columns of a terminal on which a finding has room beside the name of its check


class TextReport:
    """Lays lines out for a terminal or a file with `columns`. Each section has its name above its first line.

    On a narrow terminal a finding stands below the name of its check, elsewhere beside it.
    """

    def __init__(self, columns: int) -> None:
        # Columns of the terminal.
        self._columns = columns
        # The section whose name has been written.
        self._section: Section | None = None
        # What stands before each line of a finding but the first.
        self._margin = " " * (5 + _OUTCOME + _NAME) if columns >= _WIDE else " " * 4

    def line(self, line: Line) -> Iterator[str]:
        """The lines of text for one finding."""
        if line.section is not self._section:
            if self._section is not None:
                yield ""
            yield line.section.value
            self._section = line.section
        finding = line.finding
        name = f"  {finding.outcome.value:{_OUTCOME}} {line.name:{_NAME}}"
        if self._columns >= _WIDE:
            yield from self._block(finding.says, f"{name}  ")
        else:
            yield name.rstrip()
            yield from self._block(finding.says)
        for detail in finding.details:
            yield from wrap_lines(detail, self._columns, f"{self._margin}- ", f"{self._margin}  ")
        if finding.hint:
            yield from self._block(f"hint: {finding.hint}")

    def verdict(self, verdict: Verdict) -> Iterator[str]:
        """The lines of text for the verdict."""
        yield ""
        yield "verdict"
        whose = "" if verdict.blame is Blame.NOTHING else f"fault: {verdict.blame.value}"
        for text in filter(None, (whose, verdict.sentence, f"next step: {verdict.step}" if verdict.step else "")):
            yield from wrap_lines(text, self._columns, "  ")

    def _block(self, text: str, first: str = "") -> Iterator[str]:
        yield from wrap_lines(text, self._columns, first or self._margin, self._margin)
