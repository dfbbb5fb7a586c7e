"""The settings of one server: its URL, its names in logs and in the store, its headers."""

import pytest
from configured import PATH, refused, server


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
