"""Builds the stack of relays for a `Profile`.

From the outside in: batches are taken apart, faults are isolated, the era is negotiated, and then each era has the
relays that it needs.
"""

from collections.abc import Mapping

from mcp_auth_bridge.config.login import BrowserSettings
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.relay.base import Relay
from mcp_auth_bridge.relay.batches import Batches
from mcp_auth_bridge.relay.client_capabilities import ClientCapabilities
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.early_initialize import EarlyInitialize
from mcp_auth_bridge.relay.headless import Headless
from mcp_auth_bridge.relay.isolation import Isolation
from mcp_auth_bridge.relay.keep_alive import KeepAlive
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.login_notices import LoginNotices
from mcp_auth_bridge.relay.modern import Modern
from mcp_auth_bridge.relay.negotiation import Negotiation
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.session_replay import SessionReplay
from mcp_auth_bridge.relay.signing_in import SigningIn
from mcp_auth_bridge.relay.subscriptions import Subscriptions


def build_relay(profile: Profile, remembered: Mapping[str, bytes]) -> Relay:
    """The relay between an MCP client and the server of `profile`; `remembered` are cached results by method."""
    legacy: Relay = EarlyInitialize(ClientCapabilities(_session(profile)), profile.name, remembered)
    modern: Relay = Subscriptions(Modern(Delivery(Passthrough(), profile.relay)))
    if isinstance(profile.auth, BrowserSettings) and profile.login == "auto":
        legacy, modern = SigningIn(legacy, profile.name), SigningIn(modern, profile.name)
    return LoginNotices(Batches(Isolation(Negotiation(legacy, modern, remembered))))


def build_headless_relay(profile: Profile, remembered: Mapping[str, bytes]) -> Headless:
    """The relay for `--headless`, from the same arguments."""
    modern = Subscriptions(Modern(Delivery(Passthrough(), profile.relay)))
    return Headless(Batches(Isolation(Negotiation(ClientCapabilities(_session(profile)), modern, remembered))))


def build_own_relay(profile: Profile, remembered: Mapping[str, bytes]) -> Relay:
    """The relay for the bridge's own calls: it waits for the server, and it never opens a browser.

    Its client answers every request of the server itself (`shell/own_client.py`).
    """
    return Isolation(Negotiation(_session(profile), Modern(Delivery(Passthrough(), profile.relay)), remembered))


def _session(profile: Profile) -> Relay:
    session = SessionReplay(LegacySession(Delivery(Passthrough(), profile.relay)))
    return KeepAlive(session, profile.relay.ping) if profile.relay.ping > 0 else session
