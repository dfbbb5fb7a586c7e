"""The demo's two servers on a real socket, and its program that clicks Allow."""

import asyncio
import contextlib
import os
import sys
import time
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from mcp_auth_bridge.demo import story
from mcp_auth_bridge.demo.consent import click_allow
from mcp_auth_bridge.demo.server import serving
from mcp_auth_bridge.errors import BridgeError


def at_the_servers(visit):
    async def go():
        async with serving(time.time, os.urandom, 5) as grants, httpx2.AsyncClient(trust_env=False) as http:
            return await visit(grants, http)

    return asyncio.run(go())


@contextlib.asynccontextmanager
async def callback():
    """A redirect URI and the queue of the query strings that arrive there."""
    arrivals = asyncio.Queue()

    async def answer(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        await arrivals.put(urlsplit(request.split()[1].decode()).query)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callback", arrivals


def test_without_a_token_the_mcp_server_points_to_its_metadata_which_name_the_issuer_exactly():
    async def visit(grants, http):
        refused = await http.post(grants.resource, json={})
        location = refused.headers["www-authenticate"].partition('resource_metadata="')[2].rstrip('"')
        metadata = (await http.get(location)).json()
        issuer = (await http.get(f"{grants.issuer}/.well-known/oauth-authorization-server")).json()["issuer"]
        return refused.status_code, location, metadata, issuer, grants

    status, location, metadata, issuer, grants = at_the_servers(visit)
    assert status == 401
    assert location == f"{grants.issuer}/.well-known/oauth-protected-resource/mcp"
    assert metadata["resource"] == grants.resource
    assert metadata["authorization_servers"] == [issuer]
    assert metadata["scopes_supported"] == ["tools"]


def test_a_made_up_token_is_refused():
    async def visit(grants, http):
        return await http.post(grants.resource, json={}, headers={"authorization": "Bearer made-up"})

    assert at_the_servers(visit).status_code == 401


def test_the_program_that_clicks_allow_brings_a_code_to_the_callback():
    async def visit(grants, http):
        async with callback() as (redirect_uri, arrivals):
            client = grants.register({"redirect_uris": [redirect_uri]})
            parameters = {
                "client_id": client.id,
                "redirect_uri": redirect_uri,
                "response_type": "code",
                "code_challenge": "c" * 43,
                "code_challenge_method": "S256",
                "resource": grants.resource,
                "state": "a state & more",
            }
            await asyncio.to_thread(click_allow, str(httpx2.URL(f"{grants.issuer}/authorize", params=parameters)))
            return parse_qs(await arrivals.get()), grants.issuer

    answer, issuer = at_the_servers(visit)
    assert set(answer) == {"code", "state", "iss"}
    assert answer["state"] == ["a state & more"]
    assert answer["iss"] == [issuer]


def test_a_failed_step_is_named_for_every_kind_of_exception():
    async def fail():
        with story._failing_as("logging in"):
            await story._run_command([sys.executable, "-c", "raise SystemExit(3)"], dict(os.environ))

    with pytest.raises(BridgeError) as caught:
        asyncio.run(fail())
    assert caught.value.message == "the demo failed while logging in: the command ended with exit code 3"
    nested = ExceptionGroup("outer", [ExceptionGroup("inner", [OSError("no such server")])])
    with pytest.raises(BridgeError, match="working: OSError “no such server”"), story._failing_as("working"):
        raise nested
