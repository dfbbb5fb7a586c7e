"""The settings of one server: its URL, its names in logs and in the store, its headers."""

import pytest
from configured import PATH, profile, refused, server, with_argument

from mcp_auth_bridge.config.profile import parse_server_url, with_headers
from mcp_auth_bridge.secret import Literal


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            server('auth = { kind = "headers", headers = { x-k = "hunter2" } }\nheaders = { X-K = "hunter2" }'),
            ["servers.acme.headers", "x-k is among auth.headers too"],
        ),
        ("[servers.acme]\nurl = 'http://mcp.acme.example'", ["servers.acme.url", "https"]),
        ("[servers.acme]\nurl = 'https://me:hunter2@mcp.acme.example'", ["servers.acme.url", "user name or password"]),
    ],
)
def test_a_mistake_in_the_url_or_the_headers_is_named(text, words):
    message = refused(text)
    assert str(PATH) in message
    assert all(word in message for word in words), message
    assert "hunter2" not in message


def test_a_server_is_named_in_logs_and_in_the_store():
    acme = profile(server())
    assert (acme.label, acme.key, acme.is_bare) == ("acme", "acme", False)
    bare = profile(server(), "https://other.example/private")
    assert (bare.label, bare.key, bare.is_bare) == ("https://other.example", "https://other.example/private", True)
    other = with_argument('kind = "none"')
    assert (other.label, other.key) == ("acme", f"acme~{other.variant}")


def test_the_url_of_a_server_has_no_fragment():
    assert str(parse_server_url("https://mcp.example/mcp#x", "here")) == "https://mcp.example/mcp"


def test_headers_replace_the_configured_ones():
    acme = with_headers(profile(server('headers = { X-One = "1" }')), {"X-Two": Literal("2")}, "here")
    assert acme.headers == {"X-Two": Literal("2")}
