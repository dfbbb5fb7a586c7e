"""The needs of a server are found out by asking it: the demo's server, an open one, one with a key, a silent one."""

import asyncio
import json
import os
import time

import pytest
from commanding import context_of
from peers.far import Far, status
from peers.scripted import ok

from mcp_auth_bridge.commands.server_needs import Need, ServerNeeds, ask_server
from mcp_auth_bridge.demo.server import serving


async def needs(folder, url):
    context = context_of(folder, url, "{}")
    return await ask_server(context.config.profiles["acme"], context)


def test_a_server_with_a_login_is_told_with_its_authorization_server(tmp_path):
    async def story():
        async with serving(time.time, os.urandom, 3600) as grants:
            return await needs(tmp_path, grants.resource), grants.issuer

    found, issuer = asyncio.run(story())
    assert found == ServerNeeds(Need.LOGIN, f"at {issuer}", issuer)


def test_an_authorization_server_without_registration_needs_a_client_of_one_s_own(tmp_path):
    async def story():
        async with Far() as far:
            origin = f"http://127.0.0.1:{far.port}"
            documents = {
                b"/meta": {"resource": far.url, "authorization_servers": [origin]},
                b"/.well-known/oauth-authorization-server": {
                    "issuer": origin,
                    "authorization_endpoint": f"{origin}/authorize",
                    "token_endpoint": f"{origin}/token",
                    "response_types_supported": ["code"],
                    "code_challenge_methods_supported": ["S256"],
                },
            }

            def document(_):
                found = documents.get(far.requests[-1].split()[1])
                body = json.dumps(found).encode()
                return ok(body, b"Content-Type: application/json") if found else status(404)

            challenge = b'WWW-Authenticate: Bearer resource_metadata="%s/meta"' % origin.encode()
            far.replies |= {"initialize": lambda _: status(401, challenge), "GET": document}
            return await needs(tmp_path, far.url), origin

    found, origin = asyncio.run(story())
    assert found == ServerNeeds(Need.CLIENT, f"at {origin}", origin)


def test_an_open_server_wants_nothing(tmp_path):
    async def story():
        async with Far() as far:
            return await needs(tmp_path, far.url)

    assert asyncio.run(story()) == ServerNeeds(Need.NOTHING)


@pytest.mark.parametrize(("code", "need"), [(401, Need.HEADER), (500, Need.UNKNOWN)])
def test_a_server_that_answers_every_request_alike(tmp_path, code, need):
    async def story():
        async with Far() as far:
            for method in ("initialize", "server/discover", "GET"):
                far.replies[method] = lambda _: status(code)
            return await needs(tmp_path, far.url)

    found = asyncio.run(story())
    assert found.need is need
    assert bool(found.detail) is (need is Need.HEADER)


def test_a_server_that_is_not_there_is_silent(tmp_path):
    assert asyncio.run(needs(tmp_path, "http://127.0.0.1:1/mcp")).need is Need.SILENT
