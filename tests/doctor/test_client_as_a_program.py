"""The installed program, its own entry in the files of real clients, and a server on this machine."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from commanding import context_of
from peers.far import Far
from pooling import story
from program import command
from stored_login import BROWSER, log_in

from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.files.paths import HOME_VARIABLE

BRIDGE = str(Path(sys.executable).with_name("mcp-auth-bridge"))


@pytest.fixture
def home(tmp_path):
    (tmp_path / "project").mkdir()
    return tmp_path


def write(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))


async def doctor(home, *words, **more):
    environ = {"HOME": str(home), "PATH": f"{Path(BRIDGE).parent}:{os.defpath}", "COLUMNS": "100", **more}
    process = await asyncio.create_subprocess_exec(
        *(command(), "doctor", *words),
        cwd=home / "project",
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, errors = await process.communicate()
    assert b"Traceback" not in told + errors
    text = " ".join(told.decode().split())
    return text.partition(" the client ")[2]


def files(home):
    return {str(path) for path in home.rglob("*") if path.is_file()}


@story
async def test_each_entry_is_found_and_started_as_its_client_does_it(home):
    async with Far() as far:
        entry = {"command": BRIDGE, "args": ["run", far.url]}
        write(home / ".cursor/mcp.json", {"mcpServers": {"mine": entry}})
        write(home / ".codex/config.toml", f'[mcp_servers.mine]\ncommand = "{BRIDGE}"\nargs = ["run", "{far.url}"]\n')
        write(home / ".config/Code/User/mcp.json", f"// mine\n{json.dumps({'servers': {'mine': entry}})}")
        write(home / ".config/opencode/opencode.json", {"mcp": {"mine": {"command": [BRIDGE, "run", far.url]}}})
        write(home / "project/.mcp.json", {"mcpServers": {"mine": entry}})
        told = await doctor(home, far.url)
        asked = [seen["params"]["clientInfo"]["name"] for seen in far.seen if seen_from_a_client(seen)]
    assert "ok entries Claude Code and Cursor and VS Code and Codex and Copilot CLI and opencode start" in told
    for client in ("Cursor", "VS Code", "Codex", "opencode"):
        assert f"{client} “mine”: a reply to initialize after " in told
    assert "Claude Code “mine”: not started: its file belongs to a project" in told
    assert {*asked} >= {"cursor-vscode", "Visual Studio Code", "codex-mcp-client", "opencode"}


def seen_from_a_client(seen):
    return isinstance(seen, dict) and seen.get("method") == "initialize"


@story
async def test_the_verdict_names_the_entry_that_works_only_in_the_terminal(home):
    write(home / ".codex/config.toml", '[mcp_servers.mine]\ncommand = "mcp-auth-bridge"\nargs = ["run", "acme"]\n')
    async with Far() as far:
        config = home / ".config/mcp-auth-bridge/config.toml"
        write(config, f'[servers.acme]\nurl = "{far.url}"\nauth = {{ kind = "bearer", token = "env:ACME_TOKEN" }}\n')
        told = await doctor(home, "acme", ACME_TOKEN="canary-canary")
    assert "warn entries Codex does not pass on ACME_TOKEN, which the bridge reads" in told
    assert "fail start the bridge works in this terminal, but not as Codex starts it: the token of acme should" in told
    assert (
        "fault: the IDE Codex does not pass ACME_TOKEN on to the bridge, so the bridge works in your terminal," in told
    )
    assert "canary" not in told


@story
async def test_a_start_opens_no_browser_and_leaves_no_login(home):
    async with Far() as far:
        write(home / ".cursor/mcp.json", {"mcpServers": {"mine": {"command": BRIDGE, "args": ["run", far.url]}}})
        before = files(home)
        await doctor(home, far.url)
    assert {path for path in files(home) - before if "/records/" in path} == set()


@story
async def test_a_start_uses_the_stored_login_and_leaves_it_as_it_is(home):
    async with Far() as far:
        context = context_of(home, far.url, BROWSER)
        store = context.config.store
        text = f'[store]\nkind = "key_file"\npath = "{store.path}"\n[servers.acme]\nurl = "{far.url}"\n'
        config = home / "config.toml"
        config.write_text(text)
        log_in(context, "acme", refresh=Secret("canary-refresh"), access=Secret("canary-access"))
        words = ["run", "acme", "--config", str(config)]
        entry = {"command": BRIDGE, "args": words, "env": {HOME_VARIABLE: str(home)}}
        write(home / ".claude.json", {"mcpServers": {"mine": entry}})
        before = {path: path.read_bytes() for path in (home / "records").iterdir()}
        told = await doctor(home, "acme", "--config", str(config), **{HOME_VARIABLE: str(home)})
        after = {path: path.read_bytes() for path in (home / "records").iterdir()}
        starts = [seen for seen in far.seen if seen_from_a_client(seen)]
    assert "Claude Code “mine”: a reply to initialize after " in told
    assert "claude-code" in [seen["params"]["clientInfo"]["name"] for seen in starts]
    assert before == after
    assert "canary" not in told
