"""How the bridge starts the process that refreshes for it, and what it does where there is none."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from expired_login import headers, logged_in, renewed, started_by, story
from faults.bridge import started, stored_login
from processes import open_files, refreshing

from mcp_auth_bridge.app import outliving_redemption
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.errors import (
    BridgeError,
    OutcomeUnknown,
    Sent,
)


@pytest.mark.parametrize("interpreter", ["/nothing/here", "/bin/false"])
def test_where_no_process_can_be_started_the_bridge_does_it_itself(tmp_path, monkeypatch, interpreter):
    assert started_by(monkeypatch, tmp_path, interpreter) == {"authorization": "Bearer new"}


@story
async def test_a_process_that_is_killed_in_the_middle_leaves_the_outcome_open(folder):
    async def killed(*_):
        for pid in refreshing(folder):
            os.kill(pid, signal.SIGKILL)

    async with logged_in(folder, [killed]):
        with pytest.raises(BridgeError, match="ended without reporting an outcome") as lost:
            await headers(folder)
        assert (lost.value.sent, lost.value.exit_code) == (Sent.NO, OutcomeUnknown.exit_code)
        assert (await stored_login(folder)).in_doubt


def clients_pipes(client):
    """The pipes between `client` and its bridge."""
    ends = [client.process._transport.get_pipe_transport(fd).get_extra_info("pipe") for fd in range(3)]
    return {str(Path(f"/proc/self/fd/{end.fileno()}").readlink()) for end in ends}


def looked_at(pid):
    process = Path(f"/proc/{pid}")
    parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return (
        (process / "cmdline").read_bytes(),
        (process / "environ").read_bytes(),
        os.getsid(pid),
        parent,
        open_files(pid),
    )


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="/proc tells what a process was started with")
@story
async def test_nothing_secret_is_in_the_arguments_or_the_environment_of_the_process_and_no_pipe_is_a_clients(folder):
    seen = []

    async def look(*_):
        seen.extend(looked_at(*refreshing(folder)))

    async with logged_in(folder, [look, renewed()]), started(folder) as client:
        await client.initialize()
        await client.call(1)
        await client.answer(1)
        words, variables, session, parent, files = seen
        assert words.split(b"\0")[1:-1] == [b"-P", b"-m", b"mcp_auth_bridge.app.refresh_process"]
        names = {entry.partition(b"=")[0].decode() for entry in variables.split(b"\0") if entry}
        assert names <= {*outliving_redemption._INHERITED, "LC_CTYPE"}
        assert session not in (os.getsid(0), os.getsid(client.process.pid))
        assert parent != client.process.pid
        assert not clients_pipes(client) & files


def test_a_variable_that_is_not_text_costs_no_refresh(tmp_path, monkeypatch):
    monkeypatch.setenv("ODD", os.fsdecode(b"a\xffb"))
    assert started_by(monkeypatch, tmp_path, sys.executable) == {"authorization": "Bearer new"}


def test_where_no_thread_can_be_started_the_bridge_does_it_itself(tmp_path, monkeypatch):
    def start(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    monkeypatch.setattr(StoreAccess, "_run", run_at_once)
    assert started_by(monkeypatch, tmp_path, sys.executable) == {"authorization": "Bearer new"}


async def run_at_once(_, function):
    function()
