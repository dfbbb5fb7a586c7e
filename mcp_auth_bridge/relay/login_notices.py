"""Where a person is: what needs one is said in the log too, for a client may show nothing but "connected, 0 tools"."""

from collections.abc import Iterator

from mcp_auth_bridge.errors import AccessDenied, BridgeError, ConfigError, CredentialRefused, LoginRequired, StoreError
from mcp_auth_bridge.relay.base import Action, Around, Relay, Report

_FOR_A_PERSON = (AccessDenied, ConfigError, CredentialRefused, LoginRequired, StoreError)


class LoginNotices(Around):
    """Wraps the whole relay. A failure that comes again is said once."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)
        self._said = ""

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if isinstance(error, _FOR_A_PERSON) and error.message != self._said:
            self._said = error.message
            yield Report(error)
        yield from super().ended(call, error)
