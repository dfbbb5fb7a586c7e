"""`mcp-auth-bridge login` without a server, and its output: the installed program, a terminal, real servers."""

import asyncio
import json
import os
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from commanding import context_of
from desk import CONSENT, Desk
from program import command

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.commands import next_step
from mcp_auth_bridge.demo.server import serving

QUESTION = "which server do you want to log in to?"
NOBODY = "https://nobody.example/mcp"


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@asynccontextmanager
async def servers(count):
    """That many protected servers, each with its own authorization server."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(time.time, os.urandom, 3600)) for _ in range(count)]


def test_two_servers_with_the_same_short_name_have_an_entry_each(tmp_path, capsys):
    context = context_of(tmp_path, "https://other.example/mcp")
    urls = ["https://mcp.suite.example/a", "https://mcp.suite.example/b"]
    next_step.show_ide_entries([Bridge(context.config.profile(url), context) for url in urls])
    entries = json.loads(capsys.readouterr().out)["mcpServers"]
    assert {name: entry["args"][1] for name, entry in entries.items()} == {"suite": urls[0], "suite-2": urls[1]}


def test_a_single_server_that_needs_a_login_needs_no_name(desk):
    async def story():
        async with servers(1) as (far,):
            desk.add("acme", far.resource)
            desk.write("[servers.static]", f"url = '{NOBODY}'", "auth = { kind = 'bearer', token = 'env:T' }")
            desk.write("[servers.bad]", "ulr = 1")
            done = await desk.run("login")
            assert done.returncode == 0, done.stderr
            assert "signed in to acme" in done.stderr
            (entry,) = json.loads(done.stdout)["mcpServers"].values()
            assert entry == {
                "command": command(),
                "args": ["run", "acme"],
                "env": {"MCP_AUTH_BRIDGE_HOME": str(desk.home)},
            }
            assert (await desk.states())["acme"] == "signed in"

    asyncio.run(story())


def test_a_user_chooses_one_of_several_servers_by_number_or_name(desk):
    async def story():
        async with servers(2) as (far, near):
            desk.add("acme", far.resource)
            desk.add("suite", near.resource)
            desk.write("[servers.static]", f"url = '{NOBODY}'", "auth = { kind = 'bearer', token = 'env:T' }")
            desk.write("[servers.bad]", "ulr = 1")
            code, shown = await desk.type([(QUESTION, "2\n")], "login")
            assert code == 0, shown
            assert "1  acme: not signed in\n" in shown
            assert "2  suite: not signed in\n" in shown
            assert "-  static: needs no login\n" in shown
            assert "-  bad:" in shown
            assert "signed in to suite" in shown
            assert '"args": [\n        "run",\n        "suite"' in shown
            code, shown = await desk.type([(QUESTION, "7\n"), (QUESTION, "acne\n"), (QUESTION, "acme\n")], "login")
            assert code == 0, shown
            assert "2  suite: signed in, valid for " in shown
            assert "“7” is not one of them\n" in shown
            assert "“acne” is not one of them; did you mean acme?\n" in shown
            assert set((await desk.states()).values()) == {"signed in", "static", "misconfigured"}

    asyncio.run(story())


@pytest.mark.parametrize("answer", ["\n", "\x04"])
def test_an_empty_answer_ends_without_a_login(desk, answer):
    async def story():
        for name in ("acme", "suite"):
            desk.add(name, f"https://{name}.example/mcp")
        code, shown = await desk.type([(QUESTION, answer)], "login")
        assert (code, set((await desk.states()).values())) == (0, {"signed out"})
        assert shown.endswith("no server was chosen, and nothing has changed\n")

    asyncio.run(story())


def test_without_a_terminal_the_commands_are_listed(desk):
    for name in ("acme", "suite"):
        desk.add(name, f"https://{name}.example/mcp")
    done = asyncio.run(desk.run("login"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "for acme: mcp-auth-bridge login acme\n" in done.stderr
    assert "for suite: mcp-auth-bridge login suite\n" in done.stderr
    assert "there is no terminal to ask which one" in done.stderr
    assert "mcp-auth-bridge login --all" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--all"]])
def test_without_any_server_login_explains_both_ways_to_name_one(desk, arguments):
    desk.file.unlink()
    done = asyncio.run(desk.run("login", *arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert "mcp-auth-bridge login https://" in done.stderr
    command = done.stderr.strip().rpartition("mcp-auth-bridge add ")[2]
    assert asyncio.run(desk.run("add", *command.split())).returncode == 0
    assert list(asyncio.run(desk.states())) == ["example"]


def test_all_logs_in_to_every_server_without_a_login_and_continues_after_a_failure(desk):
    async def story():
        async with servers(3) as (one, two, three):
            desk.add("one", one.resource)
            assert (await desk.run("login")).returncode == 0
            desk.add("away", "http://127.0.0.1:1/mcp")
            desk.add("two", two.resource)
            desk.write("[servers.static]", f"url = '{NOBODY}'", "auth = { kind = 'bearer', token = 'env:T' }")
            desk.add("three", three.resource)
            done = await desk.run("login", "--all")
            assert done.returncode == 6, done.stderr
            assert done.stderr.endswith(
                "mcp-auth-bridge: signed in now: two, three\n"
                "mcp-auth-bridge: signed in before: one\n"
                "mcp-auth-bridge: failed: away\n"
            )
            assert list(json.loads(done.stdout)["mcpServers"]) == ["two", "three"]
            done = await desk.run("login", "--all", "--log-format", "json")
            assert (done.returncode, done.stdout) == (6, "")
            told = [json.loads(line) for line in done.stderr.splitlines()]
            assert [(line["level"], line.get("server")) for line in told] == [
                ("error", "away"),
                ("info", None),
                ("info", None),
            ]

    asyncio.run(story())


def test_all_cannot_be_combined_with_options_for_a_single_server(desk):
    desk.add("acme", NOBODY)
    header = ["--header", "X: 1"]
    for arguments in (["--all", "acme"], ["--all", *header], header, ["--allow-http"], ["--export", "file"]):
        done = asyncio.run(desk.run("login", *arguments))
        assert (done.returncode, done.stdout) == (2, ""), arguments


def test_a_mistake_in_one_servers_configuration_affects_only_that_server(desk):
    async def story():
        async with servers(1) as (far,):
            desk.add("acme", far.resource)
            desk.write("[servers.bad]", "ulr = 1")
            for arguments in (["login", "acme"], ["tools", "acme"], ["logout", "acme"]):
                done = await desk.run(*arguments)
                assert done.returncode == 0, done.stderr
            for name in ("login", "run", "tools", "logout"):
                done = await desk.run(name, "bad")
                assert done.returncode == 2
                assert f"{desk.file}, line 8: servers.bad.ulr is not a known key" in done.stderr
                assert 'did you mean "url"?' in done.stderr

    asyncio.run(story())


def test_a_login_by_url_prints_a_short_name_that_later_commands_accept(desk):
    async def story():
        async with servers(1) as (far,):
            done = await desk.run("login", far.resource, "--browser-command", CONSENT)
            assert done.returncode == 0, done.stderr
            name = far.issuer.removeprefix("http://")
            assert f"commands also take its short name {name}: mcp-auth-bridge tools {name}\n" in done.stderr
            (entry,) = json.loads(done.stdout)["mcpServers"].values()
            assert entry["args"] == ["run", far.resource]
            for arguments in (["tools", name], ["call", name, "add", "a=1", "b=2"], ["token", name], ["logout", name]):
                done = await desk.run(*arguments)
                assert done.returncode == 0, done.stderr

    asyncio.run(story())
