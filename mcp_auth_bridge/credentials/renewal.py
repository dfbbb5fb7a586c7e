"""What differs between a person's session and a machine's: how another one is come by, and what to say without it."""

from typing import Protocol

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.session import Session


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
