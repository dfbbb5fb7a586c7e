"""How the MCP server receives a client without credentials: as a login asks it, before it looks for metadata."""

from collections.abc import Mapping

import anyio
import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.errors import TRY_AGAIN, BridgeError, Overdue
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.transports.probe import Stranger, ask_for_challenge

PATIENCE = 5.0
"""Seconds for the whole session, which many servers refuse at its first request."""


class Reception(msgspec.Struct, frozen=True):
    """What came of a session without credentials, but with the organisation's headers."""

    # The refusal, None if the server refused nothing.
    refusal: Refusal | None = None
    # Whether the server served the whole session.
    is_served: bool = False
    # Why neither is known, None otherwise.
    error: BridgeError | None = None

    @property
    def challenge(self) -> Challenge | None:
        """The challenge that a login answers."""
        return self.refusal.challenge if self.refusal is not None else None


async def receive(bridge: Bridge, headers: Mapping[str, Secret]) -> Reception:
    """Ask the server of `bridge` as a stranger. `headers` are those of a stored login. Raises nothing."""
    apart, stranger = bridge.separate(), Stranger()
    error: BridgeError | None = None
    try:
        with anyio.fail_after(PATIENCE):
            await ask_for_challenge(apart.remote_for(stranger, lambda: headers), stranger)
    except TimeoutError:
        error = Overdue(f"{bridge.profile.url.origin} did not answer within {PATIENCE:g} seconds", TRY_AGAIN)
    except BridgeError as failed:
        error = failed
    finally:
        await apart.pool.aclose()
    return Reception(stranger.refusal, stranger.is_served, None if stranger.refusal else error)
