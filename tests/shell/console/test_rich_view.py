"""Views on a terminal of any width: nothing is lost, and nothing foreign steers the terminal."""

import io
import re

import pytest
from rich.cells import cell_len

from mcp_auth_bridge.shell.console import rich_view
from mcp_auth_bridge.shell.console.view import Lines, Span, Table, Tone, below, words

URL = "https://mcp.acme.example/mcp"
COMMAND = "mcp-auth-bridge login https://mcp.acme.example/a/long/path/that/no/narrow/terminal/holds"
TABLE = Table(
    ("server", "state", "login"),
    (
        (
            below([words("acme", Tone.STRONG), words(URL, Tone.QUIET)]),
            words("signed in", Tone.GOOD),
            words("valid " * 9),
        ),
        (words("東京"), words("ended", Tone.BAD), ()),
    ),
)


def drawn(view, columns):
    return rich_view.draw(view, io.StringIO(), columns)


def bare(text):
    return re.sub(r"\x1b\[[\d;]*m", "", text)


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_a_table_keeps_within_the_width_and_loses_no_word(columns):
    text = bare(drawn([TABLE], columns))
    assert max(map(cell_len, text.splitlines())) <= columns
    assert URL in text
    assert text.count("valid") == 9
    assert {"acme", "signed", "ended", "東京"} <= set(text.split())


def test_a_line_has_no_blanks_up_to_the_width():
    assert not re.search(r" \n", drawn([TABLE], 100))


def test_on_a_wide_terminal_a_line_ends_where_the_eye_can_follow():
    table = Table(("a",), ((words("x" * 500),),))
    assert max(map(len, bare(drawn([table], 1000)).splitlines())) == 200


def test_on_a_narrow_terminal_each_cell_stands_below_the_first_with_the_name_of_its_column():
    lines = bare(drawn([TABLE], 40)).splitlines()
    assert lines[:3] == ["acme", URL, "  state: signed in"]
    assert lines[-2:] == ["東京", "  state: ended"]


@pytest.mark.parametrize("columns", [40, 80])
def test_a_command_is_never_wrapped(columns):
    assert COMMAND in drawn([Lines((words(COMMAND),))], columns).splitlines()


def test_colours_repeat_what_the_words_say_and_are_the_sixteen_of_the_terminal():
    text = drawn([Lines((tuple(Span(tone.value, tone) for tone in Tone),))], 80)
    assert bare(text) == f"{''.join(tone.value for tone in Tone)}\n"
    codes = {int(code) for found in re.findall(r"\x1b\[([\d;]*)m", text) for code in found.split(";")}
    assert codes <= {0, 1, 2, 31, 32, 33}


@pytest.mark.parametrize(
    "block", [Table(("a",), ((words("\x1b[2J[red]\u202eb\nc"),),)), Lines((words("\x1b]0;x\x07"),))]
)
def test_foreign_words_cannot_steer_the_terminal(block):
    text = drawn([block], 80)
    assert not re.search("[\u202e\x07]|\x1b(?!\\[[\\d;]*m)|\x1b\\[2J", text)
    assert "[red]" in text or isinstance(block, Lines)


def test_an_old_console_of_windows_gets_no_view(monkeypatch):
    monkeypatch.setattr("rich.console.detect_legacy_windows", lambda: True)
    assert drawn([TABLE], 80) is None
