"""The body of a refusal is handed to the credentials, and never delays them for long."""

import pytest
from peers.scripted import CUT, REQUEST, Gate, Scripted
from presented_tokens import Tokens
from remoting import ANSWER, CALL, collect, connected, one, reply, story

WORDS = b"Jwt issuer is not configured"
DESCRIBED = b'{"error":"invalid_token","error_description":"The access token is malformed or invalid"}'
BODIES = {
    "plain text": (b"text/plain", WORDS, WORDS.decode()),
    "plain text with its encoding": (b"text/plain; charset=utf-8", WORDS, WORDS.decode()),
    "an OAuth error": (b"application/json", DESCRIBED, DESCRIBED.decode()),
    "a page": (b"text/html", b"<html>expired audience</html>", ""),
    "a novel": (b"text/plain", b"x" * 5000, ""),
    "no text": (b"text/plain", b"\xff", "\ufffd"),
    "nothing": (b"text/plain", b"", ""),
}


@pytest.mark.parametrize("name", BODIES)
@story
async def test_the_words_of_a_refusal_reach_the_credentials(name):
    kind, body, heard = BODIES[name]
    tokens = Tokens("t1", "t2")
    async with Scripted() as server, connected(server, credentials=tokens) as remote:
        server.play(one(reply(b"401 Unauthorized", body=body, kind=kind)), one(reply(b"200 OK", body=ANSWER)))
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        assert [refused.words for refused in tokens.refusals] == [heard]


@story
async def test_a_body_that_never_comes_is_not_waited_for():
    tokens, gate = Tokens("t1", "t2"), Gate()
    head = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n"
    async with Scripted() as server, connected(server, credentials=tokens) as remote:
        server.play([REQUEST, head, gate, CUT], one(reply(b"200 OK", body=ANSWER)))
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        assert [refused.words for refused in tokens.refusals] == [""]
        gate.open.set()
