"""What the checks of the server find at servers that answer in every way: outcome, signs, and whose fault it is."""

import pytest
from examining import evidence_of, examined
from faults.server import END, FaultServer, Made, chunked, head, plain, response, sound, whole
from peers.scripted import CUT, DRAIN
from pooling import story

from mcp_auth_bridge.doctor import answer as answer_module
from mcp_auth_bridge.doctor import answers as answers_module
from mcp_auth_bridge.doctor.finding import Outcome, Section
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame

TOKEN = '{ kind = "bearer", token = "env:TOKEN" }'
HAS_TOKEN = {"environ": {"TOKEN": "a-token-that-nobody-may-see"}}


def page(status, title, *headers):
    body = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return [whole(status, b"text/html", body.encode(), *headers)]


def error(status, code, message):
    body = b'{"jsonrpc":"2.0","id":null,"error":{"code":%d,"message":"%b"}}' % (code, message)
    return [plain(body, status)]


NGINX = b"Server: nginx/1.22.1"
ELSEWHERE = b"Location: https://sso.example/start?return=secret"

MATRIX = [
    ("404", page(404, "404 Not Found", NGINX), Blame.YOU, {Symptom.NOT_MCP}),
    ("405", [head(405, b"Allow: GET")], Blame.YOU, {Symptom.NOT_MCP}),
    ("a web page", page(200, "Welcome"), Blame.YOU, {Symptom.WEB_PAGE}),
    ("511", page(511, "Log in"), Blame.NETWORK, {Symptom.PORTAL}),
    (
        "to another place",
        [head(302, b"Location: https://portal.example/start?x=1")],
        Blame.SERVER,
        {Symptom.SENT_ELSEWHERE},
    ),
    ("to a new URL", [head(301, b"Location: https://new.example/mcp")], Blame.YOU, {Symptom.MOVED}),
    ("in a circle", [head(308, b"Location: /mcp")], Blame.SERVER, {Symptom.REDIRECTS_IN_VAIN}),
    ("to nowhere", [head(302)], Blame.SERVER, {Symptom.REDIRECTS_IN_VAIN}),
    ("a page forbids", page(403, "403 Forbidden", NGINX), Blame.SERVER, {Symptom.FORBIDDEN_BY_PAGE}),
    ("RBAC", [whole(403, b"text/plain", b"RBAC: access denied")], Blame.UNKNOWN, {Symptom.FORBIDDEN}),
    ("421", [whole(421, b"text/plain", b"Invalid Host header")], Blame.SERVER, {Symptom.HOST_REFUSED}),
    ("SDK's host", error(403, -32000, b"Invalid Host: far.example"), Blame.SERVER, {Symptom.HOST_REFUSED}),
    ("429", [head(429, b"Retry-After: 7")], Blame.SERVER, {Symptom.RATE_LIMITED}),
    ("500", [plain(b'{"error":"boom"}', 500)], Blame.SERVER, {Symptom.SERVER_ERROR}),
    ("502", page(502, "502 Bad Gateway", NGINX), Blame.SERVER, {Symptom.BAD_GATEWAY}),
    ("503", [plain(b'{"detail":"starting"}', 503)], Blame.SERVER, {Symptom.UNAVAILABLE}),
    ("504", page(504, "504 Gateway Time-out", NGINX), Blame.SERVER, {Symptom.GATEWAY_TIMEOUT}),
    ("413", page(413, "413 Request Entity Too Large", NGINX), Blame.SERVER, {Symptom.BODY_TOO_LARGE}),
    ("431", [head(431)], Blame.SERVER, {Symptom.HEADERS_TOO_LARGE}),
    (
        "nginx's 400",
        page(400, "400 Request Header Or Cookie Too Large", NGINX),
        Blame.SERVER,
        {Symptom.HEADERS_TOO_LARGE},
    ),
    ("https port", page(400, "400 The plain HTTP request was sent to HTTPS port"), Blame.YOU, {Symptom.HTTPS_PORT}),
    ("silence", [DRAIN], Blame.SERVER, {Symptom.SILENT}),
    ("cut", [CUT], Blame.UNKNOWN, {Symptom.CUT_OFF}),
    ("another protocol", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", CUT], Blame.YOU, {Symptom.NOT_HTTP}),
    ("202", [head(202)], Blame.SERVER, {Symptom.NOT_A_MESSAGE}),
    ("empty", [plain(b"")], Blame.SERVER, {Symptom.NOT_A_MESSAGE}),
    ("broken JSON", [plain(b'{"jsonrpc":')], Blame.SERVER, {Symptom.NOT_A_MESSAGE}),
    ("XML", [whole(200, b"application/xml", b"<ok/>")], Blame.SERVER, {Symptom.NOT_A_MESSAGE}),
    ("a silent stream", [chunked(b": hello\n\n"), DRAIN], Blame.SERVER, {Symptom.NOT_A_MESSAGE}),
    ("an ended stream", [chunked(b""), END], Blame.SERVER, {Symptom.NOT_A_MESSAGE}),
    ("400", [plain(b'{"message":"no such tenant"}', 400)], Blame.UNKNOWN, {Symptom.REFUSES_OPENING}),
    ("an error", error(200, -32603, b"database is down"), Blame.UNKNOWN, {Symptom.REFUSES_OPENING}),
]


@pytest.mark.parametrize(("script", "blame", "signs"), [row[1:] for row in MATRIX], ids=[row[0] for row in MATRIX])
@story
async def test_a_server_that_answers_nothing_else_is_told_by_its_answer(script, blame, signs, tmp_path, monkeypatch):
    monkeypatch.setattr(answers_module, "HEAD_PATIENCE", 0.3)
    monkeypatch.setattr(answer_module, "REPLY_PATIENCE", 0.3)
    monkeypatch.setattr(answers_module, "PAUSE", 0.0)
    monkeypatch.setattr(answers_module, "SESSION_PATIENCE", 0.3)
    async with FaultServer() as server:
        server.always("initialize", script)
        server.always("server/discover", script)
        findings, verdict = await examined(evidence_of(tmp_path, server.url), Section.SERVER)
    found = findings["a stranger"]
    assert found.outcome is Outcome.FAIL, found
    assert {each.symptom for each in found.signs} == signs
    assert verdict.blame is blame, verdict
    for text in (verdict.sentence, verdict.step):
        assert text


@story
async def test_an_open_server_is_told_with_its_name_its_era_and_what_it_offers(tmp_path):
    async with FaultServer() as server:
        findings, verdict = await examined(evidence_of(tmp_path, server.url), Section.SERVER)
    assert verdict.blame is Blame.NOTHING
    assert [each.symptom for each in findings["a stranger"].signs] == [Symptom.SERVES_STRANGERS]
    assert findings["the credential"].outcome is Outcome.SKIP
    assert findings["revision"].says == "“far 1”: 2025-11-25, the era of sessions"
    assert findings["transport"].says == "streamable HTTP, in a session (Mcp-Session-Id); replies come as JSON"
    assert findings["content"].says == "1 tool"


def guarded(*demanded, status=401, words=b"Jwt is missing", headers=()):
    """A step for a server that serves requests with all `demanded` headers and answers others with `status`."""

    def make(exchange):
        if all(name in exchange.headers for name in demanded):
            return plain(response(exchange, {"protocolVersion": "2025-11-25", "capabilities": {}}))
        return whole(status, b"text/plain", words, *headers)

    return [Made(make)]


@pytest.mark.parametrize(
    ("headers", "more", "says"),
    [
        ((b'WWW-Authenticate: Bearer resource_metadata="https://x"',), set(), ""),
        ((), {Symptom.NO_CHALLENGE}, ", without a WWW-Authenticate header"),
        (
            (b'WWW-Authenticate: Negotiate, Basic realm="a"',),
            {Symptom.OTHER_SCHEME},
            ", and names the scheme “negotiate, basic”, which is not one of OAuth's",
        ),
    ],
)
@story
async def test_a_refusal_of_strangers_is_told_with_its_words_and_its_challenge(headers, more, says, tmp_path):
    async with FaultServer() as server:
        server.always("initialize", guarded("authorization", headers=headers))
        findings, _ = await examined(evidence_of(tmp_path, server.url, TOKEN, **HAS_TOKEN), Section.SERVER)
    found = findings["a stranger"]
    assert (found.outcome, found.says) == (
        Outcome.OK,
        f"it asks for credentials (HTTP 401, saying “Jwt is missing”){says}",
    )
    assert {each.symptom for each in found.signs} == {Symptom.WANTS_CREDENTIALS, *more}
    assert findings["the credential"].says == "it accepts the credential"


@pytest.mark.parametrize(
    ("auth", "status", "refused"),
    [('{ kind = "none" }', 403, "a stranger"), (TOKEN, 403, "the credential"), (TOKEN, 401, "the credential")],
)
@story
async def test_a_refusal_names_the_header_that_the_server_takes_and_that_is_not_sent(auth, status, refused, tmp_path):
    async with FaultServer() as server:
        server.always("OPTIONS", [head(204, b"Access-Control-Allow-Headers: authorization, acme-com-org", length=None)])
        for method in ("initialize", "server/discover"):
            server.always(method, guarded("acme-com-org", status=status, words=b"RBAC: access denied"))
        findings, verdict = await examined(evidence_of(tmp_path, server.url, auth, **HAS_TOKEN), Section.SERVER)
    assert findings[refused].outcome is Outcome.FAIL
    assert (findings["OPTIONS"].outcome, findings["OPTIONS"].says) == (
        Outcome.OK,
        "it takes the headers authorization, acme-com-org; acme-com-org is not sent",
    )
    assert verdict.blame is Blame.YOU
    assert "RBAC: access denied" in verdict.sentence
    assert "--header 'acme-com-org: …'" in verdict.step
    assert 'headers = { "acme-com-org" = "…" }' in verdict.step


@story
async def test_a_wrong_path_is_told_with_the_right_one(tmp_path):
    async with FaultServer() as server:
        for method in ("initialize", "server/discover"):
            server.always(method, [Made(at_mcp_only)])
        findings, verdict = await examined(evidence_of(tmp_path, server.url.removesuffix("/mcp")), Section.SERVER)
    assert findings["a stranger"].hint == f"it speaks MCP at {server.url}"
    assert (verdict.blame, server.url in verdict.step) == (Blame.YOU, True)


def at_mcp_only(exchange):
    return sound(exchange, "legacy") if exchange.target == "/mcp" else head(404)


@pytest.mark.parametrize(
    ("script", "symptom"),
    [
        ([head(404)], Symptom.SESSION_FORGOTTEN),
        ([plain(b'{"detail":"boom"}', 500)], Symptom.FAILS_LATER),
        ([head(429)], None),
    ],
)
@story
async def test_a_server_that_opens_and_then_fails_is_told_by_its_first_request(script, symptom, tmp_path):
    async with FaultServer() as server:
        server.always("tools/list", script)
        findings, verdict = await examined(evidence_of(tmp_path, server.url), Section.SERVER)
    assert [each.symptom for each in findings["a stranger"].signs] == ([symptom] if symptom else [])
    assert verdict.blame is (Blame.SERVER if symptom else Blame.NOTHING)
    assert findings["content"].outcome is Outcome.SKIP


@story
async def test_a_single_sign_on_in_front_of_the_server_is_told_from_a_login_of_its_own(tmp_path):
    async with FaultServer() as server:
        for method in ("initialize", "server/discover", "GET"):
            server.always(method, [head(302, b"Location: https://sso.example/login?state=secret")])
        findings, _ = await examined(evidence_of(tmp_path, server.url), Section.SERVER)
        assert {each.symptom for each in findings["a stranger"].signs} == {
            Symptom.WANTS_CREDENTIALS,
            Symptom.SENT_TO_LOGIN,
        }
        assert "secret" not in repr(findings)
        _, verdict = await examined(evidence_of(tmp_path, server.url, TOKEN, **HAS_TOKEN), Section.SERVER)
    assert (verdict.blame, "https://sso.example" in verdict.sentence) == (Blame.SERVER, True)
    assert "{" not in verdict.operator
