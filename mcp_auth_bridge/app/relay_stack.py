"""Builds the stack of relays for a `Profile`.

From the outside in: the relays take batches apart, isolate faults and recognise the era of the client. A client of
either era has relays that serve its user. Below them are the relays that the era of the server needs.
"""

import os
from collections.abc import Callable, Mapping
from itertools import count
from typing import TYPE_CHECKING

from mcp_auth_bridge.config.login import BrowserSettings
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.relay.base import Relay
from mcp_auth_bridge.relay.batches import Batches
from mcp_auth_bridge.relay.call_numbers import FORWARDED, LISTINGS, OWN, CallNumbers
from mcp_auth_bridge.relay.client_capabilities import ClientCapabilities
from mcp_auth_bridge.relay.client_era import ClientEra
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.dual_server import DualServer
from mcp_auth_bridge.relay.early_initialize import EarlyInitialize
from mcp_auth_bridge.relay.era import Era, remembered_era
from mcp_auth_bridge.relay.isolation import Isolation
from mcp_auth_bridge.relay.legacy_era import LegacyEra
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.login_notices import LoginNotices
from mcp_auth_bridge.relay.login_tool import LoginTool
from mcp_auth_bridge.relay.on_first_use import OnFirstUse
from mcp_auth_bridge.relay.parameter_headers import ParameterHeaders, hide_invalid, show_all
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.remembered_lists import RememberedLists
from mcp_auth_bridge.relay.server_era import ServerEra
from mcp_auth_bridge.relay.session_replay import SessionReplay
from mcp_auth_bridge.relay.shortcut import Shortcut

if TYPE_CHECKING:
    from mcp_auth_bridge.relay.headless import Headless


def build_relay(profile: Profile, remembered: Mapping[str, bytes]) -> Relay:
    """The relay between an MCP client and the server of `profile`; `remembered` are cached results by method."""
    eras = _Eras(profile, remembered)
    legacy = Shortcut(
        eras.server_of_legacy_client(),
        SessionReplay,
        ClientCapabilities,
        lambda inner: EarlyInitialize(inner, profile.name, remembered),
        lambda inner: RememberedLists(inner, remembered),
        lambda inner: LoginTool(inner, profile.name),
    )

    def modern() -> Relay:
        from mcp_auth_bridge.relay.early_discover import EarlyDiscover  # most clients are legacy ones
        from mcp_auth_bridge.relay.early_listen import EarlyListen  # as above

        relay = Shortcut(
            eras.server_of_modern_client(),
            lambda inner: EarlyDiscover(inner, profile.name, remembered),
            lambda inner: RememberedLists(inner, remembered),
            EarlyListen,
            lambda inner: LoginTool(inner, profile.name),
        )
        return _with_login(relay, profile)

    return LoginNotices(Batches(Isolation(ClientEra(_with_login(legacy, profile), OnFirstUse(modern)))))


def _with_login(relay: Relay, profile: Profile) -> Relay:
    """`relay`, which begins a login if one is missing and the profile allows it."""
    if not isinstance(profile.auth, BrowserSettings) or profile.login != "auto":
        return relay
    from mcp_auth_bridge.relay.signing_in import SigningIn  # a configured token is not a login

    return SigningIn(relay, profile.name)


def build_headless_relay(profile: Profile, remembered: Mapping[str, bytes]) -> "Headless":
    """The relay for `--headless`, from the same arguments."""
    from mcp_auth_bridge.relay.headless import Headless  # most bridges run for a person

    eras = _Eras(profile, remembered)
    legacy = Shortcut(eras.server_of_legacy_client(), SessionReplay, ClientCapabilities)
    return Headless(Batches(Isolation(ClientEra(legacy, OnFirstUse(eras.server_of_modern_client)))))


def build_own_relay(profile: Profile) -> Relay:
    """The relay for the bridge's own calls.

    It waits for the server, never opens a browser, and does not translate: the bridge itself speaks both eras.
    """
    eras = _Eras(profile, {})
    return Isolation(ClientEra(eras.legacy_server(), OnFirstUse(eras.modern_server)))


class _Eras:
    """The relays of the two eras. They share the numbers of their calls and of their questions to the client.

    They take turns in one process, and one that is no longer in use may still wait for a reply or an answer.
    """

    def __init__(self, profile: Profile, remembered: Mapping[str, bytes]) -> None:
        self._profile = profile
        self._remembered = remembered
        self._questions = count(1)
        self._forwarded, self._own, self._listings = CallNumbers(FORWARDED), CallNumbers(OWN), CallNumbers(LISTINGS)

    def server_of_legacy_client(self) -> Relay:
        build: Mapping[Era, Callable[[], Relay]] = {
            Era.LEGACY: self._legacy_server_unless_dual,
            Era.MODERN: self._modern_server_for_legacy_client,
        }
        return ServerEra(build, Era.LEGACY, self._remembered)

    def server_of_modern_client(self) -> Relay:
        build: Mapping[Era, Callable[[], Relay]] = {
            Era.MODERN: self.modern_server,
            Era.LEGACY: self._legacy_server_for_modern_client,
        }
        return ServerEra(build, Era.MODERN, self._remembered)

    # Most clients meet a server of their own era, so a start imports neither translator.

    def _modern_server_for_legacy_client(self) -> Relay:
        from mcp_auth_bridge.relay.legacy_to_modern import LegacyToModern  # as above

        return LegacyToModern(self.modern_server(), self._profile.name, self._questions)

    def _legacy_server_for_modern_client(self) -> Relay:
        from mcp_auth_bridge.relay.modern_to_legacy import ModernToLegacy  # as above

        return ModernToLegacy(SessionReplay(self.legacy_server()), os.urandom)

    def legacy_server(self) -> Relay:
        calls = ParameterHeaders(self._delivery(), show_all, self._listings)
        session = LegacyEra(LegacySession(calls, self._own))
        if self._profile.relay.ping == 0:
            return session
        from mcp_auth_bridge.relay.keep_alive import KeepAlive  # few servers need a ping

        return KeepAlive(session, self._profile.relay.ping)

    def _legacy_server_unless_dual(self) -> Relay:
        """The relay for a legacy client. A server that has proven to speak only the legacy era is not asked again."""
        server = self.legacy_server()
        return server if remembered_era(self._remembered) is Era.LEGACY else DualServer(server)

    def modern_server(self) -> Relay:
        from mcp_auth_bridge.relay.modern import Modern  # most servers are legacy ones
        from mcp_auth_bridge.relay.modern_era import ModernEra  # as above
        from mcp_auth_bridge.relay.subscriptions import Subscriptions  # as above

        return ModernEra(Subscriptions(Modern(ParameterHeaders(self._delivery(), hide_invalid, self._listings))))

    def _delivery(self) -> Relay:
        return Delivery(Passthrough(self._forwarded), self._profile.relay)
