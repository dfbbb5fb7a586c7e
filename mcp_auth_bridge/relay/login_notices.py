"""Logs the failures that the user has to act on: the client may show only "connected, 0 tools"."""

from collections.abc import Iterator

from mcp_auth_bridge.errors import AccessDenied, BridgeError, ConfigError, CredentialRefused, LoginRequired, StoreError
from mcp_auth_bridge.relay.base import Action, Around, Relay, Report, collected

_FOR_THE_USER = (AccessDenied, ConfigError, CredentialRefused, LoginRequired, StoreError)


class LoginNotices(Around):
    """Wraps the whole relay. It logs a failure that repeats once."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)
        self._last = ""

    @collected
    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if isinstance(error, _FOR_THE_USER) and error.message != self._last:
            self._last = error.message
            yield Report(error)
        yield from super().ended(call, error)
