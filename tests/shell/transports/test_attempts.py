"""The head of a request is made once, and what a response teaches counts for the next one."""

import asyncio

import pytest

from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.relay.http_semantics import Accepted, Failure, SingleMessage, judge
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.transports.attempts import PLAIN, Attempts, verdict_on
from mcp_auth_bridge.shell.transports.cookies import CookieJar
from mcp_auth_bridge.urls import Purpose, gate

URL = gate("https://mcp.example/mcp", Purpose.SERVER)
CALL = peek(b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}')
TOLD = peek(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
JSON = {"content-type": ("application/json",)}
TOKEN = {"authorization": "Bearer t1"}


class Pool:
    """Of a pool, as much as attempts need. `prepared` are the fields of each head, `sent` what was sent with which."""

    def __init__(self):
        self.prepared = []
        self.sent = []

    def prepare(self, verb, url, fields):
        self.prepared.append(dict(fields))
        return len(self.prepared)

    async def exchange(self, prepared, body):
        self.sent.append((prepared, body))
        return self

    status = 200


def attempted(attempts, headers=None, credentials=TOKEN, message=CALL):
    return asyncio.run(attempts.exchange("POST", URL, headers or {}, message, credentials))


def test_requests_with_the_same_headers_have_one_head():
    attempts = Attempts(pool := Pool(), CookieJar())
    attempted(attempts)
    attempted(attempts, message=TOLD)
    assert attempts.prepared("POST", URL, {}, dict(TOKEN)) == 1
    assert pool.sent == [(1, CALL.raw), (1, TOLD.raw)]
    assert pool.prepared[0][b"authorization"] == b"Bearer t1"


def test_other_headers_credentials_cookies_or_places_are_another_head():
    attempts = Attempts(pool := Pool(), CookieJar())
    headers = {"mcp-session-id": "s1"}
    attempted(attempts, headers)
    headers["mcp-session-id"] = "s2"  # the same object
    attempted(attempts, headers)
    attempted(attempts, headers, {"x-key": "k"})
    attempts.learn(URL, {"set-cookie": ("a=b",)})
    attempted(attempts, headers, {"x-key": "k"})
    asyncio.run(attempts.exchange("POST", URL.with_path("/other"), headers, CALL, {"x-key": "k"}))
    asyncio.run(attempts.exchange("GET", URL, headers, None, {}))
    assert [prepared for prepared, _ in pool.sent] == [1, 2, 3, 4, 5, 6]
    assert pool.prepared[3][b"cookie"] == b"a=b"
    assert attempts.sent == {"authorization", "x-key"}


def test_the_latest_nonce_is_kept():
    attempts = Attempts(Pool(), CookieJar())
    attempts.learn(URL, {"dpop-nonce": ("n1",)})
    attempts.learn(URL, {})
    assert attempts.nonce == "n1"


def test_a_session_is_proven_once_a_request_in_it_was_answered():
    attempts = Attempts(Pool(), CookieJar())
    headers = {"mcp-session-id": "s1"}
    assert not attempts.asked(headers, TOLD, Accepted(), ()).in_proven_session
    assert not attempts.asked(headers, CALL, SingleMessage(), ()).in_proven_session
    assert attempts.asked(headers, CALL, SingleMessage(), ()).in_proven_session
    assert not attempts.asked({}, CALL, SingleMessage(), ()).in_proven_session


@pytest.mark.parametrize(
    ("message", "status", "verdict"),
    [(CALL, 200, SingleMessage), (None, 200, SingleMessage), (TOLD, 202, Accepted), (CALL, 500, Failure)],
)
def test_the_verdict_depends_on_what_was_asked(message, status, verdict):
    assert isinstance(verdict_on(status, JSON, {}, message), verdict)


@pytest.mark.parametrize("in_session", [True, False])
@pytest.mark.parametrize(("status", "kinds", "expects_reply"), PLAIN)
def test_the_verdicts_that_are_at_hand_are_those_of_the_rules(status, kinds, expects_reply, in_session):
    headers = {} if kinds is None else {"content-type": kinds}
    verdict = judge(status, headers, expects_reply=expects_reply, in_session=in_session)
    assert verdict == PLAIN[status, kinds, expects_reply]


@pytest.mark.parametrize(
    ("credentials", "scheme"),
    [(TOKEN, "bearer"), ({**TOKEN, "dpop": "x"}, "dpop"), ({"x-key": "k"}, "headers"), ({}, "none")],
)
def test_the_log_names_the_scheme_of_the_credentials(credentials, scheme, monkeypatch, capsys):
    monkeypatch.setattr(debug_log, "on", True)
    attempted(Attempts(Pool(), CookieJar()), credentials=credentials)
    assert f"auth={scheme}" in capsys.readouterr().err
