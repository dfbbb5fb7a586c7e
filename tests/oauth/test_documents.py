"""The documents of OAuth servers: read as they are specified, and refused in words that repeat no secret."""

import msgspec
import pytest
from playing import answer

from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import OAuthRefused, TheirProtocolError, UpstreamFailed
from mcp_auth_bridge.oauth.documents import error_code, is_page, known_error, read, refusal_error, said
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

TOKEN = gate("https://as.example/token", Purpose.TOKEN)


class Shape(msgspec.Struct):
    number: int


def refused(response):
    return refusal_error(response, TOKEN, "the refresh")


def test_a_document_is_read_in_its_shape():
    assert read(answer({"number": 7, "more": None}), Shape, TOKEN, "the document") == Shape(7)


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (answer({"number": "x"}), "is not as specified"),
        (answer(b"<html>", kind="text/html; charset=utf-8"), "is not JSON but a web page"),
        (answer(b" <html>", kind="application/json"), "is not JSON but a web page"),
        (answer(b""), "is not JSON but an empty body"),
        (answer(b"hunter2", kind="text/plain"), "is not JSON but content of type “text/plain”"),
        (Response(200, {}, b"hunter2", 0.0), "is not JSON but content of no named type"),
        (answer(b"[" * 100_000), "is not as specified"),
        (answer(b'{"number'), "is not JSON but content of type “application/json”"),
    ],
)
def test_another_document_is_named_by_its_place_and_kind_and_not_repeated(response, words):
    with pytest.raises(TheirProtocolError, match=rf"^the document at https://as\.example/token {words}") as raised:
        read(response, Shape, TOKEN, "the document")
    assert "hunter2" not in raised.value.message


def test_a_known_code_is_told_with_the_servers_sentence_and_an_unknown_one_is_not_repeated():
    error = refused(answer({"error": "invalid_grant", "error_description": "it was revoked"}, 400))
    assert type(error) is OAuthRefused
    assert (error.error, error.status, error.said) == ("invalid_grant", 400, ", saying “it was revoked”")
    assert error.message == (
        "https://as.example refused the refresh: invalid_grant (HTTP 400), saying “it was revoked”"
    )
    assert "an unknown error" in refused(answer({"error": "hunter2"}, 400)).message
    assert known_error("hunter2") == "an unknown error"


def test_a_wrong_proof_points_at_the_clock():
    assert "clock" in refused(answer({"error": "invalid_dpop_proof"}, 400)).hint


@pytest.mark.parametrize(
    ("response", "words", "hint"),
    [
        (
            answer(b"<html>", 403, "text/html"),
            "HTTP 403 and a web page instead of a JSON error",
            "a firewall or a proxy",
        ),
        (answer(b"<html>", 502, "text/html"), "HTTP 502 and a web page", "try again"),
        (answer(b"", 400), "HTTP 400 and an empty body", "try again"),
        (answer({"message": "no"}, 400), "saying “no”", "try again"),
    ],
)
def test_a_refusal_without_a_code_is_told_by_its_status_and_kind(response, words, hint):
    error = refused(response)
    assert type(error) is UpstreamFailed
    assert words in error.message
    assert hint in error.hint
    assert error.has_unclear_cause is ("firewall" in hint)


@pytest.mark.parametrize(
    ("headers", "hint", "wait"), [({"retry-after": ("7",)}, "try again in 7 s", 7.0), ({}, "try again later", None)]
)
def test_too_many_requests_are_told_with_the_time_to_wait(headers, hint, wait):
    error = refused(Response(429, headers, b'{"error": "invalid_grant"}', 0.0))
    assert (type(error), error.hint, error.retry_after) == (UpstreamFailed, hint, wait)


def test_no_secret_that_was_sent_or_that_came_back_is_in_the_sentence():
    body = {"message": "AT-0123456789abcdef and RT-0123456789abcdef", "team": {"access_token": "AT-0123456789abcdef"}}
    response = msgspec.structs.replace(answer(body, 400), secrets=(Secret("RT-0123456789abcdef"),))
    assert said(response) == ", saying “… and …”"
    assert said(answer({"tokens": [{"id_token": "a" * 20}], "detail": "a" * 20}, 400)) == ""
    assert said(answer(b"no JSON", 400, "text/plain")) == ", saying “no JSON”"


def test_a_sentence_that_is_only_a_known_code_is_not_said_twice():
    assert said(answer({"error": "invalid_grant"}, 400)) == ""


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": "invalid_grant"}, "invalid_grant"),
        ({"error": "x" * 200}, "x" * 100),
        ({"error": 7}, ""),
        ([], ""),
        (b"no JSON", ""),
    ],
)
def test_the_error_code_of_any_response_is_a_short_text(body, code):
    assert error_code(answer(body, 400)) == code


def test_a_page_is_known_by_its_type_or_its_beginning():
    assert is_page(answer(b"hello", kind="Text/HTML; charset=x"))
    assert is_page(answer(b"  <!doctype html>", kind="text/plain"))
    assert not is_page(answer(b"{}"))
