"""The logins in the store. The configuration may not know their servers."""

import re

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.config.profile import Profile, parse_server_url
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.oauth.session import SESSIONS, Session, load_session
from mcp_auth_bridge.stores.base import Record, Stale, Store
from mcp_auth_bridge.urls import Purpose

_BY_OTHER_SETTINGS = re.compile(r"(.+)~([0-9a-f]{8})")
"""`Profile.key` of a login that was made with --auth."""


def profiles(keys: list[str], context: Context) -> list[Profile]:
    """The configured servers, then the servers of all other sessions among the store's `keys`.

    The others are logins by URL, logins with --auth, and logins to names that the configuration no longer has.
    """
    configured = {Bridge(profile, context).record: profile for profile in context.config.profiles.values()}
    sessions = [key for key in keys if key.startswith(SESSIONS) and key not in configured]
    return [*configured.values(), *(_profile(key, context) for key in sessions)]


def _profile(key: str, context: Context) -> Profile:
    name, _, url = key.removeprefix(SESSIONS).partition(" ")
    place = parse_server_url(url, f"the stored login to {name}", Purpose.PLAIN_SERVER)
    profile = Profile(name=name, url=place, store=context.config.store)
    other = _BY_OTHER_SETTINGS.fullmatch(name)
    if other is None or name == url:
        return profile
    return msgspec.structs.replace(profile, name=other[1], variant=other[2], auth_argument="…")


def readable_record(store: Store, key: str) -> Record | None:
    """The record under `key`. None also for one that cannot be opened, because a new login replaces it."""
    try:
        return store.load(key)
    except StoreError:
        return None


def session_in(record: Record | None) -> Session | None:
    """The session in `record`. None also for one that cannot be decoded, as with `readable_record`."""
    try:
        return load_session(record.secret) if record is not None else None
    except StoreError:
        return None


def save_over(store: Store, key: str, secret: str, before: Record | None) -> None:
    """Save over the record `before`, and over whatever a refresh has written since: the login just made wins."""
    try:
        store.save(key, secret, before.generation if before else None)
    except Stale:
        now = store.load(key)
        store.save(key, secret, now.generation if now else None)
