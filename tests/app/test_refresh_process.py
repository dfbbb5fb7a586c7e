"""The process that spends a refresh token: what it does with its task, and what it reports."""

import asyncio
import subprocess
import sys

import pytest
from expired_login import headers, logged_in, renewed, story
from faults.bridge import environment, stored_login
from faults.server import plain
from processes import refreshing

from mcp_auth_bridge.errors import (
    LoginRequired,
    Sent,
    UpstreamFailed,
)
from mcp_auth_bridge.secret import Secret


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
async def test_an_error_of_the_authorization_server_is_reported_as_by_this_process(folder):
    async with logged_in(folder, [plain(b'{"error":"invalid_client"}', 401)]):
        with pytest.raises(UpstreamFailed, match="invalid_client") as refused:
            await headers(folder)
        assert (refused.value.sent, refused.value.status) == (Sent.NO, 401)
        assert (await stored_login(folder)).strikes.count == 1


@story
async def test_a_grant_that_has_ended_is_ended_in_the_store(folder):
    async with logged_in(folder, [plain(b'{"error":"invalid_grant"}', 400)]):
        with pytest.raises(LoginRequired, match="invalid_grant"):
            await headers(folder)
        assert (await stored_login(folder)).ended == "invalid_grant"


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
