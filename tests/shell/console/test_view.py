"""Results as data for a terminal."""

from mcp_auth_bridge.shell.console.view import Span, Tone, below, without_commands, words


def test_no_text_is_no_span():
    assert words("", Tone.BAD) == ()
    assert words("x", Tone.BAD) == (Span("x", Tone.BAD),)


def test_parts_stand_below_each_other_and_empty_ones_take_no_line():
    assert below([words("a"), (), words("b")]) == (Span("a"), Span("\n"), Span("b"))
    assert below([(), ()]) == ()


def test_a_command_at_the_end_of_a_sentence_is_taken_out_of_the_cell():
    sentences = ["it has ended; run: mcp-auth-bridge login acme", "run: mcp-auth-bridge login b", "valid for an hour"]
    cells, commands = without_commands(sentences, Tone.QUIET)
    assert cells == [words("it has ended", Tone.QUIET), (), words("valid for an hour", Tone.QUIET)]
    assert commands == ["mcp-auth-bridge login acme", "mcp-auth-bridge login b"]
