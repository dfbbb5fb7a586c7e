"""MCP endpoints that a server's metadata list outside of any specification: read for a hint, with care."""

import pytest
from playing import NOT_FOUND, PAGE, answer, play

from mcp_auth_bridge.errors import TheirProtocolError
from mcp_auth_bridge.oauth.mcp_endpoints import fetch_mcp_endpoints
from mcp_auth_bridge.urls import Purpose, gate

WRONG = gate("https://app.example/mcp", Purpose.SERVER)
OWN = "GET https://app.example/.well-known/oauth-protected-resource/mcp"
ROOT = "GET https://app.example/.well-known/oauth-protected-resource"


def listed(value, server=WRONG):
    return [str(url) for url in play(fetch_mcp_endpoints(server), [(OWN, answer({"mcp_endpoints": value}))])]


@pytest.mark.parametrize(
    "value",
    [
        ["https://app.example/mcp/mcp", "https://app.example/mcp/sse"],
        ["/mcp/mcp", "/mcp/sse", "/mcp/mcp"],
        {"streamable_http": "/mcp/mcp", "sse": {"url": "https://APP.example:443/mcp/sse"}},
    ],
)
def test_a_list_and_an_object_are_understood(value):
    assert listed(value) == ["https://app.example/mcp/mcp", "https://app.example/mcp/sse"]


@pytest.mark.parametrize(
    "value",
    [None, 7, [], {}, "https://evil.example/x", ["http://app.example/x", "//evil.example/", "https://[::1", "/a b"]],
)
def test_other_values_and_other_origins_are_ignored(value):
    assert listed(value) == []


def test_a_long_list_is_cut():
    assert len(listed([f"/{number}" for number in range(1000)])) == 8


@pytest.mark.parametrize("nothing", [NOT_FOUND, PAGE])
def test_the_document_of_the_origin_is_read_where_the_path_has_none(nothing):
    steps = [(OWN, nothing), (ROOT, answer({"mcp_endpoints": ["/mcp/mcp"]}))]
    assert [url.path for url in play(fetch_mcp_endpoints(WRONG), steps)] == ["/mcp/mcp"]
    assert play(fetch_mcp_endpoints(WRONG), [(OWN, nothing), (ROOT, nothing)]) == ()


def test_a_document_that_is_not_json_is_an_error():
    with pytest.raises(TheirProtocolError):
        play(fetch_mcp_endpoints(WRONG), [(OWN, answer(b"{"))])
