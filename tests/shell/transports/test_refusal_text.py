"""The server's own sentence at the end of the error for a refusal."""

import pytest
from peers.scripted import Scripted
from presented_tokens import Tokens
from remoting import CALL, OPENING, collect, connected, failed, one, reply, story

from mcp_auth_bridge.errors import CredentialRefused, LoginRequired, TokenExpired, UpstreamFailed

TOKEN = "t0ken-0123456789abcdef"
DENIED = {
    "plain text": (reply(b"403 Forbidden", body=b"RBAC: access denied", kind=b"text/plain"), "RBAC: access denied"),
    "a document": (reply(b"403 Forbidden", body=b'{"message": "not for you"}'), "not for you"),
    "a problem": (
        reply(b"403 Forbidden", body=b'{"detail": "no seat left"}', kind=b"application/problem+json"),
        "no seat left",
    ),
    "the title of a page": (
        reply(b"403 Forbidden", body=b"<title>Just a moment...</title>words", kind=b"text/html"),
        "Just a moment...",
    ),
    "plain text that Express calls a page": (
        reply(b"403 Forbidden", body=b"no seat left", kind=b"text/html; charset=utf-8"),
        "no seat left",
    ),
    "text without a type": (
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\n\r\nno seat left",
        "no seat left",
    ),
    "a page that is only a number": (
        reply(b"403 Forbidden", body=b"<title>403</title>", kind=b"text/html"),
        "403",
    ),
    "a JSON string": (reply(b"403 Forbidden", body=b'"no seat left"'), "no seat left"),
    "an error under a foreign id": (
        reply(b"403 Forbidden", body=b'{"jsonrpc":"2.0","id":99,"error":{"code":1,"message":"no quota"}}'),
        "no quota",
    ),
    "a server error": (reply(b"500 Oops", body=b"database is down", kind=b"text/plain"), "database is down"),
    "an echo of the token": (
        reply(b"403 No", body=f"token {TOKEN} has no role".encode(), kind=b"text/plain"),
        "token … has no role",
    ),
}


@pytest.mark.parametrize("shape", DENIED)
@story
async def test_a_refusal_is_quoted(shape):
    answer, said = DENIED[shape]
    async with Scripted() as server, connected(server, credentials=Tokens(TOKEN)) as remote:
        server.play(*failed(answer))
        with pytest.raises(UpstreamFailed) as raised:
            await collect(remote.post(CALL, {}))
    assert raised.value.message.endswith(f", saying “{said}”")
    assert str(raised.value) == raised.value.message


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (b"404 Not Found", b"text/html", "check the path"),
        (b"403 Forbidden", b"text/html", "firewall"),
        (b"403 Forbidden", b"text/plain", "organisation header"),
        (b"502 Bad Gateway", b"text/html", "try again"),
        (b"511 Log In", b"text/html", "captive portal"),
        (b"200 OK", b"text/html", "captive portal"),
    ],
)
@story
async def test_the_hint_about_a_web_page_depends_on_its_status(status, kind, hint):
    async with Scripted() as server, connected(server) as remote:
        server.play(*failed(reply(status, body=b"<title>Nginx</title>", kind=kind)))
        with pytest.raises(UpstreamFailed) as raised:
            await collect(remote.post(CALL, {}))
    assert f"HTTP {status[:3].decode()}" in raised.value.message
    assert hint in raised.value.hint


@story
async def test_retry_after_of_a_web_page_is_kept():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"503 Busy", b"Retry-After: 60", body=b"<title>Busy</title>", kind=b"text/html")))
        with pytest.raises(UpstreamFailed) as raised:
            await collect(remote.post(OPENING, {}))
    assert raised.value.retry_after == 60


