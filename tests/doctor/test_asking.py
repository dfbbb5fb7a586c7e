"""One answer of a server: its head, the beginning of its body, its reply, and the error in its place."""

import msgspec
import pytest
from faults.server import END, FaultServer, Made, chunked, event, head, plain, refusal, response, whole
from peers.scripted import CUT, DRAIN
from pooling import pooled, story

from mcp_auth_bridge.credentials.static import Field, RereadValue, WithOrganisation
from mcp_auth_bridge.doctor import asking as asking_module
from mcp_auth_bridge.doctor.answer import Question
from mcp_auth_bridge.doctor.asking import ask
from mcp_auth_bridge.doctor.held_credential import OrganisationOnly
from mcp_auth_bridge.errors import (
    CredentialMissing,
    OutcomeUnknown,
    Overdue,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.relay.own_handshake import INITIALIZE
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.transports.cookies import CookieJar
from mcp_auth_bridge.shell.transports.sender import Sender
from mcp_auth_bridge.urls import Purpose, gate

OPENING, STREAM = Question("POST", INITIALIZE), Question("GET")
SECRET = "the-number-of-the-organisation"


async def organisation():
    return Secret(SECRET)


NAMED = (Field("x-org", RereadValue(organisation), "the header X-Org", "the test"),)


async def asked(script, question=OPENING, fields=NAMED, **settings):
    """The answer to `question` of a server that plays `script`, and the verbs that it got."""
    async with FaultServer() as server, pooled(**settings) as pool:
        server.always(question.message.method if question.message else question.verb, script)
        url = gate(server.url, Purpose.SERVER)
        sender = Sender(url, pool, WithOrganisation(lambda: fields, OrganisationOnly()), CookieJar())
        found = await ask(sender, url, question, lambda: 17.0)
        return found, [each.verb for each in server.tap]


@story
async def test_a_reply_is_kept_with_its_head_and_its_session_is_ended():
    fields = (b"Mcp-Session-Id: s-1", b"Server: far", b"Date: today", b"X-Other: 1")
    found, verbs = await asked([Made(lambda exchange: plain(response(exchange, {"a": 1}), 200, *fields))])
    assert (found.asked, found.status, found.kind, found.result) == (
        "POST initialize",
        200,
        "application/json",
        b'{"a": 1}',
    )
    assert {*found.fields} == {"content-type", "server", "date"}
    assert (found.in_session, found.received, found.error, found.said) == (True, 17.0, None, "")
    assert verbs == ["POST", "DELETE"]
    assert "s-1" not in repr(found)


@story
async def test_a_session_that_cannot_be_ended_is_left(monkeypatch):
    monkeypatch.setattr(asking_module, "ENDING_PATIENCE", 0.1)
    async with FaultServer() as server, pooled() as pool:
        server.always("DELETE", [CUT])
        url = gate(server.url, Purpose.SERVER)
        found = await ask(Sender(url, pool, OrganisationOnly(), CookieJar()), url, OPENING)
    assert found.in_session
    assert found.received > 1e9


@pytest.mark.parametrize("status", [200, 400, 404])
@story
async def test_an_error_is_a_reply_with_any_status(status):
    found, _ = await asked([Made(lambda exchange: plain(refusal(exchange, -32600), status))])
    assert (found.status, found.reply is None, found.result, found.error, found.said) == (
        status,
        False,
        None,
        None,
        "no",
    )


@story
async def test_a_reply_may_come_as_an_event_after_others():
    events = b": hello\n\n" + event(b'{"jsonrpc":"2.0","method":"x"}')
    found, _ = await asked([Made(lambda sent: chunked(events + event(response(sent, {"a": 1})))), DRAIN])
    assert (found.kind, found.event, found.result) == ("text/event-stream", "message", b'{"a": 1}')


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ([chunked(b": hello\n\n"), DRAIN], Overdue, "sent no reply within 0.2 seconds"),
        ([chunked(b": hello\n\n"), END], OutcomeUnknown, "ended its stream without a reply"),
        ([chunked(b": hello\n\n"), CUT], OutcomeUnknown, ""),
        ([plain(b"")], TheirProtocolError, "an empty body"),
        ([plain(b"{")], TheirProtocolError, "not a message"),
        ([plain(b'{"jsonrpc":"2.0","method":"x"}')], TheirProtocolError, "a message that is not its reply"),
        ([plain(b'{"jsonrpc":"2.0","id":"other","result":{}}')], TheirProtocolError, "not its reply"),
        ([head(202)], TheirProtocolError, "HTTP 202 and no content type"),
        ([plain(b'{"error":"Not Found"}', 404)], UpstreamFailed, "no MCP endpoint"),
        ([whole(404, b"text/html", b"<html>")], UpstreamFailed, "no MCP endpoint"),
        ([head(302, b"Location: https://new.example/mcp")], UpstreamFailed, "another origin"),
        ([head(307, b"Location: /mcp")], UpstreamFailed, "more than 3 times"),
        ([CUT], OutcomeUnknown, ""),
        ([DRAIN], Overdue, "did not begin to answer"),
        ([b"SSH-2.0-x\r\n\r\n", CUT], TheirProtocolError, ""),
    ],
)
@story
async def test_what_is_not_a_reply_leaves_the_reason(script, kind, words, monkeypatch):
    monkeypatch.setattr(asking_module, "REPLY_PATIENCE", 0.2)
    found, _ = await asked(script, headers_timeout=0.3)
    assert (found.reply, found.refusal) == (None, None)
    assert isinstance(found.error, kind), found
    assert words in found.error.message
    assert (found.is_silence, found.is_cut) == (
        script == [DRAIN],
        script == [CUT],
    )


