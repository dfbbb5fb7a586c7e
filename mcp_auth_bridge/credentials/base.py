"""The whole credential world behind one method, as in golang/oauth2."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.documents import known_error
from mcp_auth_bridge.oauth.error_text import hidden, saying, sentence
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Url


class Target(msgspec.Struct, frozen=True):
    """The request that the headers are for: a proof of possession (RFC 9449) covers all of it.

    `nonce` is the server's latest (RFC 9449 section 9), "" while it has given none.
    """

    method: str
    url: Url
    nonce: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """The MCP server refused a request with 401 or 403. `sent` are the headers that it refused.

    `again` is whether they were the answer to a refusal already: then there is nothing more to try. `words` are what
    the answer said beside its challenge: they tell kinds of refusal apart, and only `said` repeats them. `protocol` is
    whose status it is: a few servers say it in JSON-RPC.
    """

    status: int
    challenge: Challenge | None
    sent: Mapping[str, str]
    again: bool = False
    words: str = ""
    protocol: str = "HTTP"

    @property
    def said(self) -> str:
        """The server's own sentence, without what was sent; foreign text, "" for none."""
        described = self.challenge.parameters.get("error_description", "") if self.challenge else ""
        text = described or sentence("text/plain", self.words.encode())
        return hidden("" if known_error(text) == text else text, map(Secret, self.sent.values()))

    def __str__(self) -> str:
        return f"{self.protocol} {self.status}{saying(self.said)}"


class Credentials(Protocol):
    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:
        """Headers for the next request to the MCP server.

        Given a refusal, other headers than the refused ones; given one that came again, what is known about it is
        raised. Raises `LoginRequired` when there are none, and any other
        `BridgeError` when they cannot be had at the moment.
        """


class Renewal(Protocol):
    def goes_bare(self, refused: Refusal | None) -> bool:
        """Whether a request goes out without a token while there is no session. `refused` is the last one's fate."""

    async def renew(self, refused: Refusal | None) -> Session:
        """Another session than the one at hand, which is due, over or `refused`; another process's if there is one.

        It is stored before it is returned. Raises a `BridgeError` that says what to do.
        """

    async def lacking(self, refused: Refusal) -> BridgeError:
        """The error for a permission that the session lacks (403)."""

    def still_refused(self, session: Session, refused: Refusal) -> BridgeError:
        """The error where even a new `session` is refused."""

    async def settle(self) -> None:
        """Wait for what would be lost with the process."""