@pytest.mark.parametrize(
    ("headers", "body", "kind", "said"),
    [
        (
            [b'WWW-Authenticate: Bearer error="invalid_token", error_description="too old"'],
            b"",
            b"text/plain",
            "too old",
        ),
        ([b'WWW-Authenticate: Bearer error="invalid_token"'], b"Jwt is expired", b"text/plain", "Jwt is expired"),
        ([], b'{"error": "no such user"}', b"application/json", "no such user"),
        ([], b"<title>Sign in</title>", b"text/html", "Sign in"),
        ([], f"unknown {TOKEN}2".encode(), b"text/plain", "unknown …"),
        ([], b'{"error": "invalid_token"}', b"application/json", ""),
        ([], b"", b"text/plain", ""),
    ],
)
@story
async def test_a_refusal_of_the_credentials_is_quoted(headers, body, kind, said):
    refusal = reply(b"401 No", *headers, body=body, kind=kind)
    async with Scripted() as server, connected(server, credentials=Tokens(TOKEN, f"{TOKEN}2", "3")) as remote:
        server.play(one(refusal), one(refusal))
        with pytest.raises(LoginRequired) as raised:
            await collect(remote.post(CALL, {}))
    assert raised.value.message.endswith(f"(HTTP 401{f', saying “{said}”' if said else ''})")


def preflight(*names):
    return reply(b"204 No Content", b"Access-Control-Allow-Headers: " + ", ".join(names).encode())


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (preflight("Authorization", "Content-Type", "X-Acme-Tenant"), "the server also takes the header X-Acme-Tenant"),
        (preflight("Authorization", "X-Org", "Mcp-Session-Id"), "replace it: the file t"),  # it is sent
        (preflight("*"), "replace it: the file t"),
        (preflight("X-Org$(id)-Id"), "replace it: the file t"),
        (reply(b"405 No"), "replace it: the file t"),
    ],
)
@story
async def test_a_header_that_the_server_names_and_that_is_not_sent_is_in_the_hint(answer, hint):
    tokens = Tokens("t1", "t2", explanation=CredentialRefused("refused", "replace it: the file t", facts={}))
    async with Scripted() as server, connected(server, credentials=tokens) as remote:
        server.play(one(reply(b"401 No")), one(reply(b"401 No")), one(answer))
        with pytest.raises(CredentialRefused) as raised:
            await collect(remote.post(CALL, {}))
        asked = server.requests[-1]
    assert asked.startswith(b"OPTIONS /mcp ")
    assert b"Bearer" not in asked
    assert raised.value.hint.startswith(hint)
    assert raised.value.hint.endswith("replace it: the file t")


@story
async def test_a_403_names_the_header_too_and_the_server_is_asked_once():
    refusal = reply(b"403 Forbidden", body=b"RBAC: access denied", kind=b"text/plain")
    async with Scripted() as server, connected(server) as remote:
        server.play(one(refusal), one(preflight("X-Acme-Tenant")), one(refusal))
        for _ in range(2):
            with pytest.raises(UpstreamFailed) as raised:
                await collect(remote.post(CALL, {}))
            assert raised.value.hint.startswith("the server also takes the header X-Acme-Tenant")
            assert raised.value.facts["missing_header"] == "X-Acme-Tenant"


@story
async def test_an_error_that_is_raised_again_names_the_header_once():
    refused = CredentialRefused("refused", "replace it", facts={})
    async with (
        Scripted() as server,
        connected(server, credentials=Tokens("1", "2", "3", explanation=refused)) as remote,
    ):
        server.play(
            one(reply(b"401 No")), one(reply(b"401 No")), one(preflight("X-Acme-Tenant")), *[one(reply(b"401 No"))] * 2
        )
        for _ in range(2):
            with pytest.raises(CredentialRefused):
                await collect(remote.post(CALL, {}))
    assert refused.hint.count("X-Acme-Tenant") == 3


@story
async def test_a_token_that_shows_its_own_fault_leads_to_no_preflight():
    expired = TokenExpired("refused", "replace it", facts={})
    async with Scripted() as server, connected(server, credentials=Tokens("1", "2", explanation=expired)) as remote:
        server.play(one(reply(b"401 No")), one(reply(b"401 No")))
        with pytest.raises(TokenExpired):
            await collect(remote.post(CALL, {}))
        assert len(server.requests) == 2
