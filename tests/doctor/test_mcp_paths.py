"""The MCP endpoint of an origin is found by its metadata, else by asking at the usual paths."""

import json

import pytest
from answering import URL
from examining import evidence_of
from faults.server import FaultServer, Made, chunked, head, plain, sound, whole
from pooling import story

from mcp_auth_bridge.doctor import mcp_paths
from mcp_auth_bridge.doctor.mcp_paths import find_endpoints, usual_urls

CHALLENGE = b'WWW-Authenticate: Bearer resource_metadata="https://far.example/.well-known/x"'


@pytest.mark.parametrize(
    ("path", "usual"),
    [
        ("/", ["/mcp", "/sse"]),
        ("/v1/", ["/v1/mcp", "/v1/sse", "/mcp", "/sse"]),
        ("/mcp", ["/mcp/mcp", "/mcp/sse", "/sse"]),
    ],
)
def test_the_usual_paths_are_below_the_url_and_at_the_root(path, usual):
    assert [each.path for each in usual_urls(URL.with_path(path))] == usual


def only(path, answer):
    """A step for a server that knows only `path`."""
    return [Made(lambda exchange: answer(exchange) if exchange.target == path else head(404))]


async def endpoints(tmp_path, server, path="/api"):
    url = server.url.removesuffix("/mcp") + path
    found = await find_endpoints(evidence_of(tmp_path, url).bridge)
    return [each.path for each in found]


@story
async def test_a_server_that_answers_an_opening_is_found(tmp_path):
    async with FaultServer() as server:
        server.always("initialize", only("/api/mcp", lambda exchange: sound(exchange, "legacy")))
        assert await endpoints(tmp_path, server) == ["/api/mcp"]
        assert all("authorization" not in each.headers for each in server.tap)


@story
async def test_a_refusal_counts_only_if_it_names_metadata(tmp_path):
    async with FaultServer() as server:
        server.always("GET", [head(405)])
        server.always("initialize", only("/mcp", lambda _: whole(401, b"text/plain", b"who?", CHALLENGE)))
        assert await endpoints(tmp_path, server) == ["/mcp"]
        server.always("initialize", [whole(401, b"text/plain", b"who?")])
        assert await endpoints(tmp_path, server) == []


@story
async def test_the_older_transport_is_found_by_its_stream(tmp_path):
    async with FaultServer() as server:
        server.always("initialize", [head(405)])
        server.always("GET", only("/sse", lambda _: chunked(b"event: endpoint\ndata: /messages\n\n")))
        assert await endpoints(tmp_path, server) == ["/sse"]


@story
async def test_what_the_metadata_list_counts_without_a_trial(tmp_path):
    async with FaultServer() as server:
        place = "/.well-known/oauth-protected-resource"
        metadata = {"resource": server.url, "mcp_endpoints": ["/api", "/a/mcp"]}
        server.always("GET", only(place, lambda _: plain(json.dumps(metadata).encode())))
        assert await endpoints(tmp_path, server) == ["/a/mcp"]
        assert server.sent("initialize") == []


@story
async def test_the_search_ends_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(mcp_paths, "PATIENCE", 0.1)
    async with FaultServer() as server:
        server.always("GET", [lambda reader, _: reader.read()])
        server.always("initialize", [lambda reader, _: reader.read()])
        assert await endpoints(tmp_path, server) == []
