"""An organisation's header that is given at a login accompanies every later request: the installed program."""

import asyncio
import json
import os
import time
from contextlib import asynccontextmanager

import pytest
import uvicorn
from desk import CONSENT, Desk
from starlette.responses import PlainTextResponse

from mcp_auth_bridge.demo import server as demo
from mcp_auth_bridge.demo.grants import Grants

ORG = b"x-acme-org"


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


class Gateway:
    """Passes requests to the MCP endpoint only with the organisation's header; `seen` holds that header's values."""

    def __init__(self, inner):
        self._inner = inner
        self.seen = []

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] == "/mcp":
            self.seen.append(dict(scope["headers"]).get(ORG, b"").decode())
            if not self.seen[-1]:
                await PlainTextResponse("no organisation", 403)(scope, receive, send)
                return
        await self._inner(scope, receive, send)


@asynccontextmanager
async def guarded():
    """The demo's servers behind a gateway."""
    config = uvicorn.Config("", host="127.0.0.1", port=0, log_config=None, access_log=False, ws="none")
    listener = config.bind_socket()
    issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
    grants = Grants(issuer, f"{issuer}/mcp", time.time, os.urandom, 3600)
    gateway = Gateway(demo.protected_server(grants, time.time))
    config.app = gateway
    server = demo._DemoServer(config)
    task = asyncio.create_task(server.serve([listener]))
    try:
        await server.up.wait()
        yield grants.resource, gateway
    finally:
        server.should_exit = True
        await task


def test_the_header_of_a_login_is_kept_with_it_and_named_without_its_value(desk):
    async def story():
        async with guarded() as (url, gateway):
            desk.add("acme", url)
            done = await desk.run("login", "acme", "--header", "X-Acme-Org: canary-42")
            assert done.returncode == 0, done.stderr
            assert "kept with the login: the header X-Acme-Org, from the command line\n" in done.stderr
            assert json.loads(done.stdout)["mcpServers"]["acme"]["args"] == ["run", "acme"]
            for arguments in (["tools", "acme"], ["call", "acme", "add", "a=1", "b=2"]):
                called = await desk.run(*arguments)
                assert called.returncode == 0, called.stderr
            status = await desk.run("status")
            assert "headers kept with the login: X-Acme-Org" in status.stdout
            assert "canary" not in done.stdout + done.stderr + status.stdout
            assert not any(b"canary" in path.read_bytes() for path in desk.home.rglob("*") if path.is_file())
            assert set(gateway.seen) == {"canary-42"}

    asyncio.run(story())


def test_a_header_that_a_later_command_gives_overrides_the_one_of_the_login(desk):
    async def story():
        async with guarded() as (url, gateway):
            desk.add("acme", url)
            assert (await desk.run("login", "acme", "--header", "X-Acme-Org: 42")).returncode == 0
            gateway.seen.clear()
            assert (await desk.run("tools", "acme", "--header", "x-acme-org: 43")).returncode == 0
            assert set(gateway.seen) == {"43"}
            gateway.seen.clear()
            desk.write('headers = { X-Acme-Org = "44" }')
            assert (await desk.run("tools", "acme")).returncode == 0
            assert set(gateway.seen) == {"44"}

    asyncio.run(story())


def test_a_new_login_keeps_or_replaces_the_header_and_after_a_logout_it_is_gone(desk):
    async def story():
        async with guarded() as (url, gateway):
            desk.add("acme", url)
            assert (await desk.run("login", "acme", "--header", "X-Acme-Org: 42")).returncode == 0
            assert (await desk.run("login", "acme")).returncode == 0
            assert set(gateway.seen) == {"42"}
            gateway.seen.clear()
            assert (await desk.run("login", "acme", "--header", "X-Acme-Org: 43")).returncode == 0
            assert (await desk.run("tools", "acme")).returncode == 0
            assert set(gateway.seen) == {"43"}
            gateway.seen.clear()
            assert (await desk.run("logout", "acme")).returncode == 0
            assert (await desk.run("tools", "acme")).returncode != 0
            assert set(gateway.seen) == {""}

    asyncio.run(story())


def test_a_header_from_a_secret_source_is_read_again_from_there(desk):
    async def story():
        async with guarded() as (url, gateway):
            file = desk.home / "organisation"
            file.write_text("42\n")
            given = ("--header", f"X-Acme-Org: file:{file}", "--browser-command", CONSENT)
            done = await desk.run("login", url, *given)
            assert done.returncode == 0, done.stderr
            said = f"the header X-Acme-Org, from the file {file}, which later commands read again\n"
            assert said in done.stderr
            file.write_text("43\n")
            gateway.seen.clear()
            assert (await desk.run("tools", url)).returncode == 0
            assert set(gateway.seen) == {"43"}

    asyncio.run(story())


def test_a_header_that_the_configuration_also_sets_applies_only_to_the_login(desk):
    async def story():
        async with guarded() as (url, gateway):
            desk.add("acme", url, 'headers = { X-Acme-Org = "44" }')
            done = await desk.run("login", "acme", "--header", "X-Acme-Org: 45")
            assert done.returncode == 0, done.stderr
            assert (
                f"--header X-Acme-Org is for this login alone: later commands send the one in {desk.file}\n"
                in done.stderr
            )
            assert "kept with the login" not in done.stderr
            assert set(gateway.seen) == {"45"}
            gateway.seen.clear()
            assert (await desk.run("tools", "acme")).returncode == 0
            assert set(gateway.seen) == {"44"}

    asyncio.run(story())
