"""Logs the failures that the user has to act on: the client may show only "connected, 0 tools"."""

from collections.abc import Sequence

from mcp_auth_bridge.errors import AccessDenied, BridgeError, ConfigError, CredentialRefused, LoginRequired, StoreError
from mcp_auth_bridge.relay.base import Action, Around, Relay, Report

_FOR_THE_USER = (AccessDenied, ConfigError, CredentialRefused, LoginRequired, StoreError)


class LoginNotices(Around):
    """Wraps the whole relay. It logs a failure that repeats once."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)
        self._last = ""

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        actions = self._inner.ended(call, error)
        if error is None or not isinstance(error, _FOR_THE_USER) or error.message == self._last:
            return actions
        self._last = error.message
        return [Report(error), *actions]
