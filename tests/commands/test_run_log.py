"""The log file of `run`: what happened to a user, for those whose IDE shows stderr to no one."""

import asyncio
import json
import os
import subprocess

import pytest
from faults.bridge import argv, environment, home, save_login, started
from peers.far import Far, status
from program import command
from stress.strict import Strict


def logged(folder):
    """The lines of all log files in `folder`, decoded."""
    return [json.loads(line) for path in sorted((folder / "log").iterdir()) for line in path.read_text().splitlines()]


def events(lines):
    return [line["event"] for line in lines if "event" in line]


def test_a_run_logs_its_start_its_session_and_its_refusals(tmp_path):
    async def story():
        async with Far() as far:
            far.replies["tools/call"] = lambda _: status(403, body=b"not you")
            home(tmp_path, far.url)
            async with started(tmp_path) as client:
                await client.initialize()
                await client.call(1)
                assert "error" in await client.answer(1)
                assert await client.close() == 0
                return client

    client = asyncio.run(story())
    (file,) = (tmp_path / "log").iterdir()
    assert file.name.endswith(f"-{client.process.pid}.jsonl")
    if os.name != "nt":
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    lines = [line for line in logged(tmp_path) if line["level"] != "debug"]  # `--canaries` turns it on
    assert events(lines)[:2] == ["started", "relay.starts"]
    assert {"session.opened", "session.closed", "relay.fails"} <= {*events(lines)}
    start = lines[1]
    assert (start["server"], start["profile"], start["store"], start["level"]) == ("far", "far", "key_file", "info")
    assert start["config"].endswith("config.toml")
    assert any(" relays to far" in line.get("message", "") for line in lines)


def test_a_refresh_and_the_need_for_a_login_are_logged_without_their_tokens(tmp_path):
    async def story():
        async with Strict(lambda: 0) as server:
            home(tmp_path, server.url, auth='{ kind = "browser" }')
            client_id, tokens = server.login()
            await save_login(tmp_path, server.grants.issuer, client_id, tokens.access, tokens.refresh, lifetime=3600)
            async with started(tmp_path) as client:
                await client.initialize()
                server.expire()
                await client.call(1)
                assert "result" in await client.answer(1)
                server.grants._refresh.clear()
                server.expire()
                await client.call(2)
                await client.answer(2)
            return [tokens.access.reveal(), tokens.refresh.reveal(), server.current or "demo-"]

    secrets = asyncio.run(story())
    lines = logged(tmp_path)
    outcomes = [line["outcome"] for line in lines if line.get("event") == "credentials"]
    assert [outcome for outcome in outcomes if outcome != "same"][:2] == ["cached", "renewed"]
    assert "given up" in outcomes
    assert any("a login to far is needed" in json.dumps(line) for line in lines)
    assert not any(secret in json.dumps(lines) for secret in secrets)


def test_with_debug_the_process_that_refreshes_is_heard_in_the_log_too(tmp_path):
    async def story():
        async with Strict(lambda: 0) as server:
            home(tmp_path, server.url, auth='{ kind = "browser" }')
            client_id, tokens = server.login()
            await save_login(tmp_path, server.grants.issuer, client_id, tokens.access, tokens.refresh, lifetime=3600)
            server.expire()
            by = ("env", "MCP_AUTH_BRIDGE_DEBUG=1")
            async with started(tmp_path, by=by) as client:
                await client.initialize()
                await client.call(1)
                assert "result" in await client.answer(1)
                await client.close()
            return client.stderr.decode()

    stderr = asyncio.run(story())
    lines = logged(tmp_path)
    assert [line["command"] for line in lines if line.get("event") == "started"] == ["run", "refresh"]
    assert any(line.get("event") == "oauth" and line.get("verb") == "POST" for line in lines)
    # `--canaries` hides it.
    assert "oauth verb=POST" in stderr or "MCP_AUTH_BRIDGE_COMMAND" in os.environ


def test_where_no_log_can_be_written_a_bridge_works_and_says_nothing_about_it(tmp_path):
    async def story():
        async with Far() as far:
            home(tmp_path, far.url)
            (tmp_path / "log").write_text("in the way")
            async with started(tmp_path) as client:
                await client.initialize()
                await client.call(1)
                assert "result" in await client.answer(1)
                return await client.close(), client.stderr

    assert asyncio.run(story()) == (0, b"")


def test_a_run_that_fails_at_once_logs_why(tmp_path):
    home(tmp_path, "https://mcp.example/mcp")
    subprocess.run(argv("unknown"), env=environment(tmp_path), stdin=subprocess.DEVNULL, check=False)
    *_, last = logged(tmp_path)
    assert (last["level"], last["code"], last["exit_code"]) == ("error", "config", 2)


@pytest.mark.parametrize("arguments", [["status"], ["token", "far"], ["logout", "far"]])
def test_other_commands_keep_no_log(tmp_path, arguments):
    home(tmp_path, "https://mcp.example/mcp")
    asked = [command(), *arguments]
    subprocess.run(asked, env=environment(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert not (tmp_path / "log").exists()
