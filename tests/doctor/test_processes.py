"""The checks of other processes: a real holder of a lock, and played tables of processes."""

import os
import sys

import anyio
import pytest
from commanding import context_of
from stored_login import BROWSER

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.doctor import processes
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.processes import bridges, locks
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.shell.process.running_bridges import RunningBridge

URL = "https://mcp.acme.example/mcp"


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path, URL, BROWSER)


@pytest.fixture
def acme(context):
    return Evidence(Subject(context, Bridge(context.config.profiles["acme"], context)))


@pytest.fixture
def play(monkeypatch):
    """Plays Linux with these processes, and these holders by the position of the lock file."""

    def begin(*running, holders=((), ())):
        told = iter(holders)
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setattr(processes, "running_bridges", lambda environ: [*running])
        monkeypatch.setattr(processes, "holders", lambda file: [*next(told)])

    return begin


def running(pid, *arguments, parent="code", stopped=False):
    return RunningBridge(pid, arguments, parent, stopped)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_holder_of_a_lock_is_named_by_what_it_does(acme):
    async def story():
        free = await locks(acme)
        async with acme.bridge.login_lock(0), acme.bridge.refresh_lock():
            return free, await locks(acme)

    free, held = anyio.run(story)
    assert (free.outcome, free.says) == (Outcome.OK, "free")
    me = os.getpid()
    assert held.says == f"a login is under way in process {me}; a refresh is under way in process {me}"


def test_a_stopped_process_that_holds_a_lock_is_a_failure(acme, play):
    play(running(7, "login", "acme"), running(8, "run", "acme", stopped=True), holders=([7], [8]))
    found = anyio.run(locks, acme)
    assert (found.outcome, found.hint) == (Outcome.FAIL, "let it go on: kill -CONT 8")
    assert [(each.symptom, dict(each.facts)) for each in found.signs] == [
        (Symptom.LOCK_HELD, {"what": "a refresh", "pid": "8"})
    ]


def test_other_bridges_for_the_server_are_listed_with_the_programs_that_started_them(acme, play):
    play(
        running(os.getpid(), "run", "acme"),
        running(7, "run", "acme"),
        running(8, "run", URL, parent=""),
        running(9, "run", "other"),
        running(10, "login", "acme"),
    )
    found = anyio.run(bridges, acme)
    assert (found.outcome, found.says) == (Outcome.OK, "2 other bridges run for acme")
    assert found.details == ("process 7, started by “code”", "process 8")


def test_a_bridge_by_url_may_be_called_by_its_short_name(context, play):
    bridge = Bridge(context.config.choose(ServerChoice("https://mcp.far.example/mcp")), context)
    play(running(7, "run", "far"), running(8, "run", "acme"))
    assert (
        anyio.run(bridges, Evidence(Subject(context, bridge))).says == "1 other bridge runs for https://mcp.far.example"
    )


def test_without_a_server_all_bridges_count_and_no_lock_does(context, play):
    play(running(7, "run", "acme"))
    alone = Evidence(Subject(context))
    assert anyio.run(bridges, alone).says == "1 other bridge runs"
    assert anyio.run(locks, alone).outcome is Outcome.SKIP
    play()
    assert anyio.run(bridges, alone).says == "no other bridge runs"


def test_other_systems_show_neither(acme, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert [anyio.run(check, acme).outcome for check in (locks, bridges)] == [Outcome.SKIP, Outcome.SKIP]