@story
async def test_a_slow_body_and_a_large_one_are_read_only_in_part(monkeypatch):
    monkeypatch.setattr(asking_module, "BODY_PATIENCE", 0.2)
    found, _ = await asked([head(500, length=100, kind=b"text/plain") + b"oh no\nand more", DRAIN])
    assert (found.status, found.first_line) == (500, "“oh no”")
    monkeypatch.setattr(asking_module, "_LARGEST", 100)
    found, _ = await asked([whole(500, b"text/plain", b"x" * 5000)])
    assert found.first_line == f"“{'x' * 100}…”"
    found, _ = await asked([head(500, length=100, kind=b"text/plain") + b"cut", CUT])
    assert found.first_line == "“cut”"


@story
async def test_a_refusal_keeps_its_challenge_and_loses_what_was_sent():
    challenge = b'WWW-Authenticate: Bearer error="invalid_token"'
    found, _ = await asked([whole(401, b"text/plain", f"no, {SECRET}!".encode(), challenge)])
    assert (found.refusal.status, found.refusal.challenge.error) == (401, "invalid_token")
    assert (found.said, found.text, found.error) == ("no, …!", "no, …!", None)
    body = b'{"jsonrpc":"2.0","id":1,"error":{"code":401,"message":"no","data":{"www_authenticate":"Bearer"}}}'
    found, _ = await asked([plain(body)])
    assert (found.refusal.protocol, found.refusal.challenge.scheme, found.reply) == ("JSON-RPC", "bearer", None)


@story
async def test_a_stream_of_the_servers_own_is_told_by_its_first_event(monkeypatch):
    monkeypatch.setattr(asking_module, "BODY_PATIENCE", 0.2)
    found, _ = await asked([chunked(b"event: endpoint\ndata: /messages?session=1\n\n"), DRAIN], STREAM)
    assert (found.asked, found.status, found.event, found.text, found.error) == ("GET", 200, "endpoint", "", None)
    found, _ = await asked([chunked(b": hello\n\n"), DRAIN], STREAM)
    assert (found.event, found.error) == ("", None)
    found, _ = await asked([plain(b'{"detail":"no"}', 405)], STREAM)
    assert (found.status, found.said, found.error) == (405, "no", None)


@story
async def test_nothing_is_sent_without_a_connection_or_without_a_header():
    async with FaultServer() as server:
        url = gate(server.url, Purpose.SERVER)
    async with pooled() as pool:
        found = await ask(Sender(url, pool, OrganisationOnly(), CookieJar()), url, OPENING)
    assert (found.is_unsent, isinstance(found.error, Unreachable), found.received) == (True, True, 0.0)

    async def missing():
        raise CredentialMissing("X_ORG is not set")

    lacking = (msgspec.structs.replace(NAMED[0], value=RereadValue(missing)),)
    found, verbs = await asked([plain(b"{}")], fields=lacking)
    assert (found.is_unsent, verbs) == (True, [])
