"""A description is fetched from the URL that the user names."""

import pytest
from playing import answer, play

from mcp_auth_bridge.catalogue.description_source import fetch_description
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.urls import Purpose, gate

URL = gate("https://acme.example/server.json", Purpose.SERVER)
SERVER = {"name": "com.acme/tools", "remotes": [{"type": "streamable-http", "url": "https://mcp.acme.example/mcp"}]}


def test_the_document_at_the_url_is_read():
    asked = []
    (remote,) = play(fetch_description(URL), [(f"GET {URL}", answer(SERVER))], asked)
    assert remote.url == "https://mcp.acme.example/mcp"
    assert "application/mcp-server-card+json" in asked[0].headers["accept"]


def test_another_status_is_refused_with_the_status():
    with pytest.raises(ConfigError, match="HTTP status 404") as refused:
        play(fetch_description(URL), [(f"GET {URL}", answer(b"", 404))])
    assert "mcp-auth-bridge add NAME" in refused.value.hint


def test_a_page_is_refused():
    with pytest.raises(ConfigError, match="is not JSON"):
        play(fetch_description(URL), [(f"GET {URL}", answer(b"<html>", kind="text/html"))])
