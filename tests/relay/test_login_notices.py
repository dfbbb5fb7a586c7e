"""A failure that needs the user is logged, once; a temporary failure is not."""

import pytest

from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.errors import AccessDenied, CredentialMissing, LoginRequired, StoreError, Unreachable
from mcp_auth_bridge.relay.base import Fail, Report
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.relay.login_notices import LoginNotices
from mcp_auth_bridge.relay.passthrough import Passthrough

CALL = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"t"}}'


def failing(*errors):
    """The actions of the relay when calls end with these errors, one after the other."""
    relay = LoginNotices(Delivery(Passthrough(), RelaySettings()))
    done = []
    for number, error in enumerate(errors):
        [sent] = [action for action in relay.from_client(peek(CALL % number)) if hasattr(action, "call")]
        done += relay.ended(sent.call, error)
    return [action for action in done if isinstance(action, Report | Fail)]


@pytest.mark.parametrize("kind", [LoginRequired, StoreError, CredentialMissing, AccessDenied])
def test_a_failure_that_needs_the_user_is_logged_once_and_still_answered(kind):
    first, second = kind("do this"), kind("do this")
    reported, *failed = failing(first, second)
    assert reported == Report(first)
    assert [action.error for action in failed] == [first, second]


def test_another_failure_is_logged_too():
    said = [
        action.error.message for action in failing(LoginRequired("a"), LoginRequired("b")) if isinstance(action, Report)
    ]
    assert said == ["a", "b"]


def test_a_temporary_failure_is_not_logged():
    assert not any(isinstance(action, Report) for action in failing(Unreachable("down")))
