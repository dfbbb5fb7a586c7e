"""Which refusals mean a lost session: the dialects of servers, by what they were reported to say."""

import json

import pytest

from mcp_auth_bridge.errors import Sent, SessionDoubted, SessionLost, UpstreamFailed
from mcp_auth_bridge.relay import session_loss
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.relay.session_loss import (
    DIALECTS,
    FORGOTTEN,
    Loss,
    RefusedRequest,
    loss_of,
    lost_session,
    refused_by_reply,
)

SESSION = "0fbc7f3f46a19394ee69ba83d4a726ab0fbc7f3f46a19394ee69ba83d4a726ab"
CALL = peek(b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}')
LOST, DOUBTFUL, UNCLEAR, NONE = Loss


def text(status, words=""):
    return RefusedRequest(status, SESSION, words)


def error(status, id_, code, message, **more):
    raw = json.dumps({"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": message, **more}})
    return refused_by_reply(peek(raw.encode()), CALL, status, SESSION)


REPORTED = [
    (LOST, text(404)),
    (LOST, text(410, "Gone")),
    (LOST, text(400, "Bad Request: No valid session ID provided")),
    (LOST, text(400, "Invalid or missing session ID")),
    (LOST, text(400, '{"error":"Invalid or missing MCP session ID for SSE."}')),
    (LOST, text(400, "Mcp-Session-Id header is required")),
    (LOST, text(401, "Unauthorized: Session not found")),
    (LOST, text(422, "Unexpected message, expect initialize request")),
    (LOST, text(400, "No transport found for sessionId")),
    (LOST, text(440, "Your session has timed out")),
    (LOST, error(400, None, -32000, "Bad Request: No valid session ID or not an initialize request")),
    (LOST, error(400, None, -32000, "Bad Request: Server not initialized")),
    (LOST, error(400, "server-error", -32600, "Bad Request: No valid session ID provided")),
    (LOST, error(400, "", -32001, "Session does not exist")),
    (LOST, error(403, None, -32001, "Mcp-Session-Id principal mismatch")),
    (LOST, error(503, None, -32001, "MCP session is unknown or expired")),
    (LOST, error(404, 7, -32001, "Not Found")),
    (LOST, error(404, 7, -32600, "Not Found: Session has been terminated")),
    (DOUBTFUL, error(400, None, -32000, "Bad Request")),
    (DOUBTFUL, error(400, None, -32600, "bad")),
    (DOUBTFUL, error(200, None, -32600, "Invalid Request")),
    (DOUBTFUL, error(200, "x", -32001, "session not found")),
    (DOUBTFUL, error(200, 7, -32001, "session not found")),
    (DOUBTFUL, error(200, 7, -32002, "Server not initialized")),
    (DOUBTFUL, error(200, 7, -32005, "Session expired or server restarted")),
    (DOUBTFUL, error(200, 7, -32006, "MCP-Session-Id header missing")),
    (DOUBTFUL, error(200, 7, -32600, f"Unknown session id '{SESSION}' for 'tools/call'; client should reinitialize")),
    (DOUBTFUL, error(200, 7, -32600, f"Session {SESSION} not found")),
    (DOUBTFUL, error(400, 7, -32000, "Unknown Mcp-Session-Id header")),
    (DOUBTFUL, error(400, 7, -32000, "Bad Request", data="the session was closed")),
    (UNCLEAR, error(200, 7, -32603, "Session not found")),
    (UNCLEAR, text(500, '{"error":"Error POSTing: {\\"code\\":-32000,\\"message\\":\\"No valid session ID\\"}"}')),
]


@pytest.mark.parametrize(("loss", "refused"), REPORTED)
def test_servers_say_in_many_ways_that_a_session_is_lost(loss, refused):
    assert loss_of(refused) is loss


OTHER = [
    text(400),
    text(400, "Unsupported protocol version"),
    text(401, "the token has expired"),
    text(403, "your session lacks a role for this tool"),
    text(429, "too many sessions"),
    text(500, "database is down"),
    text(500, "The session began. An argument is missing"),
    text(400, "session is invalid " + "x" * 2000),
    error(404, 7, -32601, "Method not found"),
    error(404, 7, -32602, "Unknown tool"),
    error(404, 7, -32002, "Resource not found: session://7"),
    error(200, 7, -32002, "Resource not found: session://7"),
    error(200, 7, -32602, "session not found: booking 4"),
    error(200, 7, 1001, "session not found"),
    error(200, 7, -32000, "Database not initialized"),
    error(200, 7, -32600, "Invalid Request"),
    error(200, None, -32603, "the quota of tenant 42 is used up"),
    error(500, None, -32000, "Bad Request"),
]


@pytest.mark.parametrize("refused", OTHER)
def test_another_refusal_leaves_the_session_alone(refused):
    assert loss_of(refused) is NONE
    assert lost_session(refused, b"{}") is None


def test_each_row_of_the_table_decides_a_case_and_names_who_needs_it(monkeypatch):
    cases = [refused for _, refused in REPORTED] + OTHER
    meanings = [loss_of(refused) for refused in cases]
    for row in DIALECTS:
        assert row.seen
        monkeypatch.setattr(session_loss, "DIALECTS", [other for other in DIALECTS if other is not row])
        assert [loss_of(refused) for refused in cases] != meanings


def test_a_certain_loss_a_doubt_and_an_unclear_outcome_are_different_errors():
    answer = UpstreamFailed("HTTP 400", status=400)
    certain = lost_session(text(404), answer)
    doubt = lost_session(error(200, None, -32600, "Invalid Request"), b"{}")
    unclear = lost_session(error(200, 7, -32603, "session not found"), b"{}")
    assert (type(certain), certain.message, certain.answer, certain.sent) == (SessionLost, FORGOTTEN, answer, Sent.NO)
    assert (type(doubt), doubt.answer, doubt.sent) == (SessionDoubted, b"{}", Sent.NO)
    assert (type(unclear), unclear.sent, unclear.retry_safe) == (SessionDoubted, Sent.UNKNOWN, False)


@pytest.mark.parametrize("odd", ["Session not found", {"message": "Session not found"}, {"code": "x"}, None, [[[]]]])
def test_an_error_that_is_not_one_of_json_rpc_has_no_code_and_its_whole_text(odd):
    raw = json.dumps({"error": odd}).encode()
    refused = refused_by_reply(peek(raw), CALL, 400, SESSION)
    assert (refused.code, refused.own_id, refused.words) == (None, False, raw.decode())


def test_a_notification_has_no_id_that_an_error_could_have():
    told = peek(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    refused = refused_by_reply(
        peek(b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}'), told, 400, SESSION
    )
    assert not refused.own_id
