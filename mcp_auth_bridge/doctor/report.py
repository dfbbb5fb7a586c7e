"""The report as text for people: findings by section, then the verdict."""

from collections.abc import Iterator

import msgspec

from mcp_auth_bridge.doctor.examination import Line
from mcp_auth_bridge.doctor.finding import Finding, Outcome, Section
from mcp_auth_bridge.doctor.verdict import Verdict
from mcp_auth_bridge.shell.console.text_layout import wrap_lines

_NAME = 14  # columns for the name of a check
_OUTCOME = 4  # columns for its outcome
_WIDE = 72  # columns of a terminal on which a finding has room beside the name of its check


class TextReport:
    """Lays lines out for a terminal or a file with `columns`. Each section has its name above its first line.

    On a narrow terminal a finding stands below the name of its check, elsewhere beside it. Checks that are skipped for
    the same reason one after the other share one line, which is written when the next finding comes, or the verdict.
    """

    def __init__(self, columns: int) -> None:
        # Columns of the terminal.
        self._columns = columns
        # The section whose name has been written.
        self._section: Section | None = None
        # Skipped checks that are not yet written.
        self._skipped: list[Line] = []
        # What stands before each line of a finding but the first.
        self._margin = " " * (5 + _OUTCOME + _NAME) if columns >= _WIDE else " " * 4

    def line(self, line: Line) -> Iterator[str]:
        """The lines of text for one finding, after those that are complete by now."""
        if self._skipped and (line.section, line.finding) != (self._skipped[0].section, self._skipped[0].finding):
            yield from self._rest()
        if line.finding.outcome is Outcome.SKIP:
            self._skipped.append(line)
        else:
            yield from self._entry(line.section, line.name, line.finding)

    def verdict(self, verdict: Verdict) -> Iterator[str]:
        """The lines of text for the verdict."""
        yield from self._rest()
        yield ""
        yield "verdict"
        whose = f"fault: {verdict.blame.value}" if verdict.is_fault else ""
        for text in filter(None, (whose, verdict.sentence, f"next step: {verdict.step}" if verdict.step else "")):
            yield from wrap_lines(text, self._columns, "  ")

    def _rest(self) -> Iterator[str]:
        """The lines of text for the checks that were skipped last."""
        if not self._skipped:
            return
        first, names = self._skipped[0], [line.name for line in self._skipped]
        self._skipped = []
        if len(names) == 1:
            yield from self._entry(first.section, first.name, first.finding)
            return
        all_of_them = msgspec.structs.replace(first.finding, says=f"{first.finding.says} ({', '.join(names)})")
        yield from self._entry(first.section, f"{len(names)} checks", all_of_them)

    def _entry(self, section: Section, name: str, finding: Finding) -> Iterator[str]:
        if section is not self._section:
            if self._section is not None:
                yield ""
            yield section.value
            self._section = section
        begin = f"  {finding.outcome.value:{_OUTCOME}} {name:{_NAME}}"
        if self._columns >= _WIDE:
            yield from self._block(finding.says, f"{begin}  ")
        else:
            yield begin.rstrip()
            yield from self._block(finding.says)
        for detail in finding.details:
            yield from wrap_lines(detail, self._columns, f"{self._margin}- ", f"{self._margin}  ")
        if finding.hint:
            yield from self._block(f"hint: {finding.hint}")

    def _block(self, text: str, first: str = "") -> Iterator[str]:
        yield from wrap_lines(text, self._columns, first or self._margin, self._margin)
