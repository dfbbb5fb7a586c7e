"""Stderr for people: each line of a log has the prefix, and a terminal has it once."""

import json
import os
import re
import sys

import pytest

from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.console.line_format import PREFIX, JsonLines, TextLines


@pytest.fixture
def people(monkeypatch):
    monkeypatch.setattr(terminal, "_format", TextLines())


def test_in_a_log_each_line_has_the_prefix(people, capsys):
    terminal.say("one")
    terminal.say("two")
    assert capsys.readouterr().err == f"{PREFIX}one\n{PREFIX}two\n"


def test_on_a_terminal_the_prefix_stands_once_and_later_lines_are_indented(people, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    terminal.say("one")
    terminal.say("two")
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"{PREFIX}one"
    assert second.strip() == "two"
    assert second != "two"


def test_a_url_has_a_line_of_its_own_without_the_prefix(people, capsys):
    terminal.print_url("https://as.example/authorize?client_id=x")
    assert "https://as.example/authorize?client_id=x" in capsys.readouterr().err.splitlines()


def test_an_event_has_its_time_and_only_words_with_blanks_are_quoted(people, capsys):
    terminal.write_event("mcp", {"verb": "POST", "what": 'a "b" c', "seconds": 0.50, "again": True, "status": 200})
    line = capsys.readouterr().err
    assert re.fullmatch(re.escape(PREFIX) + r"debug \d\d:\d\d:\d\d\.\d{3}Z mcp .*\n", line)
    assert line.endswith(" mcp verb=POST what=\"a 'b' c\" seconds=0.5 again=true status=200\n")


@pytest.mark.parametrize("lines", [TextLines(), JsonLines()])
def test_lines_of_another_process_of_the_bridge_are_passed_on_as_they_are(lines, monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_format", lines)
    terminal.pass_on("as it is\nand this\n")
    terminal.pass_on("")
    assert capsys.readouterr().err == "as it is\nand this\n"


def test_json_of_another_process_of_the_bridge_is_written_as_text(people, capsys):
    about = {"time": "2026-01-01T00:00:01.002Z", "server": "acme"}
    event = {**about, "level": "debug", "event": "oauth", "status": 200, "url": "https://as.example/token"}
    error = {**about, "level": "error", "message": "a fault of the bridge itself", "code": "internal"}
    terminal.pass_on("".join(f"{json.dumps(line)}\n" for line in (event, error)) + '{"other": 1}\n')
    assert capsys.readouterr().err.splitlines() == [
        f"{PREFIX}debug 00:00:01.002Z oauth status=200 url=https://as.example/token",
        f"{PREFIX}a fault of the bridge itself",
        '{"other": 1}',
    ]


@pytest.mark.parametrize("make", [TextLines, JsonLines])
def test_lines_for_which_stderr_had_no_room_are_counted_in_the_same_format(make, monkeypatch):
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setattr(terminal, "_format", make())
        for _ in range(1000):  # more than a pipe holds
            terminal.say("x" * 200)
        os.set_blocking(reading, False)
        heard = b""
        while part := reader.read(1 << 20):
            heard += part
        terminal.say("after")
        heard += reader.read(1 << 20)
        *_, missing, after = heard.decode().splitlines()
        assert "after" in after
        assert "lines are missing here" in missing
        assert missing.startswith(PREFIX if make is TextLines else "{")
        monkeypatch.undo()
