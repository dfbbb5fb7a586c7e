"""The contracts of credentials, which give the headers of a request (as in golang/oauth2), and of renewals."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Url

if TYPE_CHECKING:
    from mcp_auth_bridge.oauth.challenge import Challenge


class Target(msgspec.Struct, frozen=True):
    """The request that the headers are for: a proof of possession (RFC 9449) covers all of it.

    `nonce` is the server's latest (RFC 9449 section 9), "" before the first one.
    """

    method: str
    url: Url
    nonce: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """The MCP server refused a request."""

    # The status of the response: 401 or 403.
    status: int
    # The challenge in its WWW-Authenticate header, None if there is none.
    challenge: "Challenge | None"
    # The headers that it refused.
    sent: Mapping[str, str]
    # Whether those headers followed another refusal of the same request, so that there is nothing left to try.
    again: bool = False
    # The text of the response besides its challenge. It tells kinds of refusal apart; only `said` repeats it.
    words: str = ""
    # The protocol of the status, "HTTP" or "JSON-RPC": a few servers send a 401 in JSON-RPC.
    protocol: str = "HTTP"

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the challenge names."""
        return self.challenge.scopes if self.challenge else ()

    @property
    def description(self) -> str:
        """The challenge's error_description (RFC 6750 section 3); foreign text, "" for none."""
        return self.challenge.parameters.get("error_description", "") if self.challenge else ""

    @property
    def said(self) -> str:
        """The server's own sentence, without the headers that it received; foreign text, "" for none."""
        from mcp_auth_bridge.oauth.documents import known_error  # most servers refuse nothing
        from mcp_auth_bridge.oauth.error_text import redacted, sentence  # as above

        text = self.description or sentence("text/plain", self.words.encode())
        return redacted("" if known_error(text) == text else text, map(Secret, self.sent.values()))

    def __str__(self) -> str:
        from mcp_auth_bridge.oauth.error_text import saying  # as above

        return f"{self.protocol} {self.status}{saying(self.said)}"


class Credentials(Protocol):
    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:
        """Headers for the next request to the MCP server.

        After a refusal the headers differ from the refused ones; after a second one, the error that explains it is
        raised. Raises `LoginRequired` if there are no credentials, and any other `BridgeError` if they cannot be
        obtained at the moment.
        """


@runtime_checkable
class ReadyCredentials(Credentials, Protocol):
    """Credentials whose headers are often known without waiting."""

    def at_hand(self, target: Target) -> Mapping[str, str] | None:
        """The headers for the next request, if they are known and nothing is due. None: `headers` has to be asked."""


def ready(credentials: Credentials) -> Callable[[Target], Mapping[str, str] | None]:
    """The method `at_hand` of `credentials`, or one that never knows headers."""
    return credentials.at_hand if isinstance(credentials, ReadyCredentials) else _none_at_hand


def _none_at_hand(_: Target) -> None:
    return None


class Renewal(Protocol):
    """How a session is replaced: a user's login by its refresh token, a machine's by another token request."""

    def sends_bare(self, refused: Refusal | None) -> bool:
        """Whether a request goes out without a token while there is no session. `refused`: the last refusal."""

    async def refresh_under_lock(self, refused: Refusal | None) -> Session:
        """Obtain a session in place of the one in memory, which is due, expired or `refused`.

        Another process may have made it already. It is stored before it is returned. Raises a `BridgeError` that says
        what to do.
        """

    async def missing_permission_error(self, refused: Refusal) -> BridgeError:
        """The error for a permission that the session lacks (403)."""

    def new_token_error(self, session: Session, refused: Refusal) -> BridgeError:
        """The error if the server refuses even a new `session`."""

    async def settle(self) -> None:
        """Wait for work that would be lost with the process."""
