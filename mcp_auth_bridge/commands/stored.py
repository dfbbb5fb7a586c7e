"""Which servers there are: those of the configuration, and whatever else has a login in the store."""

import re

import msgspec

from mcp_auth_bridge.config import Profile, server_url
from mcp_auth_bridge.oauth.session import SESSIONS
from mcp_auth_bridge.wiring import Bridge
from mcp_auth_bridge.world import World

_BY_OTHER_SETTINGS = re.compile(r"(.+)~([0-9a-f]{8})")
"""`Profile.key` of a login that was made with --auth."""


def profiles(keys: list[str], world: World) -> list[Profile]:
    """The configured servers, then those of the other sessions among `keys`: of a bare URL, of --auth, of a name that
    the configuration no longer has.
    """
    configured = {Bridge(profile, world).record: profile for profile in world.config.profiles.values()}
    sessions = [key for key in keys if key.startswith(SESSIONS) and key not in configured]
    return [*configured.values(), *(_profile(key, world) for key in sessions)]


def _profile(key: str, world: World) -> Profile:
    name, _, url = key.removeprefix(SESSIONS).partition(" ")
    profile = Profile(name=name, url=server_url(url, f"the stored login to {name}"), store=world.config.store)
    other = _BY_OTHER_SETTINGS.fullmatch(name)
    if other is None or name == url:
        return profile
    return msgspec.structs.replace(profile, name=other[1], variant=other[2], spoken="…")
