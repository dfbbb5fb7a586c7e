"""The answers of a server, gathered side by side: with and without credentials, in either era."""

import json

import pytest
from examining import evidence_of
from faults.server import SESSION, FaultServer, Made, head, plain, response, whole
from peers.scripted import CUT, DRAIN, Scripted
from pooling import story

from mcp_auth_bridge.doctor import answers as answers_module

TOKEN = '{ kind = "bearer", token = "env:TOKEN" }'
SECRET = "a-token-that-nobody-may-see"
HAS_TOKEN = {"environ": {"TOKEN": SECRET, "ORG": "42-and-more"}}
WITH_ORG = {**HAS_TOKEN, "more": 'headers = { "X-Org-Id" = "env:ORG" }'}


@pytest.mark.parametrize("era", ["legacy", "modern"])
@story
async def test_an_open_server_answers_in_its_own_era(era, tmp_path):
    async with FaultServer(era) as server:
        answers = await evidence_of(tmp_path, server.url).answers()
    assert (answers.credential, answers.organisation, answers.refusal) == (None, None, None)
    assert answers.bare is answers.best is answers.stranger
    if era == "legacy":
        assert answers.bare.in_session
        assert (answers.bare.status, answers.bare.kind) == (200, "application/json")
        assert b'"far"' in answers.bare.result
        assert (answers.discover.status, answers.discover.result) == (404, None)
        assert answers.stranger_session.results.keys() == {"initialize", "tools/list"}
    else:
        assert (answers.bare.status, answers.bare.said) == (400, "no")
        assert b"2026-07-28" in answers.discover.result
        assert answers.stranger_session.results.keys() == {"server/discover", "era"}
    assert (answers.stream.status, answers.preflight.status) == (405, 202)
    assert SESSION not in repr(answers)
    assert len(server.sent("DELETE")) == (2 if era == "legacy" else 0)


def demanding(*demanded, reply=None):
    """A step for a server that answers `reply` with 401 unless all `demanded` headers are there."""

    def make(exchange):
        if all(name in exchange.headers for name in demanded):
            return plain(response(exchange, {"protocolVersion": "2025-11-25", "capabilities": {}}))
        challenge = b'WWW-Authenticate: Bearer resource_metadata="https://far.example/.well-known/x"'
        return whole(401, b"text/plain", b"Jwt is missing, not " + SECRET.encode(), challenge)

    return reply or Made(make)


@story
async def test_each_opening_presents_more_than_the_one_before(tmp_path):
    async with FaultServer() as server:
        server.always("initialize", [demanding("x-org-id", "authorization")])
        answers = await evidence_of(tmp_path, server.url, TOKEN, **WITH_ORG).answers()
        openings = [{"x-org-id", "authorization"} & {*each.headers} for each in server.sent("initialize")]
        others = [{"x-org-id", "authorization"} & {*each.headers} for each in server.tap if each.verb == "OPTIONS"]
    assert sorted(map(sorted, openings)) == [[], *2 * [["authorization", "x-org-id"]], ["x-org-id"]]
    assert others == [set()]
    assert [answers.bare.status, answers.organisation.status, answers.credential.status] == [401, 401, 200]
    assert answers.challenge.resource_metadata == "https://far.example/.well-known/x"
    assert (answers.stranger_session, answers.session.error) == (None, None)
    assert (answers.credential_refusal, answers.best) == (None, answers.credential)
    assert sorted(answers.sent) == ["authorization", "x-org-id"]


@story
async def test_what_a_server_repeats_of_the_credentials_is_cut_out(tmp_path):
    async with FaultServer() as server:
        server.always("initialize", [demanding("nothing")])
        answers = await evidence_of(tmp_path, server.url, TOKEN, **HAS_TOKEN).answers()
    assert answers.credential.said == "Jwt is missing, not …"
    assert answers.credential.first_line == "“Jwt is missing, not …”"
    assert answers.credential_refusal.status == 401


@pytest.mark.parametrize("late", ["initialize", "tools/list"])
@story
async def test_a_refusal_may_come_in_json_rpc_and_late(late, tmp_path):
    error = b'{"code":401,"message":"no token","data":{"www_authenticate":"Bearer"}}'
    refusing = Made(lambda sent: plain(b'{"jsonrpc":"2.0","id":"%b","error":%b}' % (sent.id.encode(), error)))
    async with FaultServer() as server:
        server.always(late, [refusing])
        answers = await evidence_of(tmp_path, server.url, TOKEN, **HAS_TOKEN).answers()
    assert (answers.refusal.status, answers.refusal.protocol, answers.challenge.scheme) == (401, "JSON-RPC", "bearer")
    assert answers.credential_refusal.protocol == "JSON-RPC"


@story
async def test_a_silent_server_a_cut_and_a_closed_port_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(answers_module, "HEAD_PATIENCE", 0.2)
    found = []
    for script in ([DRAIN], [CUT]):
        async with Scripted(forever=script) as server:
            url = f"http://127.0.0.1:{server.port}/mcp"
            found.append(await evidence_of(tmp_path, url).answers())
    found.append(await evidence_of(tmp_path, url).answers())
    assert [each.is_cut_off for each in found] == [False, False, True]
    assert [[each.is_silence, each.is_cut] for each in (answers.bare for answers in found)] == [
        [True, False],
        [False, True],
        [False, False],
    ]


@story
async def test_redirects_within_the_origin_are_followed_and_others_told(tmp_path):
    async with FaultServer() as server:
        server.on("initialize", [head(307, b"Location: /mcp/")])
        server.always("GET", [head(302, b"Location: https://elsewhere.example/login?secret=1")])
        answers = await evidence_of(tmp_path, server.url).answers()
        ended = {each.target for each in server.sent("DELETE")}
    assert (answers.bare.redirects, answers.bare.status) == (("/mcp/",), 200)
    assert "/mcp/" in ended
    assert (answers.stream.status, answers.stream.field("location")) == (
        302,
        "https://elsewhere.example/login?secret=1",
    )


@pytest.mark.parametrize("method", ["initialize", "tools/list"])
@story
async def test_what_may_be_too_much_at_a_time_is_asked_once_more(method, tmp_path, monkeypatch):
    monkeypatch.setattr(answers_module, "PAUSE", 0.0)
    async with FaultServer() as server:
        server.on(method, [head(429)])
        answers = await evidence_of(tmp_path, server.url).answers()
    assert (answers.bare.status, answers.stranger_session.error) == (200, None)


@story
async def test_a_session_that_fails_does_not_repeat_what_was_sent(tmp_path):
    def echo(exchange):
        sent = [exchange.headers.get(name) for name in ("authorization", "x-org-id")]
        error = {"code": -32000, "message": f"bad {sent}"}
        return plain(json.dumps({"jsonrpc": "2.0", "id": exchange.message["id"], "error": error}).encode())

    async with FaultServer() as server:
        server.always("initialize", [Made(echo)])
        answers = await evidence_of(tmp_path, server.url, TOKEN, **WITH_ORG).answers()
    assert "saying “bad ['Bearer …', '…']”" in answers.session.error.message


@story
async def test_organisation_headers_that_cannot_be_read_are_left_out(tmp_path):
    async with FaultServer() as server:
        evidence = evidence_of(tmp_path, server.url, more='headers = { "X-Org-Id" = "env:NOT_SET" }')
        answers = await evidence.answers()
    assert (answers.organisation, answers.credential, answers.bare.status) == (None, None, 200)
