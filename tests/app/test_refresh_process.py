"""The process that spends a refresh token: what it is told and tells, what it is started with, and who can end it."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from faults.bridge import bridge_in, environment, home, save_login, started, stored_login
from faults.server import FaultServer, plain
from processes import open_files, refreshing

from mcp_auth_bridge.app import outliving_redemption
from mcp_auth_bridge.app.refresh_task import ErrorMessage, decode_error, encode_error
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.credentials.base import Target
from mcp_auth_bridge.errors import (
    BridgeError,
    GrantEnded,
    LoginRequired,
    OAuthRefused,
    OutcomeUnknown,
    Overdue,
    Sent,
    UpstreamFailed,
)
from mcp_auth_bridge.secret import Secret

TOKENS = {"access_token": "new", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "newer"}


def renewed(**changes):
    return plain(json.dumps({**TOKENS, **changes}).encode())


@contextlib.asynccontextmanager
async def logged_in(folder, *scripts):
    """A server, and a home with an expired login to it; `scripts` are the answers to token requests."""
    async with FaultServer() as server:
        home(folder, server.url, auth='{ kind = "browser" }')
        server.on("POST", *scripts)
        await save_login(folder, f"http://127.0.0.1:{server.port}", "c", Secret("spent"), Secret("fresh"), lifetime=0)
        yield server


async def headers(folder):
    bridge = bridge_in(folder)
    return await bridge.credentials.headers(Target("POST", bridge.profile.url))


def story(test):
    def run(tmp_path):
        asyncio.run(test(tmp_path))

    return run


def started_by(monkeypatch, folder, interpreter):
    """The headers that a bridge has whose processes are started by another `interpreter`."""

    async def told():
        async with logged_in(folder, [renewed()]):
            monkeypatch.setattr(sys, "executable", interpreter)
            return await headers(folder)

    return asyncio.run(told())


@pytest.mark.parametrize(
    "error",
    [
        GrantEnded("over", error="invalid_grant"),
        OAuthRefused("no", "a hint", error="invalid_client", status=401),
        UpstreamFailed("no", status=503, retry_after=2.5),
        UpstreamFailed("slow", status=429),
        Overdue("late", "try again"),
        LoginRequired("a login is needed", "run: mcp-auth-bridge login"),
    ],
)
def test_an_error_is_the_same_one_in_the_other_process(error):
    error.facts["host"] = "as.example"
    again = decode_error(encode_error(error))
    assert type(again) is type(error)
    assert str(again) == error.message
    assert (vars(again), again.sent, again.exit_code) == (
        {**vars(error), "sent": error.sent},
        error.sent,
        error.exit_code,
    )


def test_an_error_of_a_kind_that_nobody_knows_is_one_of_the_bridge():
    said = ErrorMessage("Odd", {"message": "odd", "hint": "", "facts": {}, "sent": "no"})
    assert type(decode_error(said)) is BridgeError


@story
async def test_a_refresh_is_done_by_another_process_and_its_login_is_used(folder):
    seen = []

    async def look(*_):
        seen.extend(refreshing(folder))

    async with logged_in(folder, [look, renewed()]) as server:
        assert await headers(folder) == {"authorization": "Bearer new"}
        assert (len(server.sent("POST")), len(seen)) == (1, 1)
        stored = await stored_login(folder)
        assert (stored.refresh, stored.in_doubt) == (Secret("newer"), False)


@story
async def test_an_error_of_the_authorization_server_is_told_as_if_this_process_had_met_it(folder):
    async with logged_in(folder, [plain(b'{"error":"invalid_client"}', 401)]):
        with pytest.raises(UpstreamFailed, match="invalid_client") as refused:
            await headers(folder)
        assert (refused.value.sent, refused.value.status) == (Sent.NO, 401)
        assert (await stored_login(folder)).strikes.count == 1


@story
async def test_a_grant_that_is_over_is_over_for_everybody(folder):
    async with logged_in(folder, [plain(b'{"error":"invalid_grant"}', 400)]):
        with pytest.raises(LoginRequired, match="invalid_grant"):
            await headers(folder)
        assert (await stored_login(folder)).ended == "invalid_grant"


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


def test_a_variable_that_is_no_text_costs_no_refresh(tmp_path, monkeypatch):
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


def test_a_task_that_was_cut_off_is_not_begun(tmp_path):
    words = [sys.executable, "-P", "-m", "mcp_auth_bridge.app.refresh_process"]
    ended = subprocess.run(words, input=b'{"server":"far"', capture_output=True, env=environment(tmp_path), check=False)
    assert (ended.stdout, ended.stderr) == (b"", b"")


@story
async def test_the_debug_log_has_what_the_process_did(folder):
    async with logged_in(folder, [renewed()]):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "mcp_auth_bridge", "token", "far", "--debug"),
            env=environment(folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert out == b"new\n"
        assert b"oauth verb=POST" in err
        assert b"newer" not in err
