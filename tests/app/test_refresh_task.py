"""The messages between the bridge and the process that refreshes for it."""

import pytest

from mcp_auth_bridge.app.refresh_task import ErrorMessage, decode_error, encode_error
from mcp_auth_bridge.errors import (
    BridgeError,
    GrantEnded,
    LoginRequired,
    OAuthRefused,
    Overdue,
    UpstreamFailed,
)


@pytest.mark.parametrize(
    "error",
    [
        GrantEnded("over", error="invalid_grant"),
        OAuthRefused("no", "a hint", error="invalid_client", status=401),
        UpstreamFailed("no", status=503, retry_after=2.5),
        UpstreamFailed("slow", status=429),
        Overdue("late", "try again"),
        LoginRequired("a login is needed", "run: mcp-auth-bridge login"),
    ],
)
def test_an_error_is_the_same_one_in_the_other_process(error):
    error.facts["host"] = "as.example"
    again = decode_error(encode_error(error))
    assert type(again) is type(error)
    assert str(again) == error.message
    assert (vars(again), again.sent, again.exit_code) == (
        {**vars(error), "sent": error.sent},
        error.sent,
        error.exit_code,
    )


def test_an_error_of_an_unknown_class_is_a_bridge_error():
    said = ErrorMessage("Odd", {"message": "odd", "hint": "", "facts": {}, "sent": "no"})
    assert type(decode_error(said)) is BridgeError
