"""The user of a command is notified of a silent server; `run`, behind which a client waits, says nothing."""

import asyncio

import pytest
from peers.scripted import CUT, REQUEST, Gate, Scripted
from remoting import ANSWER, CALL, collect, connected, reply, story

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.effects import Fetch
from mcp_auth_bridge.shell.console import silence_notice, terminal
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp
from mcp_auth_bridge.urls import Purpose, gate


@pytest.fixture
def said(monkeypatch):
    """The messages to the user, as they come."""
    monkeypatch.setattr(silence_notice, "SECONDS", 0.01)
    monkeypatch.setattr(silence_notice, "_enabled", False)
    words = asyncio.Queue()
    monkeypatch.setattr(terminal, "say", words.put_nowait)
    return words


@story
async def test_the_user_is_notified_of_a_silent_mcp_server(said):
    silence_notice.enable()
    silent = Gate()
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, silent, reply(b"200 OK", body=ANSWER), CUT])
        answering = asyncio.ensure_future(collect(remote.post(CALL, {})))
        assert (
            await said.get() == f"http://{server.host}:{server.port} has not answered for 0.01 seconds; still waiting"
        )
        silent.open.set()
        assert await answering == [ANSWER]


@story
async def test_the_user_is_notified_of_a_silent_authorization_server(said):
    silence_notice.enable()
    silent = Gate()
    async with Scripted() as server:
        server.play([REQUEST, silent, reply(b"200 OK", body=b"{}"), CUT])
        http = OAuthHttp(Network(NetworkSettings(), {}))
        place = gate(f"http://{server.host}:{server.port}/token", Purpose.TOKEN)
        answering = asyncio.ensure_future(http.fetch(Fetch(place)))
        assert "has not answered" in await said.get()
        silent.open.set()
        assert (await answering).status == 200
        await http.aclose()


@story
async def test_without_enabling_and_for_a_server_that_responds_there_is_no_notice(said):
    async with Scripted() as server, connected(server) as remote:
        for _ in range(2):
            server.play([REQUEST, reply(b"200 OK", body=ANSWER), CUT])
            assert await collect(remote.post(CALL, {})) == [ANSWER]
            silence_notice.enable()
    assert said.empty()


@story
async def test_requests_that_wait_side_by_side_are_announced_once(said):
    silence_notice.enable()
    with silence_notice.announce_wait("https://far.example"), silence_notice.announce_wait("https://far.example"):
        assert "https://far.example" in await said.get()
        with silence_notice.announce_wait("https://other.example"):
            assert "https://other.example" in await said.get()
    assert said.empty()
    with silence_notice.announce_wait("https://far.example"):
        assert "https://far.example" in await said.get()


def test_whether_a_user_waits_is_known(said):
    assert not silence_notice.is_enabled()
    silence_notice.enable()
    assert silence_notice.is_enabled()


def test_a_user_waits_once_notices_are_turned_on(said):
    assert not silence_notice.is_enabled()
    silence_notice.enable()
    assert silence_notice.is_enabled()
