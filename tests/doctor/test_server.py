"""What the checks of the server find at servers that answer in every way: outcome, signs, and whose fault it is."""

import pytest
from answering import URL, answer, answers, found, refusing, silence, unsent, welcomed
from examining import evidence_of, examined
from faults.server import END, WELCOMED, FaultServer, Made, chunked, chunks, event, head, plain, response, sound, whole
from peers.scripted import CUT, DRAIN, REQUEST, Scripted
from pooling import story
from ways import knock, way

from mcp_auth_bridge.doctor import answers as answers_module
from mcp_auth_bridge.doctor import asking as asking_module
from mcp_auth_bridge.doctor.answers import Session
from mcp_auth_bridge.doctor.finding import Outcome, Section
from mcp_auth_bridge.doctor.once import Once
from mcp_auth_bridge.doctor.server import credential, preflight, stranger, stream
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame
from mcp_auth_bridge.errors import Overdue
from mcp_auth_bridge.shell.net.handshake import Handshake

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

H2 = b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18)  # SETTINGS
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
    ("in a circle", [head(308, b"Location: /mcp")], Blame.SERVER, {Symptom.REDIRECTS_NOWHERE}),
    ("to nowhere", [head(302)], Blame.SERVER, {Symptom.REDIRECTS_NOWHERE}),
    ("a page forbids", page(403, "403 Forbidden", NGINX), Blame.SERVER, {Symptom.FORBIDDEN_BY_PAGE}),
    ("RBAC", [whole(403, b"text/plain", b"RBAC: access denied")], Blame.SERVER, {Symptom.FORBIDDEN}),
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
    ("silence", [DRAIN], Blame.SERVER, {Symptom.SERVER_SILENT}),
    ("cut", [CUT], Blame.SERVER, {Symptom.CUT_OFF}),
    ("broken HTTP", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", CUT], Blame.SERVER, {Symptom.BROKEN_HTTP}),
    ("HTTP/2", [H2, CUT], Blame.SERVER, {Symptom.HTTP_2_ANSWER}),
    ("no length", [head(200, b"Content-Length: x", length=None), CUT], Blame.SERVER, {Symptom.BROKEN_HTTP}),
    ("202", [head(202)], Blame.SERVER, {Symptom.NOT_A_MESSAGE}),
    ("empty", [plain(b"")], Blame.SERVER, {Symptom.NOT_A_MESSAGE}),
    ("broken JSON", [plain(b'{"jsonrpc":')], Blame.SERVER, {Symptom.NOT_A_MESSAGE}),
    ("XML", [whole(200, b"application/xml", b"<ok/>")], Blame.SERVER, {Symptom.NOT_A_MESSAGE}),
    ("a silent stream", [chunked(b": hello\n\n"), DRAIN], Blame.SERVER, {Symptom.NOT_A_MESSAGE}),
    ("an ended stream", [chunked(b""), END], Blame.SERVER, {Symptom.NOT_A_MESSAGE}),
    ("400", [plain(b'{"message":"no such tenant"}', 400)], Blame.SERVER, {Symptom.REFUSES_OPENING}),
    ("an error", error(200, -32603, b"database is down"), Blame.SERVER, {Symptom.REFUSES_OPENING}),
]


@pytest.mark.parametrize(("script", "blame", "signs"), [row[1:] for row in MATRIX], ids=[row[0] for row in MATRIX])
@story
async def test_a_server_that_answers_nothing_else_is_told_by_its_answer(script, blame, signs, tmp_path, monkeypatch):
    monkeypatch.setattr(answers_module, "HEAD_PATIENCE", 0.3)
    monkeypatch.setattr(asking_module, "REPLY_PATIENCE", 0.3)
    monkeypatch.setattr(answers_module, "PAUSE", 0.0)
    monkeypatch.setattr(answers_module, "SESSION_PATIENCE", 0.3)
    async with FaultServer() as server:
        server.always("initialize", script)
        server.always("server/discover", script)
        findings, verdict = await examined(evidence_of(tmp_path, server.url), Section.SERVER)
    found = findings["no credential"]
    assert found.outcome is Outcome.FAIL, found
    assert {each.symptom for each in found.signs} == signs
    assert verdict.blame is blame, verdict
    for text in (verdict.sentence, verdict.step):
        assert text


@story
async def test_a_port_where_nothing_speaks_http_is_a_wrong_port(tmp_path):
    async with Scripted(forever=[REQUEST, b"SSH-2.0-OpenSSH_9.2\r\n\r\n", CUT]) as server:
        url = f"http://127.0.0.1:{server.port}/mcp"
        findings, verdict = await examined(evidence_of(tmp_path, url), Section.SERVER)
    assert [each.symptom for each in findings["no credential"].signs] == [Symptom.NOT_HTTP]
    assert (verdict.blame, "port" in verdict.step) == (Blame.YOU, True)


