"""What the store holds: logins, whose servers the configuration may not know, and registrations."""

import re

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.config.profile import Profile, server_url
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.oauth.session import CLIENTS, SESSIONS, SHARED, Client, Session, load_client, load_session
from mcp_auth_bridge.stores.base import Record, Store
from mcp_auth_bridge.urls import Purpose

_BY_OTHER_SETTINGS = re.compile(r"(.+)~([0-9a-f]{8})")
"""`Profile.key` of a login that was made with --auth."""


def profiles(keys: list[str], context: Context) -> list[Profile]:
    """The configured servers, then those of the other sessions among `keys`: of a bare URL, of --auth, of a name that
    the configuration no longer has.
    """
    configured = {Bridge(profile, context).record: profile for profile in context.config.profiles.values()}
    sessions = [key for key in keys if key.startswith(SESSIONS) and key not in configured]
    return [*configured.values(), *(_profile(key, context) for key in sessions)]


def _profile(key: str, context: Context) -> Profile:
    name, _, url = key.removeprefix(SESSIONS).partition(" ")
    place = server_url(url, f"the stored login to {name}", Purpose.PLAIN_SERVER)
    profile = Profile(name=name, url=place, store=context.config.store)
    other = _BY_OTHER_SETTINGS.fullmatch(name)
    if other is None or name == url:
        return profile
    return msgspec.structs.replace(profile, name=other[1], variant=other[2], auth_argument="…")


def stored(store: Store, key: str) -> Record | None:
    """The record under `key`; one that cannot be opened is as good as none, because the login replaces it."""
    try:
        return store.load(key)
    except StoreError:
        return None


def session_in(record: Record | None) -> Session | None:
    """As with `stored`: what cannot be read is replaced."""
    try:
        return load_session(record.secret) if record is not None else None
    except StoreError:
        return None


def is_used(store: Store, client: Client, apart_from: str = "") -> bool:
    """Whether a login `apart_from` the one under that key has tokens of `client`; one that cannot be read may, and so
    may one that was exported.
    """
    keys = store.keys()
    others = [key for key in keys if key.startswith(SESSIONS) and key != apart_from]
    try:
        sessions = [load_session(record.secret) for key in others if (record := store.load(key))]
    except StoreError:
        return True
    known = {(session.client.issuer, session.client.id) for session in sessions}
    return (client.issuer, client.id) in known or bool(store.unreadable()) or _shared(client) in keys


def without_management(client: Client) -> Client:
    """`client` for a machine that is not to end its registration (RFC 7592), because another one lives by it too."""
    return msgspec.structs.replace(client, management_uri="", management_token=None)


def share_client(store: Store, client: Client) -> None:
    """Note that a login on another machine lives by the registration `client` too.

    The note stands apart: the record of the registration may be of a newer one, and other logins may hold this one.
    """
    key = _shared(client)
    if stored(store, key) is None:
        store.save(key, client.id, None)


def _shared(client: Client) -> str:
    return f"{SHARED}{client.issuer} {client.id}"


def forget_client(store: Store, client: Client) -> None:
    """Forget the registration `client`, unless it is not the one that later logins would use."""
    key = f"{CLIENTS}{client.issuer}"
    record = stored(store, key)
    if record is not None and load_client(record.secret).id == client.id:
        store.delete(key, record.generation)
