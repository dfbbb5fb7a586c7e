"""Stderr for programs: each message is one JSON object on one line, and an error has its codes and facts."""

import json
import os
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.errors import ConfigError, UpstreamFailed, WrongAudience
from mcp_auth_bridge.shell.console import debug_log, terminal
from mcp_auth_bridge.shell.console.line_format import JsonLines, TextLines

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def said(monkeypatch, capsys):
    """A call returns the lines written since the last one, decoded."""
    monkeypatch.setattr(terminal, "_format", JsonLines())
    monkeypatch.setattr(terminal, "_doctor", "")  # another test may have chosen a server

    def lines():
        decoded = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        assert all(TIME.fullmatch(line.pop("time")) for line in decoded)
        return decoded

    return lines


def test_an_error_has_its_codes_and_facts(said):
    error = WrongAudience("acme refused it", "get another", facts={"status": 401, "audience_found": ["a"]})
    terminal.report_error(error)
    assert said() == [
        {
            "level": "error",
            "message": "acme refused it",
            "code": "wrong_audience",
            "exit_code": 12,
            "rpc_code": -32010,
            "sent": "no",
            "retry_safe": True,
            "action": "get another",
            "status": 401,
            "audience_found": ["a"],
        }
    ]


def test_an_error_has_the_status_and_retry_after_of_the_response(said):
    terminal.report_error(UpstreamFailed("busy", status=503, retry_after=1.5))
    (line,) = said()
    assert (line["status"], line["retry_after_ms"]) == (503, 1500)


def test_a_message_and_a_url_are_json_objects(said):
    terminal.say("signed in")
    terminal.print_url("https://as.example/authorize?x=1")
    assert said() == [
        {"level": "info", "message": "signed in"},
        {"level": "info", "message": "open this address in a browser", "url": "https://as.example/authorize?x=1"},
    ]


def test_an_event_of_the_debug_log_is_an_object_with_its_fields(said, monkeypatch):
    monkeypatch.setattr(debug_log, "on", True)
    debug_log.event("mcp", verb="POST", path="/mcp", status=200, ms=3, again=True, error="")
    assert said() == [
        {"level": "debug", "event": "mcp", "verb": "POST", "path": "/mcp", "status": 200, "ms": 3, "again": True}
    ]


def test_each_line_names_its_server(said):
    terminal.set_server("grafana")
    terminal.say("x")
    terminal.report_error(ConfigError("y"))
    assert [line["server"] for line in said()] == ["grafana", "grafana"]


@given(st.text())
def test_any_message_is_one_line_of_json(text):
    line = JsonLines()._line("info", {"message": text})
    assert json.loads(line)["message"] == text
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1


def test_a_file_name_with_a_lone_surrogate_is_written(said):
    terminal.say("no \udcff here")
    assert said()[0]["message"] == "no \udcff here"


def test_text_lines_hold_neither_the_server_nor_codes(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_format", TextLines())
    terminal.set_server("grafana")
    terminal.report_error(ConfigError("it is wrong", "correct it"))
    assert capsys.readouterr().err == "mcp-auth-bridge: it is wrong\nmcp-auth-bridge: hint: correct it\n"


COMMAND_LINES = {
    "an unknown option": ["run", "--log-format", "json", "a", "--bad"],
    "an unknown command": ["--log-format=json", "lgoin"],
    "an unknown server": ["run", "unknown", "--log-format", "json"],
    "with the debug log": ["--debug", "run", "unknown", "--log-format", "json"],
    "headless": ["run", "--headless", "--log-format", "json", "unknown"],
}


@pytest.mark.parametrize("arguments", COMMAND_LINES.values(), ids=COMMAND_LINES)
def test_a_wrong_command_line_is_reported_in_the_format_that_it_names(tmp_path, arguments):
    done = subprocess.run(
        [sys.executable, "-m", "mcp_auth_bridge", *arguments],
        env={**os.environ, "MCP_AUTH_BRIDGE_HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    *_, last = [json.loads(line) for line in done.stderr.splitlines()]
    assert (last["code"], last["exit_code"], done.returncode) == ("config", 2, 2)
