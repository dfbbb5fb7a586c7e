"""From a URL to a tool call, and away again, with the installed program: add, list, tools, edit, remove, logout."""

import asyncio
import json
import os
import shlex
import time
from pathlib import Path

import pytest
from config_files import OTHERS
from desk import CONSENT, Desk
from peers.far import Far

from mcp_auth_bridge.demo.server import serving

PLACE = "the URL of the server"
NAME = "its name, which every command takes"


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_a_server_is_added_used_and_removed_without_a_trace(desk):
    async def story():
        before = desk.file.read_bytes()
        async with Far() as far:
            done = await desk.run("add", "far", far.url)
            assert done.returncode == 0, done.stderr
            far.replies["tools/list"] = lambda message: far.result(message, {"tools": []})
            assert (await desk.run("tools", "far", "--json")).returncode == 0
            listed = json.loads((await desk.run("list", "--json")).stdout)
            assert [(each["name"], each["state"]) for each in listed] == [("far", "signed out")]
            done = await desk.run("remove", "far")
            assert (done.returncode, desk.file.read_bytes()) == (0, before)

    asyncio.run(story())


COMMANDS = (
    *("status far", "tools far", "doctor far --json", "token far", "login far --no-browser", "logout far", "run far"),
    *("call far nothing", "edit far", "install cursor far --no-login --dry-run", "uninstall --all far", "remove far"),
)


def test_every_command_takes_the_name(desk):
    async def story():
        desk.environment["EDITOR"] = "true"
        async with Far() as far:
            far.replies["tools/list"] = lambda message: far.result(message, {"tools": []})
            assert (await desk.run("add", "far", far.url)).returncode == 0
            for line in COMMANDS:
                done = await desk.run(*line.split())
                assert done.returncode != 2 or "far has no tool named" in done.stderr, (line, done.stderr)
                assert "no server named" not in done.stderr

    asyncio.run(story())


def test_the_commands_of_the_readme_write_the_servers(desk):
    text = (Path(__file__).parents[2] / "README.md").read_text()
    for line in text.partition("<!-- add -->\n```sh\n")[2].partition("```")[0].splitlines():
        done = asyncio.run(desk.run(*shlex.split(line)[1:]))
        assert done.returncode == 0, done.stderr
    assert set(asyncio.run(desk.states())) == {"acme", "linear"}


def test_a_user_types_a_url_and_is_told_that_the_server_wants_a_login(desk):
    async def story():
        async with serving(time.time, os.urandom, 3600) as grants:
            code, shown = await desk.type([(PLACE, f"{grants.resource}\n"), (NAME, "demo\n")], "add")
            assert code == 0, shown
            assert "the server wants a login, and the bridge can do it" in shown
            assert "    mcp-auth-bridge login demo\n" in shown
            done = await desk.run("login", "demo", "--browser-command", CONSENT)
            assert done.returncode == 0, done.stderr
            assert (await desk.run("call", "demo", "whoami")).returncode in (0, 8)
            assert (
                "stays in the store; to end it, run: mcp-auth-bridge logout demo"
                in (await desk.run("remove", "demo")).stderr
            )
            done = await desk.run("logout", "demo")
            assert (done.returncode, "signed out of demo" in done.stderr) == (0, True)
            assert await desk.states() == {}

    asyncio.run(story())


def test_a_configuration_that_config_names_is_made(desk):
    path = desk.home / "elsewhere" / "work.toml"
    done = asyncio.run(desk.run("add", "acme", "https://mcp.acme.example/mcp", "--config", str(path)))
    assert done.returncode == 0, done.stderr
    assert "[servers.acme]" in path.read_text()
    assert f"next, run: mcp-auth-bridge login acme --config {path}" in done.stderr


def test_two_processes_that_add_at_once_both_succeed(desk):
    async def story():
        return await asyncio.gather(*(desk.run("add", f"s{n}", f"https://s{n}.example/mcp") for n in range(4)))

    assert {done.returncode for done in asyncio.run(story())} == {0}
    assert set(asyncio.run(desk.states())) == {"s0", "s1", "s2", "s3"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add",), "a URL or the name of a preset is missing"),
        (("add", "--scope", "x"), "--scope is for one server, but none is named"),
        (("add", "--client-id", "x"), "--client-id is for one server, but none is named"),
        (("add", "github", "--set", "key"), "--set number 1 has no equals sign"),
        (("add", "a", "https://a.example", "--auth", "kind = 'none'", "--scope", "x"), "--auth replaces the options"),
        (("add", "a", "https://a.example", "--header", "X"), "--header number 1 has no colon"),
        (("remove", "nothing"), "there is no server named “nothing”"),
    ],
)
def test_a_wrong_command_line_is_explained(desk, arguments, said):
    done = asyncio.run(desk.run(*arguments))
    assert done.returncode == 2
    assert said in done.stderr


def test_a_file_that_cannot_be_parsed_is_left_alone_and_can_be_edited(desk):
    desk.file.write_text("[servers.acme\n")
    done = asyncio.run(desk.run("add", "other", "https://other.example/mcp"))
    assert (done.returncode, done.stdout) == (2, '[servers.other]\nurl = "https://other.example/mcp"\n')
    assert "line 1" in done.stderr
    good = desk.home / "good.toml"
    good.write_text(OTHERS)
    desk.environment["EDITOR"] = f"cp {good}"
    done = asyncio.run(desk.run("edit"))
    assert (done.returncode, desk.file.read_text()) == (0, OTHERS), done.stderr


def test_a_described_server_and_all_login_options_are_written(desk):
    path = desk.home / "server.json"
    path.write_text('{"name": "com.acme/tools", "remotes": [{"type": "sse", "url": "https://acme.example/sse"}]}')
    login = ("--client-id", "c", "--client-secret", "env:S", "--issuer", "https://as.example", "--scope", "a b")
    done = asyncio.run(desk.run("add", "--from", str(path), *login, "--scope", "c", "--ipv4"))
    assert done.returncode == 0, done.stderr
    assert desk.file.read_text().endswith(
        '[servers.tools]\nurl = "https://acme.example/sse"\nauth = { client_id = "c", client_secret = "env:S",'
        ' issuer = "https://as.example", scopes = ["a", "b", "c"] }\nnetwork = { ipv4_only = true }\n'
    )
    done = asyncio.run(desk.run("add", "t", "https://t.example", "--auth", "kind = 'bearer', token = 'env:T'"))
    assert done.returncode == 0, done.stderr
    assert desk.file.read_text().endswith('auth = { kind = "bearer", token = "env:T" }\n')
    assert "cloudflare-docs" in asyncio.run(desk.run("add", "--search", "cloudflare")).stdout
