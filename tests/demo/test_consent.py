"""The program that clicks Allow in the place of a browser."""

import asyncio
import contextlib
from urllib.parse import parse_qs, urlsplit

import httpx2
from demo_story import at_the_servers

from mcp_auth_bridge.demo.consent import click_allow


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
