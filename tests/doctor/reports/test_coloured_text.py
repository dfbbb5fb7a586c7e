"""The tones of the report: the words stay the same."""

import pytest

from mcp_auth_bridge.doctor.reports.coloured_text import paint
from mcp_auth_bridge.shell.console.view import Tone


@pytest.mark.parametrize(
    ("line", "coloured"),
    [
        ("here", {"here": Tone.STRONG}),
        ("", {}),
        ("  ok   version         0.1.0", {"ok": Tone.GOOD}),
        ("  warn store           it is slow", {"warn": Tone.CAUTION}),
        ("  fail reach", {"fail": Tone.BAD}),
        ("  skip clock           no server", {"skip": Tone.QUIET, " clock           no server": Tone.QUIET}),
        ("      hint: run: mcp-auth-bridge login acme", {"hint:": Tone.CAUTION}),
        ("  next step: wait", {"next step:": Tone.CAUTION}),
        ("  fault: the server", {"fault:": Tone.CAUTION}),
        ("      okay, a line that goes on", {}),
    ],
)
def test_the_words_of_a_line_stay_and_its_parts_get_tones(line, coloured):
    spans = paint(line)
    assert "".join(span.text for span in spans) == line
    assert {span.text: span.tone for span in spans if span.tone is not Tone.PLAIN} == coloured
