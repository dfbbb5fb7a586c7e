"""Why a connection failed: a sentence and what to do."""

import datetime as dt
from functools import partial

import pytest
import trustme
from peers.scripted import CUT, DRAIN, REQUEST, Scripted
from pooling import at, call, pooled, server_context, story

from mcp_auth_bridge.errors import (
    Unreachable,
)

PAST = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("context", "trusted", "words", "hint"),
    [
        (partial(server_context, "localhost", not_after=PAST), True, "has expired", "clock"),
        (partial(server_context, "other.example"), True, "is for another host", "host name"),
        (partial(server_context, "localhost", ca=trustme.CA()), True, "unknown issuer", 'ca_file = "…"'),
        (partial(server_context, "localhost"), False, "unknown issuer", 'ca_file = "…"'),
    ],
)
@story
async def test_a_bad_certificate_is_named_with_what_to_do(context, trusted, words, hint, ca_file):
    settings = {"ca_file": ca_file} if trusted else {}
    async with Scripted(tls=context(), forever=[REQUEST]) as server, pooled(**settings) as pool:
        with pytest.raises(Unreachable, match=words) as caught:
            await call(pool, at(server, scheme="https", host="localhost"))
        assert hint in caught.value.hint
        assert caught.value.retry_safe
        assert server.requests == []


@pytest.mark.parametrize(
    ("alert", "words"),
    [
        (70, "offers no TLS version that is still safe"),
        (120, "no application protocol"),
        (40, "broke off the TLS handshake"),
    ],
)
@story
async def test_a_handshake_that_the_server_refuses_is_named(alert, words):
    async with Scripted() as server, pooled() as pool:
        server.play([b"\x15\x03\x03\x00\x02\x02" + bytes([alert]), DRAIN])  # a fatal alert, RFC 8446 section 6
        with pytest.raises(Unreachable, match=words) as caught:
            await call(pool, at(server, scheme="https"))
        assert caught.value.retry_safe


@story
async def test_tls_to_a_plain_port_is_named():
    async with Scripted() as server, pooled() as pool:
        server.play([b"HTTP/1.1 400 Bad Request\r\n\r\n", CUT])
        with pytest.raises(Unreachable, match="does not speak TLS"):
            await call(pool, at(server, scheme="https"))