@story
async def test_a_credential_that_is_known_and_not_allowed_is_told_from_a_wall(tmp_path):
    async with FaultServer() as server:
        known = Made(lambda sent: head(403) if "authorization" in sent.headers else head(401))
        for method in ("initialize", "server/discover"):
            server.always(method, [known])
        _, verdict = await examined(evidence_of(tmp_path, server.url, TOKEN, **HAS_TOKEN), Section.SERVER)
    assert (verdict.blame, "give that account access" in verdict.step) == (Blame.YOU, True)


@story
async def test_an_open_server_is_told_with_its_name_its_era_and_what_it_offers(tmp_path):
    async with FaultServer() as server:
        findings, verdict = await examined(evidence_of(tmp_path, server.url), Section.SERVER)
    assert verdict.blame is Blame.NOTHING
    assert [each.symptom for each in findings["no credential"].signs] == [Symptom.SERVES_STRANGERS]
    assert findings["credential"].outcome is Outcome.SKIP
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
    found = findings["no credential"]
    assert (found.outcome, found.says) == (
        Outcome.OK,
        f"it asks for credentials (HTTP 401, saying “Jwt is missing”){says}",
    )
    assert {each.symptom for each in found.signs} == {Symptom.WANTS_CREDENTIALS, *more}
    assert findings["credential"].says == "it accepts the credential"


@pytest.mark.parametrize(
    ("auth", "status", "refused"),
    [('{ kind = "none" }', 403, "no credential"), (TOKEN, 403, "credential"), (TOKEN, 401, "credential")],
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
async def test_of_many_headers_that_the_server_takes_only_the_first_are_shown(tmp_path):
    names = ", ".join(f"x-{number}" for number in range(1000)).encode()
    async with FaultServer() as server:
        server.always("OPTIONS", [head(204, b"Access-Control-Allow-Headers: " + names, length=None)])
        findings, _ = await examined(evidence_of(tmp_path, server.url), Section.SERVER)
    assert findings["OPTIONS"].says.endswith(", x-28, x-29 and 970 more")


@story
async def test_a_wrong_path_is_told_with_the_right_one(tmp_path):
    async with FaultServer() as server:
        for method in ("initialize", "server/discover"):
            server.always(method, [Made(at_mcp_only)])
        findings, verdict = await examined(evidence_of(tmp_path, server.url.removesuffix("/mcp")), Section.SERVER)
    assert findings["no credential"].hint == f"it speaks MCP at {server.url}"
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
    assert [each.symptom for each in findings["no credential"].signs] == ([symptom] if symptom else [])
    assert verdict.blame is (Blame.SERVER if symptom else Blame.NOTHING)
    assert findings["content"].outcome is Outcome.SKIP


@story
async def test_a_single_sign_on_in_front_of_the_server_is_told_from_a_login_of_its_own(tmp_path):
    async with FaultServer() as server:
        for method in ("initialize", "server/discover", "GET"):
            server.always(method, [head(302, b"Location: https://sso.example/login?state=secret")])
        findings, _ = await examined(evidence_of(tmp_path, server.url), Section.SERVER)
        assert {each.symptom for each in findings["no credential"].signs} == {
            Symptom.WANTS_CREDENTIALS,
            Symptom.SENT_TO_LOGIN,
        }
        assert "secret" not in repr(findings)
        _, verdict = await examined(evidence_of(tmp_path, server.url, TOKEN, **HAS_TOKEN), Section.SERVER)
    assert (verdict.blame, "https://sso.example" in verdict.sentence) == (Blame.SERVER, True)
    assert "{" not in verdict.operator


class Older:
    """Lets `server` speak HTTP+SSE: each stream names a place of its own for messages."""

    def __init__(self, server, welcomed=WELCOMED):
        self._streams = []
        self._welcomed = welcomed
        server.always("GET", [self._open])
        for method in ("initialize", "tools/list", "notifications/initialized", "server/discover"):
            server.always(method, [Made(lambda exchange: lambda _, writer: self._take(exchange, writer))])

    async def _open(self, reader, writer):
        writer.write(chunked(b"event: endpoint\ndata: /messages/%d\n\n" % len(self._streams)))
        self._streams.append(writer)
        await reader.read()

    async def _take(self, exchange, writer):
        if exchange.target == "/mcp":
            writer.write(head(405))
            return
        writer.write(head(202))
        if exchange.id is not None:
            result = self._welcomed if exchange.method == "initialize" else {"tools": [{"name": "a"}, {"name": "b"}]}
            stream = self._streams[int(exchange.target.rpartition("/")[2])]
            stream.write(chunks(event(response(exchange, result))))


@story
async def test_the_older_transport_is_told_and_works(tmp_path):
    async with FaultServer() as server:
        Older(server)
        findings, verdict = await examined(evidence_of(tmp_path, server.url), Section.SERVER)
    assert verdict.blame is Blame.NOTHING, findings
    assert findings["no credential"].says == "it serves everybody: no login is needed"
    assert findings["GET"].says == "it offers the stream of the older transport (HTTP+SSE)"
    assert findings["transport"].says == "HTTP+SSE, the transport of 2024-11-05: one stream is the session"
    assert findings["revision"].says == "“far 1”: 2025-11-25, the era of sessions"
    assert findings["content"].says == "2 tools"


@story
async def test_a_server_of_the_older_transport_that_fails_is_not_taken_for_a_wrong_path(tmp_path):
    async with FaultServer() as server:
        Older(server)
        server.always("initialize", [Made(lambda exchange: head(405 if exchange.target == "/mcp" else 500))])
        findings, verdict = await examined(evidence_of(tmp_path, server.url), Section.SERVER)
    assert [each.symptom for each in findings["no credential"].signs] == [Symptom.FAILS_LATER]
    assert verdict.blame is Blame.SERVER


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (answer(200, kind="text/event-stream"), "it offers a stream of its own"),
        (silence(), "it does not answer, and need not"),
        (refusing(), "it asks for credentials here too"),
        (answer(403), "it refuses this request too"),
    ],
)
def test_whatever_a_get_is_answered_is_right(given, says):
    told = found(stream, answers(welcomed(), stream=given))
    assert (told.outcome, told.says) == (Outcome.OK, says)


