"""The three streams of the process: closed ones are filled, results leave whole, and typed lines arrive as lines."""

import asyncio
import json
import os
import select
import sys
import threading

import pytest

from mcp_auth_bridge.errors import ConfigError, unclear
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.console.line_format import TextLines


class Left(BaseException):
    """The process would have ended here."""


@pytest.fixture
def stdout(monkeypatch):
    """A call connects fd 1 to a pipe and returns its other end."""
    kept, ends = os.dup(1), []

    def begin():
        reading, writing = os.pipe()
        os.dup2(writing, 1)
        os.close(writing)
        ends.append(reading)
        return reading

    yield begin
    os.dup2(kept, 1)
    for end in (kept, *ends):
        os.close(end)


@pytest.fixture
def stdin():
    """A call makes fd 0 a pipe that holds these bytes and then ends."""
    kept = os.dup(0)

    def holds(data):
        reading, writing = os.pipe()
        os.write(writing, data)
        os.close(writing)
        os.dup2(reading, 0)
        os.close(reading)

    yield holds
    os.dup2(kept, 0)
    os.close(kept)


def test_a_stream_that_was_closed_before_the_start_is_opened_again():
    kept = os.dup(0)
    try:
        os.close(0)
        terminal.open_standard_streams()
        assert os.read(0, 1) == b""
    finally:
        os.dup2(kept, 0)
        os.close(kept)


def test_a_result_for_a_program_is_written_byte_for_byte_and_whole(stdout, monkeypatch):
    data = bytes(range(256)) * 4096  # more than a pipe holds
    reading, received = stdout(), bytearray()
    os.set_blocking(1, False)  # as the process that started this one may have left it

    def read():
        while len(received) < len(data):
            received.extend(os.read(reading, 65536))

    reader, wait = threading.Thread(target=read), select.select

    def wait_for_a_reader_that_comes_late(*streams):
        if reader.ident is None:
            reader.start()
        return wait(*streams)

    monkeypatch.setattr(select, "select", wait_for_a_reader_that_comes_late)
    terminal.write_result(data)
    reader.join()
    assert received == data


def test_a_reader_that_has_closed_its_end_is_told_from_a_full_disk(stdout):
    reading = stdout()
    os.dup2(os.open(os.devnull, os.O_RDONLY), reading)
    with pytest.raises(BrokenPipeError):
        terminal.write_result(b"x")


def test_on_a_terminal_a_result_is_made_printable(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "stdout_is_terminal", lambda: True)
    terminal.write_result(b"one\ntwo \x1b[31m\xff\n")
    shown = capsys.readouterr().out
    assert shown.splitlines()[0] == "one"
    assert "\x1b" not in shown


def test_without_stdout_a_result_is_dropped(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    terminal.print_result("x")
    assert not terminal.stdout_is_terminal()


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_a_stream_that_is_missing_is_not_a_terminal(monkeypatch, name):
    ask = {
        "stdin": terminal.is_interactive,
        "stdout": terminal.stdout_is_terminal,
        "stderr": terminal.stderr_is_terminal,
    }[name]
    monkeypatch.setattr(sys, name, None)
    assert not ask()


def test_what_the_user_types_is_read_line_by_line_and_an_unfinished_one_is_dropped(stdin):
    stdin("one\ntwö\nunfinished".encode())

    async def story():
        return [line async for line in terminal.read_lines()]

    assert asyncio.run(story()) == ["one", "twö"]


def test_piped_input_is_read_to_its_end(stdin):
    stdin(b"one\ntwo")
    assert asyncio.run(terminal.read_stdin()) == b"one\ntwo"


def test_json_is_spoken_from_then_on(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_format", TextLines())
    assert not terminal.uses_json_lines()
    terminal.use_json_lines()
    assert terminal.uses_json_lines()
    terminal.set_server("acme")
    terminal.report_error(ConfigError("x"))
    assert '"server": "acme"' in capsys.readouterr().err


def test_an_unclear_error_leads_to_the_examination_of_the_server(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_format", TextLines())
    monkeypatch.setattr(terminal, "_doctor", "")
    terminal.report_error(unclear(ConfigError("x", "look")))
    terminal.set_server("acme", "mcp-auth-bridge doctor acme")
    terminal.report_error(terminal.complete_hint(unclear(ConfigError("x", "look"))))
    terminal.report_error(ConfigError("x", "look"))
    hints = [line.partition("hint: ")[2] for line in capsys.readouterr().err.splitlines() if "hint" in line]
    assert hints == ["look", "look; to find the cause, run: mcp-auth-bridge doctor acme", "look"]


def test_a_fault_is_reported_by_class_and_place_and_returned_as_an_error(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_format", TextLines())
    error = terminal.report_fault(ValueError("canary"))
    assert error.message == "a fault of the bridge itself (ValueError)"
    said = capsys.readouterr().err
    assert error.message in said
    assert "canary" not in said


def test_the_end_of_the_process_flushes_and_waits_for_no_thread(monkeypatch):
    def left(code):
        raise Left(code)

    monkeypatch.setattr(os, "_exit", left)
    monkeypatch.setattr(sys, "stdout", None)  # it was closed before the process began
    with pytest.raises(Left, match="7"):
        terminal.exit_now(7)


def test_all_that_is_said_is_in_the_log_file_when_the_process_ends(monkeypatch, tmp_path):
    def left(code):
        raise Left(code)

    monkeypatch.setattr(os, "_exit", left)
    monkeypatch.setattr(terminal, "_log", None)
    terminal.log_event("info", "session.opened", {})
    terminal.keep_log(tmp_path / "log")
    terminal.set_server("acme")
    terminal.say("said")
    terminal.report_error(ConfigError("wrong"))
    terminal.log_event("info", "session.closed", {})
    terminal.set_server("")
    with pytest.raises(Left, match="7"):
        terminal.exit_now(7)
    (file,) = (tmp_path / "log").iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line.get("message") or line["event"] for line in lines] == ["said", "wrong", "session.closed"]
    assert {line["server"] for line in lines} == {"acme"}


def test_a_stream_that_is_not_a_terminal_has_no_width():
    assert terminal.stdout_width() == 0


def test_every_word_to_people_passes_the_one_format(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_format", TextLines())
    terminal.say("said")
    terminal.print_url("https://as.example/")
    terminal.pass_on("passed on\n")
    terminal.write_event("mcp", {"status": 200})
    text = capsys.readouterr().err
    assert [text.index(word) for word in ("said", "https://as.example/", "passed on", "mcp status=200")] == sorted(
        text.index(word) for word in ("said", "https://as.example/", "passed on", "mcp status=200")
    )
