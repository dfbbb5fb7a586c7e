"""The lines of the report for people, with a tone for each part. The words stay those of `text_report.py`."""

import re
from collections.abc import Mapping

from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.shell.console.view import Span, Tone, Words, words

_TONES: Mapping[str, Tone] = {
    Outcome.OK.value: Tone.GOOD,
    Outcome.WARN.value: Tone.CAUTION,
    Outcome.FAIL.value: Tone.BAD,
    Outcome.SKIP.value: Tone.QUIET,
}
_ENTRY = re.compile(rf"(  )({'|'.join(_TONES)})( .*)")
_NEXT_STEP = re.compile(r"( +)(hint:|next step:|fault:)( .*)")


def paint(line: str) -> Words:
    """One line of `TextReport` in its tones."""
    if (entry := _ENTRY.fullmatch(line)) is not None:
        tone = _TONES[entry[2]]
        return Span(entry[1]), Span(entry[2], tone), Span(entry[3], Tone.QUIET if tone is Tone.QUIET else Tone.PLAIN)
    if (step := _NEXT_STEP.fullmatch(line)) is not None:
        return Span(step[1]), Span(step[2], Tone.CAUTION), Span(step[3])
    return words(line, Tone.PLAIN if line.startswith(" ") else Tone.STRONG)
