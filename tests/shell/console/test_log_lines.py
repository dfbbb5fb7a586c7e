"""The lines of the log file: as on stderr for programs, without the secrets of a URL and the address of a login."""

import json
import re

import pytest

from mcp_auth_bridge.errors import UpstreamFailed
from mcp_auth_bridge.shell.console import debug_log, terminal
from mcp_auth_bridge.shell.console.log_lines import LogLines

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
KEY = "Cnry8PathOfAUrl97Us"


@pytest.fixture
def said(monkeypatch, tmp_path):
    """Begins a log; a call returns its lines so far, decoded."""
    log = LogLines(tmp_path / "log")
    monkeypatch.setattr(terminal, "_log", log)
    monkeypatch.setattr(terminal, "_doctor", "")  # another test may have chosen a server

    def read():
        log._file.flush(60)
        lines = [json.loads(line) for path in (tmp_path / "log").iterdir() for line in path.read_text().splitlines()]
        assert all(TIME.fullmatch(line.pop("time")) for line in lines)
        return lines

    return read


def test_messages_and_errors_are_in_the_file_too(said, capsys):
    terminal.set_server("grafana")
    terminal.say("version 1 relays to grafana")
    terminal.report_error(UpstreamFailed("it is busy", "wait", status=503))
    assert said() == [
        {"level": "info", "server": "grafana", "message": "version 1 relays to grafana"},
        {
            "level": "error",
            "server": "grafana",
            "message": "it is busy",
            "exit_code": 7,
            "rpc_code": -32013,
            "code": "upstream_http",
            "sent": "yes",
            "retry_safe": False,
            "action": "wait",
            "status": 503,
        },
    ]
    assert "it is busy" in capsys.readouterr().err


def test_a_secret_in_a_url_is_on_stderr_only(said, capsys):
    error = UpstreamFailed(f"https://x/s/{KEY}/mcp is away", f"run: login https://x/s/{KEY}/mcp", status=503)
    error.facts |= {"servers": [f"https://me:{KEY}@x/?key={KEY}"], "more": {"about": f"/{KEY}/mcp"}}
    terminal.report_error(error)
    (line,) = said()
    assert KEY not in json.dumps(line)
    assert (line["message"], line["action"]) == ("https://x/s/…/mcp is away", "run: login https://x/s/…/mcp")
    assert (line["servers"], line["more"]) == (["https://…@x/"], {"about": "/…/mcp"})
    assert KEY in capsys.readouterr().err


def test_the_address_of_a_login_is_not_in_the_file(said):
    terminal.print_url("http://127.0.0.1:1/x")
    assert said() == [{"level": "info", "message": "the address of a login was shown"}]


def test_a_lone_surrogate_is_written_as_a_question_mark(said):
    terminal.say("no \udcff here")
    assert said()[0]["message"] == "no ? here"


def test_a_long_message_is_cut(said):
    terminal.say("word " * 1000)
    assert len(said()[0]["message"]) == 1001


def test_marked_events_are_in_the_file_and_not_on_stderr(said, capsys):
    debug_log.event("session.opened")
    debug_log.event("relay.waits", what="a timer")
    with debug_log.timed("mcp") as line:
        line.add(status=200)
    assert said() == [{"level": "info", "event": "session.opened"}]
    assert capsys.readouterr().err == ""


def test_with_the_debug_log_all_events_are_in_both(said, capsys, monkeypatch):
    monkeypatch.setattr(debug_log, "on", True)
    debug_log.event("session.opened")
    debug_log.event("relay.waits", what="a timer")
    assert [(line["level"], line["event"]) for line in said()] == [("info", "session.opened"), ("debug", "relay.waits")]
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_lines_of_another_process_of_the_bridge_keep_their_time(said, monkeypatch, tmp_path):
    terminal.set_server("grafana")
    passed = {"time": "2026-01-01T00:00:00.000Z", "level": "debug", "event": "oauth", "ms": 3, "url": f"/{KEY}"}
    terminal.pass_on(json.dumps(passed) + f"\nFatal Python error {KEY}\n")
    assert said() == [
        {"level": "debug", "server": "grafana", "event": "oauth", "ms": 3, "url": "/…"},
        {"level": "info", "server": "grafana", "message": "Fatal Python error …"},
    ]


def test_dropped_lines_are_counted_in_the_file(said):
    log = terminal._log
    log._file._dropped = 2
    terminal.say("after")
    assert [line["message"] for line in said()] == [
        "2 lines are missing here, because they could not be written",
        "after",
    ]


def test_the_last_lines_are_written_before_the_process_ends(said, tmp_path):
    terminal.say("the last")
    terminal._log.close()
    (file,) = (tmp_path / "log").iterdir()
    assert "the last" in file.read_text()


def test_a_log_is_kept_in_the_folder_that_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(terminal, "_log", None)
    terminal.keep_log(tmp_path / "log")
    terminal.say("here")
    terminal._log.close()
    assert "here" in next((tmp_path / "log").iterdir()).read_text()


def test_without_a_log_an_event_for_it_is_dropped(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_log", None)
    debug_log.event("session.opened")
    assert capsys.readouterr().err == ""
