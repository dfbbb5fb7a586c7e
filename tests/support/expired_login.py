"""A bridge with an expired login: its next request needs a refresh by another process."""

import asyncio
import contextlib
import json
import sys

from faults.bridge import bridge_in, home, save_login
from faults.server import FaultServer, plain

from mcp_auth_bridge.credentials.base import Target
from mcp_auth_bridge.secret import Secret

TOKENS = {"access_token": "new", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "newer"}


def renewed(**changes):
    return plain(json.dumps({**TOKENS, **changes}).encode())


@contextlib.asynccontextmanager
async def logged_in(folder, *scripts):
    """A server and a home with an expired login to it; `scripts` answer the token requests."""
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
    """The headers from a bridge that starts its processes with another `interpreter`."""

    async def told():
        async with logged_in(folder, [renewed()]):
            monkeypatch.setattr(sys, "executable", interpreter)
            return await headers(folder)

    return asyncio.run(told())
