"""A `Profile` → the relay for it, from the outside in: batches taken apart, faults contained, which era, then what each
era needs around its messages.
"""

from collections.abc import Mapping

from mcp_auth_bridge.config.login import Browser
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.relay.base import Relay
from mcp_auth_bridge.relay.batches import Batches
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.early_initialize import Welcome
from mcp_auth_bridge.relay.headless import Unattended
from mcp_auth_bridge.relay.isolation import Isolated
from mcp_auth_bridge.relay.keep_alive import KeepAlive
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.login_notices import Attended
from mcp_auth_bridge.relay.modern import Modern
from mcp_auth_bridge.relay.negotiation import Meet
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.session_replay import Restore
from mcp_auth_bridge.relay.signing_in import SigningIn
from mcp_auth_bridge.relay.subscriptions import Listening


def relay(profile: Profile, remembered: Mapping[str, bytes]) -> Relay:
    """The relay between a client and `profile`."""
    legacy: Relay = Welcome(_session(profile), profile.name, remembered)
    modern: Relay = Listening(Modern(Delivery(Passthrough(), profile.relay)))
    if isinstance(profile.auth, Browser) and profile.login == "auto":
        legacy, modern = SigningIn(legacy, profile.name), SigningIn(modern, profile.name)
    return Attended(Batches(Isolated(Meet(legacy, modern, remembered))))


def unattended(profile: Profile, remembered: Mapping[str, bytes]) -> Unattended:
    """The relay where no person is."""
    modern = Listening(Modern(Delivery(Passthrough(), profile.relay)))
    return Unattended(Batches(Isolated(Meet(_session(profile), modern, remembered))))


def own(profile: Profile, remembered: Mapping[str, bytes]) -> Relay:
    """The relay for the bridge as a client of its own: it waits for the server, and no browser opens for it."""
    return Isolated(Meet(_session(profile), Modern(Delivery(Passthrough(), profile.relay)), remembered))


def _session(profile: Profile) -> Relay:
    session = Restore(LegacySession(Delivery(Passthrough(), profile.relay)))
    return KeepAlive(session, profile.relay.ping) if profile.relay.ping > 0 else session
