"""Other URLs of the same origin at which MCP is spoken: those that the server's metadata list, and the usual ones."""

import contextlib
from collections.abc import Iterator

import anyio

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor.answer import Question
from mcp_auth_bridge.doctor.answers import connections
from mcp_auth_bridge.doctor.asking import ask
from mcp_auth_bridge.doctor.held_credential import OrganisationOnly
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.mcp_endpoints import fetch_mcp_endpoints
from mcp_auth_bridge.relay.mcp_headers import standard_headers
from mcp_auth_bridge.relay.own_handshake import INITIALIZE
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.shell.run_flow import run_flow_headless
from mcp_auth_bridge.shell.transports.cookies import CookieJar
from mcp_auth_bridge.shell.transports.sender import Sender
from mcp_auth_bridge.urls import Url

PATIENCE = 4.0
"""Seconds for the search."""

_OPENING = Question("POST", INITIALIZE, standard_headers(INITIALIZE))
_STREAM = Question("GET")


def usual_urls(url: Url) -> tuple[Url, ...]:
    """Where a server at the origin of `url` may speak MCP: many people leave out the last part of the path."""
    paths = dict.fromkeys(_usual_paths(url.path.rstrip("/")))
    return tuple(url.with_path(path) for path in paths if path != url.path)


def _usual_paths(path: str) -> Iterator[str]:
    for base in (path, ""):
        yield from (f"{base}/mcp", f"{base}/sse")


async def find_endpoints(bridge: Bridge) -> tuple[Url, ...]:
    """The URLs at which the server speaks MCP, as far as its metadata or its answers there say so; () for none.

    Raises no `BridgeError`. No request has a credential.
    """
    url = bridge.profile.url
    with anyio.move_on_after(PATIENCE):
        with contextlib.suppress(BridgeError):
            listed = await run_flow_headless(bridge.network, fetch_mcp_endpoints(url))
            if others := tuple(each for each in listed if each != url):
                return others
    return await _try_out(usual_urls(url), bridge)


async def _try_out(candidates: tuple[Url, ...], bridge: Bridge) -> tuple[Url, ...]:
    """Those `candidates` at which an MCP server answers."""
    speaking: set[Url] = set()

    async def try_one(candidate: Url) -> None:
        if await _speaks(candidate, pool):
            speaking.add(candidate)

    with anyio.move_on_after(PATIENCE):
        async with connections(bridge) as pool, anyio.create_task_group() as group:
            for candidate in candidates:
                group.start_soon(try_one, candidate)
    return tuple(candidate for candidate in candidates if candidate in speaking)


async def _speaks(url: Url, pool: Pool) -> bool:
    """Whether an MCP server answers at `url`: a reply, a refusal that names OAuth metadata, or the older transport.

    A refusal alone says nothing: filters refuse requests for unknown paths too (scenario S1).
    """
    sender = Sender(url, pool, OrganisationOnly(), CookieJar())
    answer = await ask(sender, url, _OPENING)
    if answer.reply is not None:
        return True
    challenge = answer.refusal.challenge if answer.refusal is not None else None
    if challenge is not None and challenge.resource_metadata:
        return True
    return answer.refusal is None and (await ask(sender, url, _STREAM)).event == "endpoint"
