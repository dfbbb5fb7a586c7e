"""A `Fetch` as an HTTP request, the time for its response, and the sentence of a refusal for the log."""

import asyncio

import pytest

from mcp_auth_bridge import __version__
from mcp_auth_bridge.effects import Fetch, Response
from mcp_auth_bridge.errors import Overdue, Unreachable
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.net import fetch
from mcp_auth_bridge.urls import Url

TOKEN = Url("https", "as.example", 443, "/token", "")
OWN = {"user-agent": f"mcp-auth-bridge/{__version__}", "accept-encoding": "identity"}
FORM = {**OWN, "content-type": "application/x-www-form-urlencoded"}
DOCUMENT = {**OWN, "content-type": "application/json"}


@pytest.mark.parametrize(
    ("effect", "request_"),
    [
        (Fetch(TOKEN), ("GET", OWN, None)),
        (Fetch(TOKEN, method="DELETE"), ("DELETE", OWN, None)),
        (Fetch(TOKEN, {"authorization": Secret("Basic x")}), ("GET", {**OWN, "authorization": "Basic x"}, None)),
        (Fetch(TOKEN, form={"token": Secret("a b"), "c": "&"}), ("POST", FORM, b"token=a+b&c=%26")),
        (Fetch(TOKEN, document=b"{}"), ("POST", DOCUMENT, b"{}")),
    ],
)
def test_a_fetch_is_written_out_with_its_secrets(effect, request_):
    assert fetch.build_request(effect) == request_


def test_a_token_request_may_take_as_long_as_the_slowest_known_server():
    assert fetch._timeout(Fetch(TOKEN, form={"grant_type": "refresh_token"})) > 40
    assert fetch._timeout(Fetch(TOKEN, form={"token": Secret("x")})) <= 30
    assert fetch._timeout(Fetch(TOKEN)) <= 10


def waited(exchange):
    return asyncio.run(fetch.wait_for_response(Fetch(TOKEN), exchange))


def test_a_response_in_time_is_the_result():
    response = Response(200, {}, b"", 0.0, ())

    async def answer():
        return response

    assert waited(answer()) is response


def test_an_error_names_its_host():
    async def fail():
        raise Unreachable("no route")

    with pytest.raises(Unreachable) as raised:
        waited(fail())
    assert raised.value.facts == {"host": "as.example"}


def test_without_a_response_in_time_the_exchange_is_cancelled(monkeypatch):
    monkeypatch.setattr(fetch, "_TIMEOUT", 0.01)
    monkeypatch.setattr(fetch, "_LAST_LOOK", 0.01)
    cancelled = []

    async def hang():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(Overdue, match=r"as\.example did not answer within 0\.01 seconds") as raised:
        waited(hang())
    assert raised.value.facts == {"host": "as.example"}
    assert cancelled


@pytest.mark.parametrize(
    ("on", "status", "sentence"), [(True, 400, "token … is spent"), (True, 200, ""), (False, 400, "")]
)
def test_a_refusal_is_quoted_for_the_log_without_the_secrets_of_the_request(monkeypatch, on, status, sentence):
    monkeypatch.setattr(debug_log, "on", on)
    effect = Fetch(TOKEN, form={"refresh_token": Secret("RT-0123456789abcdef")})
    body = b'{"error": "invalid_grant", "error_description": "token RT-0123456789abcdef is spent"}'
    assert fetch.refusal_text(status, "application/json; charset=utf-8", body, effect) == sentence
