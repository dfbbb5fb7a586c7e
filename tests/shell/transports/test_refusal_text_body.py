"""The body of a refusal is read as far as it is worth waiting for."""

import asyncio

import pytest

from mcp_auth_bridge.errors import OutcomeUnknown
from mcp_auth_bridge.shell.transports import refusal_text
from mcp_auth_bridge.shell.transports.refusal_text import read_words


class Body:
    """A response with this body, which may never come, or break off."""

    def __init__(self, body, kind="text/plain"):
        self._body, self._kind, self.closed = body, kind, False

    def header(self, name):
        return self._kind

    async def read(self, limit):
        if isinstance(self._body, Exception):
            raise self._body
        if self._body is None:
            await asyncio.get_running_loop().create_future()
        return self._body

    async def aclose(self):
        self.closed = True


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (Body(b"no access"), "no access"),
        (Body(b"<html><title>Sign in</title><p>x", "text/html; charset=utf-8"), "Sign in"),
        (Body(b"\x89PNG", "image/png"), ""),
        (Body(OutcomeUnknown("cut")), ""),
        (Body(None), ""),
    ],
)
def test_the_words_are_read_and_the_connection_is_free_afterwards(body, words, monkeypatch):
    monkeypatch.setattr(refusal_text, "PATIENCE", 0.01)
    assert asyncio.run(read_words(body)) == words
    assert body.closed
