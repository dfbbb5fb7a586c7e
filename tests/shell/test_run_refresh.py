"""A refresh over the relay's connections: one request, no redirect, and a token endpoint may take its time."""

import asyncio

import pytest
from peers.scripted import REQUEST, Scripted, ok

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.effects import Authorize, Fetch, ask
from mcp_auth_bridge.errors import LoginRequired, Unreachable
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.run_refresh import run_refresh
from mcp_auth_bridge.urls import Url

FORM = {"grant_type": "refresh_token", "refresh_token": Secret("RT-hunter2")}


def refreshed(flow, *script, **settings):
    async def story():
        async with Scripted() as server:
            server.play(*script)
            url = Url("http", "127.0.0.1", server.port, "/token", "")
            return await run_refresh(Network(NetworkSettings(**settings), {}), flow(url)), server.requests

    return asyncio.run(story())


def redeem(url):
    return (yield from ask(Fetch(url, {"accept": "application/json"}, form=FORM)))


def test_the_form_is_posted_and_the_response_comes_back_whole():
    response, (sent,) = refreshed(redeem, [REQUEST, ok(b'{"access_token":"AT"}', b"Content-Type: application/json")])
    assert (response.status, response.body) == (200, b'{"access_token":"AT"}')
    assert response.header("content-type") == "application/json"
    assert sent.endswith(b"grant_type=refresh_token&refresh_token=RT-hunter2")
    assert {secret.reveal() for secret in response.secrets} == {"RT-hunter2"}


def test_a_redirect_is_a_response_like_any_other():
    moved = b"HTTP/1.1 307 Go\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n"
    response, requests = refreshed(redeem, [REQUEST, moved])
    assert response.status == 307
    assert len(requests) == 1


def test_the_time_that_tools_have_is_not_the_token_endpoints():
    response, _ = refreshed(redeem, [REQUEST, ok()], headers_timeout=1e-9)
    assert response.status == 200


def test_a_server_that_is_away_is_the_error_of_the_flow():
    def away(url):
        return (yield from ask(Fetch(Url("http", "127.0.0.1", 1, "/token", ""), form=FORM)))

    with pytest.raises(Unreachable):
        refreshed(away)


def test_a_flow_that_needs_the_user_is_refused():
    def interactive(url):
        return (yield from ask(Authorize("https://as.example/a", "S")))

    with pytest.raises(LoginRequired):
        refreshed(interactive)
