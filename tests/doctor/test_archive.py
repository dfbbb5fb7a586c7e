"""Documents from real sockets: each is fetched once, with the redirects on the way, and every outcome in words."""

import asyncio

import anyio
import pytest
from peers.scripted import REQUEST, Gate, Scripted, ok
from playing import NOT_FOUND, PAGE, answer

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.doctor import archive as archive_module
from mcp_auth_bridge.doctor.archive import Archive, Fetched, describe
from mcp_auth_bridge.effects import Fetch
from mcp_auth_bridge.errors import RedirectRefused, Unreachable
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.urls import Url

JSON = b"Content-Type: application/json"


def told(story):
    """Run an async test with a scripted server and the archive under test."""

    def run(*args, **kwargs):
        async def whole():
            async with Scripted() as server:
                await story(server, Archive(Network(NetworkSettings(), {})), *args, **kwargs)

        asyncio.run(whole())

    run.__name__ = story.__name__
    return run


def at(server, path="/x"):
    return Url("http", "127.0.0.1", server.port, path, "")


def redirect(location):
    return f"HTTP/1.1 302 Elsewhere\r\nContent-Length: 0\r\nLocation: {location}\r\n\r\n".encode()


@told
async def test_an_address_is_asked_once_however_many_ask(server, archive):
    server.play([REQUEST, ok(b'{"a":1}', JSON)])
    found = []

    async def ask():
        found.append(await archive.fetch(Fetch(at(server))))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask)
    assert [each.body for each in found] == 3 * [b'{"a":1}']
    assert len(server.requests) == 1


@told
async def test_a_redirect_within_the_origin_is_followed_and_shown(server, archive):
    server.play([REQUEST, redirect("/y"), REQUEST, redirect("/y"), REQUEST, ok(b'{"a":1}', JSON)])
    found = await archive.answer(Fetch(at(server)))
    assert found.in_words == 'HTTP 302 → “/y”: HTTP 200 application/json “{"a":1}”'
    assert found.place == f"http://127.0.0.1:{server.port}/x"
    assert (await archive.fetch(Fetch(at(server)))).status == 200


@told
async def test_a_redirect_out_of_the_origin_is_shown_and_not_followed(server, archive):
    server.play([REQUEST, redirect("https://other.example/"), REQUEST, redirect("https://other.example/")])
    found = await archive.answer(Fetch(at(server)))
    assert found.in_words == "HTTP 302 → “https://other.example/”: which is not followed"
    assert (await archive.fetch(Fetch(at(server), redirects=0))).status == 302
    with pytest.raises(RedirectRefused):
        await archive.fetch(Fetch(at(server)))


@told
async def test_a_refused_connection_and_a_silent_server_are_answers_too(server, archive):
    closed = Url("http", "127.0.0.1", 1, "/", "")
    refused = await archive.answer(Fetch(closed))
    assert isinstance(refused.error, Unreachable)
    assert (refused.in_words, refused.is_down) == (refused.error.message, True)


def test_a_server_that_does_not_answer_in_time_is_down(monkeypatch):
    monkeypatch.setattr(archive_module, "PATIENCE", 0.05)

    @told
    async def silence(server, archive):
        server.play([REQUEST, Gate()])
        found = await archive.answer(Fetch(at(server)))
        assert found.in_words == f"http://127.0.0.1:{server.port} did not answer within 0.05 seconds"
        assert found.is_down

    silence()


@told
async def test_only_a_request_that_changes_nothing_is_sent(server, archive):
    url = at(server)
    for effect in (Fetch(url, form={"a": "b"}), Fetch(url, document=b"{}"), Fetch(url, method="DELETE")):
        with pytest.raises(AssertionError):
            await archive.answer(effect)


def test_a_response_is_described_by_status_type_and_first_line():
    assert describe(NOT_FOUND) == "HTTP 404 text/plain “not found”"
    assert describe(PAGE) == "HTTP 200 text/html “App”"
    assert describe(answer(b"", 204, "")) == "HTTP 204"
    assert describe(answer(b"\n one\ntwo", 500, "text/plain")) == "HTTP 500 text/plain “one”"
    assert describe(answer(b"x" * 200, 500, "text/plain")).endswith(f"“{'x' * 100}…”")
    assert describe(answer(b"<p>no title", 403, "text/html")) == "HTTP 403 text/html “<p>no title”"


def test_a_firewall_and_a_failing_server_are_told_apart():
    url = Url("https", "as.example", 443, "/x", "")
    walled = answer(b"<html>", 403, "text/html")
    assert Fetched(url, walled, walled).is_walled
    assert not Fetched(url, NOT_FOUND, NOT_FOUND).is_walled
    assert not Fetched(url).is_walled
    assert Fetched(url).in_words == "no answer"
    assert Fetched(url, NOT_FOUND, NOT_FOUND).in_words == describe(NOT_FOUND)
    for status, down in ((503, True), (429, True), (404, False)):
        response = answer(b"", status)
        assert Fetched(url, response, response).is_down is down
    assert not Fetched(url, answer(b"", 302), None).is_down
