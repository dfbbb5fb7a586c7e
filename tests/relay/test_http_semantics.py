"""Status and media type → verdict; message → headers (MCP "Transports")."""

import json

import pytest

from mcp_auth_bridge import __version__
from mcp_auth_bridge.errors import SessionLost, TheirProtocolError, UpstreamFailed
from mcp_auth_bridge.relay import http_semantics as rules
from mcp_auth_bridge.relay.http_semantics import Accepted, EventStream, Failure, SingleMessage, Unauthorized, judge

JSON = {"content-type": ("application/json; charset=utf-8",)}
PAGE = {"content-type": ("text/html",)}


NAMED = (b"user-agent", f"mcp-auth-bridge/{__version__}".encode())


def verdict(status, headers=None, *, expects_reply=True, in_session=False):
    return judge(status, headers or {}, expects_reply=expects_reply, in_session=in_session)


def test_the_revision_is_a_header_since_2025_06_18():
    assert rules.version_headers("2025-06-18") == {"mcp-protocol-version": "2025-06-18"}
    for older_or_odd in ("2025-03-26", "2024-11-05", "2099-01-01", None, 5):
        assert rules.version_headers(older_or_odd) == {}


@pytest.mark.parametrize(
    ("verb", "own"),
    [
        ("GET", [(b"accept", b"text/event-stream"), (b"accept-encoding", b"identity"), NAMED]),
        (
            "POST",
            [
                (b"accept", b"application/json, text/event-stream"),
                (b"accept-encoding", b"identity"),
                NAMED,
                (b"content-type", b"application/json"),
            ],
        ),
    ],
)
def test_the_transports_own_headers_come_first_and_names_are_lower_case(verb, own):
    assert rules.request_headers(verb, {"X-Org": "42"}, {"authorization": "x"}) == [
        *own,
        (b"x-org", b"42"),
        (b"authorization", b"x"),
    ]


@pytest.mark.parametrize("verb", ["GET", "POST", "DELETE", "OPTIONS"])
def test_a_configured_user_agent_takes_the_place_of_the_bridges_own(verb):
    fields = rules.request_headers(verb, {}, {"User-Agent": "acme/7"})
    assert [value for name, value in fields if name == b"user-agent"] == [b"acme/7"]


def test_a_request_is_answered_by_a_message_or_a_stream():
    assert verdict(200, JSON) == SingleMessage()
    assert verdict(200, {"content-type": ("text/event-stream",)}) == EventStream()
    assert verdict(202, expects_reply=False) == Accepted()
    assert verdict(200, PAGE, expects_reply=False) == Accepted()


@pytest.mark.parametrize("status", [200, 201, 202, 203, 299])
def test_json_with_any_success_is_a_message(status):
    assert verdict(status, JSON) == SingleMessage()


@pytest.mark.parametrize(("status", "headers"), [(202, {}), (200, {}), (200, {"content-type": ("image/png",)})])
def test_a_success_without_a_message_is_the_servers_fault(status, headers):
    assert isinstance(verdict(status, headers).error, TheirProtocolError)


@pytest.mark.parametrize("status", [200, 511])
def test_a_page_in_the_place_of_a_message_may_be_a_portal(status):
    failure = verdict(status, PAGE)
    assert isinstance(failure.error, UpstreamFailed)
    assert "portal" in failure.error.hint
    assert failure.error.has_unclear_cause


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (401, {}),
        (401, {"www-authenticate": ("Bearer",)}),
        (403, {"www-authenticate": ('Bearer error="insufficient_scope"',)}),
        (302, {"location": ("https://team.example/cdn-cgi/access/login/x",)}),
        (307, {"www-authenticate": ('Bearer resource_metadata="https://x"',)}),
    ],
)
def test_a_refusal_of_the_credentials_has_its_challenges(status, headers):
    assert verdict(status, headers) == Unauthorized(status, headers.get("www-authenticate", ()))


@pytest.mark.parametrize("status", [404, 410])
def test_a_404_or_410_means_a_lost_session_only_where_there_was_one(status):
    assert isinstance(verdict(status, in_session=True).error, SessionLost)
    assert isinstance(verdict(status).error, UpstreamFailed)


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (301, {}, "redirect"),
        (404, {}, "no MCP endpoint"),
        (405, {}, "no MCP endpoint"),
        (501, PAGE, "no MCP endpoint"),
        (403, {}, "refuses this request"),
        (403, PAGE, "refuses this request"),
        (404, PAGE, "no MCP endpoint"),
        *((status, PAGE, f"HTTP {status}") for status in (400, 413, 421, 429, 431, 500, 502, 503, 504)),
        (500, {}, "HTTP 500"),
    ],
)
def test_any_other_status_is_a_failure_with_what_to_do(status, headers, words):
    failure = verdict(status, headers)
    assert isinstance(failure, Failure)
    assert words in failure.error.message
    assert failure.error.hint
    assert failure.error.has_unclear_cause is (status == 403)
    assert failure.error.status == status
    assert not failure.body_may_reply


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_only_a_body_of_json_or_of_events_may_be_the_reply(kind):
    assert verdict(400, {"content-type": (kind,)}).body_may_reply
    assert not verdict(400, PAGE).body_may_reply


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (404, "the path"),
        (406, "may not speak MCP"),
        (413, "send less"),
        (415, "may not speak MCP"),
        (421, "host name"),
        (429, "wait a while"),
        (431, "headers"),
        (502, "proxy"),
        (503, "not ready"),
        (504, "in time"),
    ],
)
def test_the_status_of_a_page_outranks_its_type(status, advice):
    error = verdict(status, PAGE).error
    assert advice in error.hint
    assert "portal" not in error.hint
    assert error.status == status


@pytest.mark.parametrize("status", [403, 413, 429, 502, 503, 504])
def test_the_time_to_wait_is_kept_at_any_status(status):
    assert verdict(status, {**PAGE, "retry-after": ("7",)}).error.retry_after == 7


def test_a_server_that_asks_to_wait_is_quoted():
    error = verdict(503, {"retry-after": ("7",)}).error
    assert (error.retry_after, error.hint) == (7, "the server asks clients to wait 7 s")


def refusal(**error):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"message": "no token", **error}}).encode()


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"www_authenticate": 'Bearer realm="x"'}, ('Bearer realm="x"',)),
        ({"www_authenticate": ["Bearer", "Basic"]}, ("Bearer", "Basic")),
        ({"www_authenticate": 5}, ()),
        (None, ()),
    ],
)
def test_a_json_rpc_error_401_refuses_the_credentials(data, fields):
    found = rules.refusal_in_reply(refusal(code=401, data=data))
    assert (found.status, found.protocol, found.fields) == (401, "JSON-RPC", fields)
    assert "no token" in found.words


def test_a_challenge_that_is_not_utf_8_is_left_out():
    found = rules.refusal_in_reply(b'{"error":{"code":401,"message":"no","data":{"www_authenticate":"\xff"}}}')
    assert found.fields == ()


@pytest.mark.parametrize(
    "message",
    [
        refusal(code=-32000),
        refusal(code=-32000, data=401),
        b'{"jsonrpc":"2.0","id":401,"result":{}}',
        b"401",
        b'{"error":%b401' % (b"[" * 5000),
        refusal(code=401, data="x" * 70_000),
    ],
)
def test_no_other_message_is_a_refusal(message):
    assert rules.refusal_in_reply(message) is None