def test_a_preflight_need_not_be_answered():
    told = found(preflight, answers(welcomed(), preflight=silence()))
    assert (told.outcome, told.says) == (Outcome.OK, "it does not answer, and need not")


@story
async def test_a_refusal_in_json_rpc_is_told_as_one_that_few_clients_understand(tmp_path):
    error = b'{"jsonrpc":"2.0","id":null,"error":{"code":401,"message":"who?"}}'
    async with FaultServer() as server:
        server.always("initialize", [plain(error)])
        findings, _ = await examined(evidence_of(tmp_path, server.url), Section.SERVER)
    assert "in a JSON-RPC error, which clients without this bridge may not understand" in findings["no credential"].says


def test_a_slow_server_is_not_taken_for_one_that_fails(tmp_path):
    late = Session({}, Overdue("a session did not come about within 8 seconds"))
    slow = welcomed(milliseconds=4000)
    given = answers(slow, credential=slow, session=late, stranger_session=late)
    told = found(credential, given, evidence_of(tmp_path, str(URL)))
    assert (told.outcome, told.says.partition(":")[0]) == (Outcome.OK, "it answers, but slowly")


def test_a_fault_that_only_a_request_meets_is_told(tmp_path):
    """Nothing could be sent, and the way is good; or only the stranger's request could not be sent."""
    nothing = unsent()
    evidence = evidence_of(tmp_path, str(URL))

    async def good():
        return way(knocks=[knock("192.0.2.1")], handshake=Handshake("TLSv1.3"))

    evidence.way = Once(good)
    given = answers(nothing, discover=nothing, stream=nothing, preflight=nothing)
    told = found(stranger, given, evidence)
    assert (told.outcome, told.says, told.hint) == (Outcome.FAIL, "far refuses connections", "start it")
    told = found(stranger, answers(nothing), evidence)
    assert (told.outcome, told.says, told.hint) == (Outcome.SKIP, "it could not be asked", "far refuses connections")


BROWSER = '{ kind = "browser" }'


@pytest.mark.parametrize(
    ("refusal", "blame", "says", "step"),
    [
        (
            [head(401, b'WWW-Authenticate: Basic realm="far"')],
            Blame.YOU,
            "credentials of the kind “basic”",
            'kind = "headers", headers = { Authorization = "env:NAME" }',
        ),
        ([head(302, b"Location: https://sso.example/login?to=mcp")], Blame.SERVER, "https://sso.example", "operator"),
        ([head(401, b"WWW-Authenticate: Bearer")], Blame.SERVER, "does not say where to log in", "operator"),
    ],
)
@story
async def test_a_refusal_without_a_way_to_log_in_is_told_by_what_it_wants_instead(refusal, blame, says, step, tmp_path):
    async with FaultServer() as server:
        server.always("GET", [head(404)])
        for method in ("initialize", "server/discover"):
            server.always(method, refusal)
        evidence = evidence_of(tmp_path, server.url, BROWSER)
        _, verdict = await examined(evidence, Section.SERVER, Section.OAUTH, Section.CREDENTIAL)
    assert verdict.blame is blame, verdict
    assert says in verdict.sentence
    assert step in verdict.step
