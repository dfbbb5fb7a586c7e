"""Redirects of MCP requests: within the origin only, and with the same method and body."""

import pytest
from peers.scripted import CUT, REQUEST, Scripted
from remoting import ANSWER, CALL, NOTE, STREAM, collect, connected, event, header, heads, one, reply, story

from mcp_auth_bridge.errors import LoginRequired, UpstreamFailed
from mcp_auth_bridge.urls import Url

HERE = Url("https", "mcp.example", 443, "/mcp", "")
FOUND = reply(b"200 OK", body=ANSWER)


def moved(status, location):
    return reply(status, b"Location: " + location)


@pytest.mark.parametrize("status", [b"307 Temporary Redirect", b"308 Permanent Redirect"])
@story
async def test_a_post_follows_with_the_same_body_and_headers(status):
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, moved(status, b"/mcp/"), REQUEST, FOUND, CUT])
        assert await collect(remote.post(CALL, {"mcp-protocol-version": "2025-06-18"})) == [ANSWER]
        assert heads(server) == ["POST /mcp", "POST /mcp/"]
        assert [request.partition(b"\r\n\r\n")[2] for request in server.requests] == [CALL.raw] * 2
        assert header(server.requests[1], b"x-org") == b"42"
        assert header(server.requests[1], b"mcp-protocol-version") == b"2025-06-18"


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"303 See Other", b"300 Choices", b"304 Not Modified"])
@story
async def test_a_post_does_not_follow_what_could_change_its_method(status):
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, moved(status, b"/mcp/"), CUT])
        with pytest.raises(UpstreamFailed, match="redirect"):
            await collect(remote.post(CALL, {}))
        assert heads(server) == ["POST /mcp"]


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"303 See Other", b"307 Temporary", b"308 Permanent"])
@story
async def test_a_get_follows_any(status):
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, moved(status, b"/stream"), REQUEST, STREAM + event(NOTE), CUT])
        messages = remote.listen({})
        assert (await anext(messages)).raw == NOTE
        await messages.aclose()
        assert heads(server) == ["GET /mcp", "GET /stream"]


@story
async def test_three_hops_are_followed_and_a_fourth_is_not():
    async with Scripted() as server, connected(server) as remote:
        hops = [step for _ in range(3) for step in (REQUEST, moved(b"307 T", b"/x"))]
        server.play([*hops, REQUEST, FOUND, *hops, REQUEST, moved(b"307 T", b"/x"), CUT])
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        with pytest.raises(UpstreamFailed, match="more than 3 times"):
            await collect(remote.post(CALL, {}))
        assert len(server.requests) == 8


@pytest.mark.parametrize("verb", ["POST", "GET"])
@story
async def test_another_origin_is_never_contacted_and_only_its_origin_is_named(verb):
    async with Scripted() as server, Scripted() as target, connected(server) as remote:
        url = b"http://127.0.0.1:%d/moved?state=hunter2" % target.port
        server.play(one(moved(b"307 Temporary Redirect", url)))
        with pytest.raises(UpstreamFailed) as caught:
            await collect(remote.post(CALL, {}) if verb == "POST" else remote.listen({}))
        assert f"http://127.0.0.1:{target.port}" in caught.value.message
        assert "hunter2" not in caught.value.message + caught.value.hint
        assert target.connections == 0


@pytest.mark.parametrize("verb", ["POST", "GET"])
@pytest.mark.parametrize("status", [b"302 Found", b"303 See Other", b"307 Temporary Redirect"])
@pytest.mark.parametrize(
    "path", [b"/login?next=/mcp", b"/cdn-cgi/access/login/mcp.example", b"/users/sign_in", b"/sso/saml2"]
)
@story
async def test_a_redirect_to_a_sign_in_page_is_a_refusal_of_the_credentials(verb, status, path):
    """Cloudflare Access and its like (junior #832), of another origin and of the server's own."""
    async with Scripted() as server, Scripted() as target, connected(server) as remote:
        for origin in (b"http://127.0.0.1:%d" % target.port, b""):
            server.play(one(moved(status, origin + path)))
            with pytest.raises(LoginRequired):
                await collect(remote.post(CALL, {}) if verb == "POST" else remote.listen({}))
        assert target.connections == 0
