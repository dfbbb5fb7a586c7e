"""What is said of a response that did not come, or is not valid HTTP: who, what, and whether to repeat the request."""

import pytest

from mcp_auth_bridge.errors import OutcomeUnknown, TheirProtocolError, Unreachable
from mcp_auth_bridge.shell.net import response_errors

PEER = "mcp.example:443"


@pytest.mark.parametrize(
    ("begun", "words"), [(True, "before its response was complete"), (False, "before it answered")]
)
def test_a_cut_leaves_the_outcome_unknown(begun, words):
    error = response_errors.cut_error(PEER, begun=begun)
    assert isinstance(error, OutcomeUnknown)
    assert error.message == f"{PEER} ended the connection {words}"
    assert not error.retry_safe


def test_a_server_of_http_2_is_named_with_what_its_operator_has_to_do():
    error = response_errors.spoke_http_2_error(PEER)
    assert f"{PEER} speaks HTTP/2 only" in error.message
    assert "operator" in error.hint


def test_a_request_that_crossed_the_end_was_not_received():
    error = response_errors.crossed_error(PEER)
    assert type(error) is Unreachable
    assert error.retry_safe
    assert PEER in error.message


def test_a_missing_certificate_was_noticed_before_the_request():
    error = response_errors.missing_certificate_error(PEER)
    assert isinstance(error, Unreachable)
    assert error.retry_safe
    assert "client_certificate" in error.hint


@pytest.mark.parametrize(
    "error",
    [
        lambda: response_errors.two_lengths_error(PEER),
        lambda: response_errors.malformed_error(PEER, is_http=True),
        lambda: response_errors.malformed_error(PEER, is_http=False),
        lambda: response_errors.large_head_error(PEER, 65536),
        lambda: response_errors.interim_error(PEER, 10),
    ],
)
def test_every_error_names_the_server(error):
    assert error().message.startswith(f"{PEER} ")


def test_tls_at_a_plain_url_says_what_to_write():
    error = response_errors.spoke_tls_error(PEER)
    assert isinstance(error, TheirProtocolError)
    assert "https://" in error.hint
