"""Which failures of a refresh count against the login, and which pass."""

import pytest

from mcp_auth_bridge.credentials.refresh_policy import is_refusal
from mcp_auth_bridge.errors import OAuthRefused, TheirProtocolError, Unreachable, UpstreamFailed

REFUSING = (400, 401, 403, 404, 407, 422, 499)
PASSING = (408, 425, 429, 500, 502, 503, 599)


@pytest.mark.parametrize("status", REFUSING)
def test_a_status_that_repeating_the_request_does_not_change_is_a_refusal(status):
    assert is_refusal(OAuthRefused("refused", error="invalid_request", status=status))
    assert is_refusal(UpstreamFailed("refused", status=status))


@pytest.mark.parametrize("status", PASSING)
def test_a_status_of_a_fault_that_passes_is_not_a_refusal_whatever_code_comes_with_it(status):
    assert not is_refusal(OAuthRefused("refused", error="invalid_request", status=status))
    assert not is_refusal(UpstreamFailed("failed", status=status))


@pytest.mark.parametrize("error", ["server_error", "slow_down", "temporarily_unavailable"])
def test_a_code_of_a_fault_that_passes_is_not_a_refusal_whatever_status_comes_with_it(error):
    assert not is_refusal(OAuthRefused("not now", error=error, status=400))


@pytest.mark.parametrize(
    "error",
    [
        UpstreamFailed("a page in place of an answer", status=200),
        UpstreamFailed("no answer", status=399),
        Unreachable("nothing answered"),
        TheirProtocolError("the answer is malformed"),
    ],
)
def test_an_error_without_a_refusing_status_is_not_a_refusal(error):
    assert not is_refusal(error)
