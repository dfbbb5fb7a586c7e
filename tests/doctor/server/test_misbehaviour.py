"""Each answer that is neither a result nor a refusal of credentials is told by its most certain sign."""

import pytest
from answering import URL, answer, cut, garbled, page, refusing, silence, unsent, welcomed

from mcp_auth_bridge.doctor.server.answer import Answer
from mcp_auth_bridge.doctor.server.misbehaviour import broken_http, misbehaviour
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import LimitExceeded, OutcomeUnknown, TheirProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.own_handshake import INITIALIZE
from mcp_auth_bridge.shell.net.response_errors import Http2Only

JSON, PLAIN, EVENTS = "application/json", "text/plain", "text/event-stream"
NOT_READ = TheirProtocolError("not a message")


def in_error(status, code, message):
    reply = replies.error(INITIALIZE, {"code": code, "message": message})
    return answer(status, reply.raw.decode(), JSON, reply=reply)


@pytest.mark.parametrize(
    ("given", "symptom", "facts"),
    [
        (silence(), Symptom.SERVER_SILENT, {"seconds": "6"}),
        (cut(), Symptom.CUT_OFF, {}),
        (garbled(), Symptom.NOT_HTTP, {}),
        (answer(error=Http2Only("h2", "allow HTTP/1.1")), Symptom.HTTP_2_ANSWER, {}),
        (answer(error=TheirProtocolError("bad length")), Symptom.BROKEN_HTTP, {"error": "bad length"}),
        (
            Answer("POST initialize", error=LimitExceeded("too many bytes of headers")),
            Symptom.BROKEN_HTTP,
            {"error": "too many bytes of headers"},
        ),
        (
            answer(302, fields={"location": "https://new.example/mcp"}),
            Symptom.MOVED,
            {"place": "https://new.example/mcp", "status": "302"},
        ),
        (page(400, "400 The plain HTTP request was sent to HTTPS port"), Symptom.HTTPS_PORT, {}),
        (
            page(400, "400 No required SSL certificate was sent"),
            Symptom.CLIENT_CERTIFICATE_WANTED,
            {"host": URL.host},
        ),
        (answer(400, "Client sent an HTTP request to an HTTPS server.", PLAIN), Symptom.HTTPS_PORT, {}),
        (
            answer(421, "Invalid Host header", PLAIN),
            Symptom.HOST_REFUSED,
            {"says": ", saying “Invalid Host header”"},
        ),
        (in_error(403, -32000, "Invalid Host: far"), Symptom.HOST_REFUSED, {"says": ", saying “Invalid Host: far”"}),
        (answer(431), Symptom.HEADERS_TOO_LARGE, {"status": "431"}),
        (page(400, "400 Request Header Or Cookie Too Large"), Symptom.HEADERS_TOO_LARGE, {"status": "400"}),
        (page(511), Symptom.PORTAL, {}),
        (page(404), Symptom.NOT_MCP, {"status": "404"}),
        (answer(405), Symptom.NOT_MCP, {"status": "405"}),
        (answer(501), Symptom.NOT_MCP, {"status": "501"}),
        (answer(410), Symptom.NOT_MCP, {"status": "410"}),
        (answer(505), Symptom.SERVER_ERROR, {"status": "505", "says": ""}),
        (answer(402, "no credit", PLAIN), Symptom.WANTS_PAYMENT, {"says": ", saying “no credit”"}),
        (page(200, "Sign in to Acme"), Symptom.LOGIN_PAGE, {"says": ", saying “Sign in to Acme”"}),
        (page(200, "Hotel Wi-Fi"), Symptom.LOGIN_PAGE, {"says": ", saying “Hotel Wi-Fi”"}),
        (
            page(403, "403 Forbidden", fields={"server": "cloudflare"}),
            Symptom.FORBIDDEN_BY_PAGE,
            {"says": ", saying “403 Forbidden”", "gateway": "Cloudflare"},
        ),
        (answer(403, "RBAC: access denied", PLAIN), Symptom.FORBIDDEN, {"says": ", saying “RBAC: access denied”"}),
        (answer(413, fields={"server": "nginx/1.22.1"}), Symptom.BODY_TOO_LARGE, {"gateway": "nginx"}),
        (
            answer(429, fields={"retry-after": "7"}),
            Symptom.RATE_LIMITED,
            {"asks": ", and asks to wait 7 seconds"},
        ),
        (answer(429), Symptom.RATE_LIMITED, {"asks": ""}),
        (page(502), Symptom.BAD_GATEWAY, {"status": "502", "gateway": "a proxy"}),
        (answer(521, fields={"server": "cloudflare"}), Symptom.BAD_GATEWAY, {"status": "521", "gateway": "Cloudflare"}),
        (
            answer(504, fields={"via": "1.1 google, 1.1 squid"}),
            Symptom.GATEWAY_TIMEOUT,
            {"status": "504", "gateway": "the proxy Squid"},
        ),
        (answer(503, '{"detail":"starting"}', JSON), Symptom.UNAVAILABLE, {"says": ", saying “starting”"}),
        (answer(500), Symptom.SERVER_ERROR, {"status": "500", "says": ""}),
        (page(200, "Welcome"), Symptom.WEB_PAGE, {"says": ", saying “Welcome”"}),
        (answer(200, kind=JSON, error=NOT_READ), Symptom.NOT_A_MESSAGE, {"found": "an empty body"}),
        (answer(200, "{", JSON, error=NOT_READ), Symptom.NOT_A_MESSAGE, {"found": "broken JSON"}),
        (
            answer(200, kind=EVENTS, error=OutcomeUnknown("it ended")),
            Symptom.NOT_A_MESSAGE,
            {"found": "a stream of events that brings no reply"},
        ),
        (answer(202), Symptom.NOT_A_MESSAGE, {"found": "HTTP 202 and no content"}),
        (
            answer(200, "<ok/>", "application/xml", error=NOT_READ),
            Symptom.NOT_A_MESSAGE,
            {"found": "HTTP 200 and content of type “application/xml”"},
        ),
        (
            answer(400, "no such tenant", PLAIN),
            Symptom.REFUSES_OPENING,
            {"status": "400", "says": ", saying “no such tenant”"},
        ),
        (in_error(200, -32603, "boom"), Symptom.REFUSES_OPENING, {"status": "200", "says": ", saying “boom”"}),
        (in_error(404, -32601, "what?"), Symptom.REFUSES_OPENING, {"status": "404", "says": ", saying “what?”"}),
    ],
)
def test_an_answer_has_the_one_symptom_that_is_certain(given, symptom, facts):
    told = misbehaviour(given, URL)
    assert (told.sign.symptom, dict(told.sign.facts)) == (symptom, facts)
    assert told.says
    assert told.hint


def test_bytes_that_are_not_http_among_responses_that_are_break_http():
    told = broken_http(garbled())
    assert (told.sign.symptom, dict(told.sign.facts)) == (
        Symptom.BROKEN_HTTP,
        {"error": "far sent what is not HTTP"},
    )


@pytest.mark.parametrize("given", [welcomed(), refusing(), unsent()])
def test_a_result_a_refusal_and_a_missing_connection_are_not_the_servers_fault(given):
    assert misbehaviour(given, URL) is None


def test_an_error_of_a_rest_api_with_404_is_not_a_reply():
    told = misbehaviour(answer(404, '{"error":"Not Found"}', JSON, error=NOT_READ), URL)
    assert told.sign.symptom is Symptom.NOT_MCP
