"""Why a connection failed: a sentence and what to do."""

import datetime as dt
import errno
import socket
import ssl
import sys
from functools import partial

import pytest
import trustme
from peers.scripted import CUT, DRAIN, REQUEST, Scripted
from pooling import at, call, pooled, server_context, story

from mcp_auth_bridge.errors import (
    Unreachable,
)
from mcp_auth_bridge.shell.net.error_translation import translate_errors

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
        assert caught.value.has_unclear_cause is (words == "unknown issuer")
        assert caught.value.retry_safe
        assert server.requests == []


@pytest.mark.parametrize(
    ("alert", "words"),
    [
        (70, "offers no TLS version that is still safe"),
        (120, "speaks HTTP/2 only"),
        (112, "no TLS connection"),
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


def told(error):
    with pytest.raises(Unreachable) as caught, translate_errors("mcp.example:443"):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "refuses connections"),
        (OSError(errno.ENETUNREACH, "x"), "no route"),
        (OSError(errno.EMFILE, "x"), "too many open files"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "hung up"),
        (ConnectionAbortedError(), "hung up"),
        (socket.gaierror(socket.EAI_NONAME, "x"), "is not known"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), "no name server answered"),
        (UnicodeError("label too long"), "is not known"),
        (OSError("Multiple exceptions: …"), "at each of its addresses"),
        (OSError(errno.EPERM, "x"), "does not allow a connection"),
        (OSError(errno.EIO, "Input/output error"), "cannot be reached: “Input/output error”"),
    ],
)
def test_every_failure_is_a_sentence_about_the_other_side(error, words):
    said = told(error)
    assert words in said.message
    assert "mcp.example:443" in said.message
    assert said.retry_safe


def test_a_handshake_that_failed_for_another_reason_is_quoted():
    error = ssl.SSLError(1, "x")
    error.reason = "ODD_{REASON}"
    assert "no TLS connection to mcp.example:443: “ODD_{REASON}”" in told(error).message


def test_a_certificate_that_is_refused_for_another_reason_is_quoted_and_braces_stay():
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_code, error.verify_message = 99, "odd {thing}"
    assert "was refused: “odd {thing}”" in told(error).message


def test_a_failure_before_any_tls_is_named_without_the_library_for_tls(monkeypatch):
    monkeypatch.delitem(sys.modules, "ssl")
    with pytest.raises(Unreachable, match="refuses"), translate_errors("acme"):
        raise OSError(errno.ECONNREFUSED, "")
    assert "ssl" not in sys.modules


def test_a_timeout_is_left_to_the_deadline_that_covers_all_steps():
    with pytest.raises(TimeoutError), translate_errors("x"):
        raise TimeoutError
