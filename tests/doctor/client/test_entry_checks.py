"""The checks of the clients, with files in a home folder and servers on this machine."""

import json
import sys

import anyio
import msgspec
import pytest
from commanding import context_of
from entries import executable
from stored_login import log_in

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor.client import entry_checks, files, starts, trial_start
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.symptoms import Symptom

URL = "http://127.0.0.1:9/mcp"  # no server listens at the port `discard`
SERVES = f"""#!{sys.executable}
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        reply = {{"jsonrpc": "2.0", "id": message["id"], "result": {{"tools": [{{"name": "a"}}]}}}}
        print(json.dumps(reply), flush=True)
"""
SILENT = f"#!{sys.executable}\nimport time\ntime.sleep(600)\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A home folder, in which the current folder is an empty project."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return tmp_path


@pytest.fixture
def bridge(place):
    return executable(place / "bin", text=SERVES)


def evidence(place, auth='{ kind = "none" }', before=lambda context: None):
    environ = {"HOME": str(place), "PATH": f"{place / 'bin'}:/usr/bin:/bin"}
    context = context_of(place, URL, auth, environ)
    before(context)
    return Evidence(Subject(context, Bridge(context.config.profiles["acme"], context)))


def look(check, gathered):
    return anyio.run(check, gathered)


def write(place, **commands):
    """The files of clients, each with one entry for the server."""
    paths = {
        "cursor": ".cursor/mcp.json",
        "claude": ".claude.json",
        "cline": ".cline/data/settings/cline_mcp_settings.json",
    }
    for name, command in commands.items():
        path = place / paths[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        words = command if isinstance(command, list) else [command, "run", "acme"]
        path.write_text(json.dumps({"mcpServers": {"mine": {"command": words[0], "args": words[1:]}}}))


def signs(finding):
    return [each.symptom for each in finding.signs]


def test_the_clients_that_start_the_bridge_are_named(place, bridge):
    write(place, claude=bridge)
    finding = look(entry_checks.entries, evidence(place))
    assert (finding.outcome, finding.says) == (Outcome.OK, "Claude Code starts the bridge")
    assert finding.details == (f"Claude Code: “mine” in {place}/.claude.json",)
    write(place, claude=bridge, cursor=bridge)
    assert look(entry_checks.entries, evidence(place)).says == "Claude Code and Cursor start the bridge"


def test_an_entry_that_install_cannot_write_is_only_shown(place):
    context = context_of(place, URL, '{ kind = "none" }', {"HOME": str(place), "PATH": "/usr/bin:/bin"})
    profile = msgspec.structs.replace(context.config.profiles["acme"], auth_argument="kind = 'none'")
    finding = look(entry_checks.entries, Evidence(Subject(context, Bridge(profile, context))))
    assert finding.hint.startswith('to use it in a client, add to "mcpServers" in its configuration: "acme": ')
    assert "install" not in finding.hint


def test_without_an_entry_the_one_to_add_is_shown(place):
    write(place, cursor=["npx", "mcp-remote", URL])
    (place / ".kiro/settings").mkdir(parents=True)
    (place / ".kiro/settings/mcp.json").write_text("{")
    finding = look(entry_checks.entries, evidence(place))
    assert (finding.outcome, finding.says) == (
        Outcome.SKIP,
        "no client that is known here starts the bridge for this server",
    )
    shown, _, command = finding.hint.partition("; or run: ")
    assert command == "mcp-auth-bridge install CLIENT acme"
    entry = json.loads(shown.partition('"acme": ')[2])
    assert entry["args"][-2:] == ["run", "acme"]
    assert finding.details[0] == f"Cursor uses mcp-remote for this server: “mine” in {place}/.cursor/mcp.json"
    assert finding.details[1].startswith(f"Kiro: {place}/.kiro/settings/mcp.json was not read: line 1: ")


def test_a_home_folder_that_does_not_answer_is_skipped(place, monkeypatch):
    monkeypatch.setattr(files, "_TIMEOUT", 0.0)
    finding = look(entry_checks.entries, evidence(place))
    assert (finding.outcome, finding.says) == (Outcome.SKIP, "the clients' files could not be read in time")


def test_the_worst_problem_is_the_finding_and_the_others_are_details(place, bridge):
    write(place, claude="/old/mcp-auth-bridge", cursor="mcp-auth-bridge")
    finding = look(entry_checks.entries, evidence(place))
    assert finding.outcome is Outcome.FAIL
    assert finding.says == "the entry in Claude Code starts “/old/mcp-auth-bridge”, which does not exist"
    assert signs(finding) == [Symptom.ENTRY_COMMAND_MISSING]
    assert finding.details[:2] == (
        f"Claude Code: “mine” in {place}/.claude.json",
        f"Cursor: “mine” in {place}/.cursor/mcp.json",
    )
    assert finding.details[2].startswith("Cursor may not find")


def test_a_switched_off_entry_is_marked(place):
    write(place, cursor="mcp-auth-bridge")
    path = place / ".cursor/mcp.json"
    path.write_text(path.read_text().replace('"args"', '"disabled": true, "args"'))
    finding = look(entry_checks.entries, evidence(place))
    assert finding.outcome is Outcome.WARN
    assert finding.details == (f"Cursor: “mine” in {path} (switched off)",)


def test_a_start_is_measured(place, bridge):
    write(place, claude=bridge)
    finding = look(entry_checks.start, evidence(place))
    assert finding.outcome is Outcome.OK
    assert finding.says.startswith("started as a client does, the bridge lists its tools within ")
    [detail] = finding.details
    assert detail.startswith("Claude Code “mine”: a reply to initialize after ")
    assert ", 1 tool after " in detail


def test_nothing_is_started_without_an_entry(place):
    assert look(entry_checks.start, evidence(place)).says == "there is no entry to start"


def test_an_entry_that_does_not_work_says_its_own_reason(place):
    words = "echo mcp-auth-bridge: there is no server of that name >&2\nexit 2\n"
    write(place, claude=executable(place / "bin", text=f"#!/bin/sh\n{words}"))
    finding = look(entry_checks.start, evidence(place))
    assert finding.outcome is Outcome.FAIL
    assert finding.says == (
        "started as Claude Code does, it ended with status 2, saying “there is no server of that name”"
    )
    assert signs(finding) == [Symptom.ENTRY_FAILS]


def test_a_login_that_is_due_is_not_renewed_by_a_start(place, bridge):
    write(place, claude=bridge)
    due = evidence(place, '{ kind = "browser" }', lambda context: log_in(context, "acme", expires_at=1.0))
    finding = look(entry_checks.start, due)
    assert finding.outcome is Outcome.SKIP
    assert finding.says == (
        "no entry was started to its end: not started: the login is about to be renewed, and a start would do that"
    )


@pytest.fixture
def impatient(monkeypatch):
    """Programs that say nothing are ended at once."""
    real = trial_start.try_start

    async def try_start(start, of, hidden):
        return await real(start, of, hidden, limit=0.3)

    monkeypatch.setattr(starts, "try_start", try_start)
    monkeypatch.setattr(trial_start, "_ENDING", 0.05)


def test_a_bridge_that_waits_for_a_slow_server_is_no_fault_of_its_entry(place, impatient):
    write(place, claude=executable(place / "bin", text=SILENT))
    finding = look(entry_checks.start, evidence(place))
    assert finding.outcome is Outcome.SKIP
    assert finding.details == ("Claude Code “mine”: no reply to initialize within 7 seconds",)


@pytest.fixture
def ended(monkeypatch):
    """Starts that end as the test says."""

    def end(trial):
        async def try_start(start, of, hidden):
            return trial

        monkeypatch.setattr(starts, "try_start", try_start)

    return end


def test_a_bridge_that_lists_nothing_in_time_is_no_fault_either(place, ended):
    ended(trial_start.Trial(greeted=0.2, silent=True))
    write(place, claude=executable(place / "bin"))
    finding = look(entry_checks.start, evidence(place))
    assert finding.outcome is Outcome.SKIP
    assert finding.details == (
        "Claude Code “mine”: a reply to initialize after 200 ms, no list of tools within 7 seconds",
    )


def test_a_download_that_takes_too_long_is_a_slow_entry(place, impatient):
    write(place, claude=[executable(place / "bin", "uvx", SILENT), "mcp-auth-bridge", "run", "acme"])
    finding = look(entry_checks.start, evidence(place))
    assert (finding.outcome, signs(finding)) == (Outcome.WARN, [Symptom.ENTRY_SLOW])
    assert finding.says == "Claude Code has no reply from the bridge after 7.0 seconds"


def test_a_reply_later_than_the_client_waits_is_a_problem(place, ended):
    ended(trial_start.Trial(greeted=3.1, listed=3.2))
    write(place, cline=executable(place / "bin"))
    finding = look(entry_checks.start, evidence(place))
    assert (finding.outcome, signs(finding)) == (Outcome.WARN, [])
    assert finding.says == "Cline has no reply from the bridge after 3.1 seconds"
    assert finding.details == ("Cline “mine”: a reply to initialize after 3100 ms, 0 tools after 3200 ms",)


def test_a_refusal_is_a_detail_where_the_server_does_not_work_in_the_terminal_either(place, ended):
    ended(trial_start.Trial(greeted=0.1, listed=0.2, refusal="the server is away", hint="wait"))
    write(place, claude=executable(place / "bin"))
    finding = look(entry_checks.start, evidence(place))
    assert finding.outcome is Outcome.SKIP
    assert finding.details == ("Claude Code “mine”: a reply to initialize after 100 ms, but the server is away",)
    assert finding.says == f"no entry was started to its end: {finding.details[0].removeprefix('Claude Code “mine”: ')}"
