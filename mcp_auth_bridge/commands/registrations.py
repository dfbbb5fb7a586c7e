"""The client registrations that logins made (RFC 7591): which exist, which login uses which, and how they end."""

from collections.abc import Mapping
from contextlib import suppress

import msgspec

from mcp_auth_bridge.commands.stored_logins import readable_record, save_over, session_in
from mcp_auth_bridge.errors import BridgeError, StoreError
from mcp_auth_bridge.oauth.registration_management import unregister
from mcp_auth_bridge.oauth.session import CLIENTS, SESSIONS, SHARED, Client, Session, dump, load_client, load_session
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp
from mcp_auth_bridge.shell.run_flow import HeadlessLogin, run_flow
from mcp_auth_bridge.stores.base import Record, Store


def load_registrations(store: Store, last: Record | None) -> Mapping[str, Client]:
    """The registrations of earlier logins, by issuer.

    A registration is left out if the `last` session found that the authorization server has forgotten it.
    """
    keys = store.keys()
    records = [readable_record(store, key) for key in keys if key.startswith(CLIENTS)]
    clients = [load_client(record.secret) for record in records if record is not None]
    session = session_in(last)
    forgotten = session.client.id if session is not None and session.client_forgotten else ""
    return {client.issuer: client for client in clients if client.id != forgotten}


def save_registration(store: Store, session: Session) -> None:
    """Keep the registration of `session` for later logins, if its client was registered by the bridge."""
    if session.client.registered:
        key = f"{CLIENTS}{session.issuer}"
        save_over(store, key, dump(session.client), readable_record(store, key))


def replaced_registrations(new: Client, *earlier: Client | None) -> list[Client]:
    """The `earlier` registrations that the registration `new` replaces.

    A registration is replaced only by one with the same callback: another login that uses the earlier one at this
    moment would hold its port.
    """
    clients = {client.id: client for client in earlier if client is not None and new.registered and client.registered}
    place = new.issuer, new.redirect_uri
    return [
        client for client in clients.values() if client.id != new.id and (client.issuer, client.redirect_uri) == place
    ]


async def end_unused_registrations(store: Store, http: OAuthHttp, clients: list[Client]) -> None:
    """End those of `clients` that no login uses, where the authorization server offers it (RFC 7592).

    A failure is ignored: the login that replaces them works.
    """
    for client in clients:
        if not is_used(store, client):
            with suppress(BridgeError):
                await run_flow(unregister(client), http, HeadlessLogin())


def is_used(store: Store, client: Client, apart_from: str = "") -> bool:
    """Whether a login other than the one under the key `apart_from` has tokens of `client`.

    A login that cannot be read may have some, and so may one that was exported.
    """
    keys = store.keys()
    others = [key for key in keys if key.startswith(SESSIONS) and key != apart_from]
    try:
        sessions = [load_session(record.secret) for key in others if (record := store.load(key))]
    except StoreError:
        return True
    used = {(session.client.issuer, session.client.id) for session in sessions}
    return (client.issuer, client.id) in used or bool(store.unreadable()) or _shared_key(client) in keys


def without_management(client: Client) -> Client:
    """`client` for a machine that must not end the registration (RFC 7592), because another machine uses it too."""
    return msgspec.structs.replace(client, management_uri="", management_token=None)


def share_registration(store: Store, client: Client) -> None:
    """Note that a login on another machine uses the registration `client` too.

    The note is a record of its own: the record of the registration may hold a newer one, while other logins use this
    one.
    """
    key = _shared_key(client)
    if readable_record(store, key) is None:
        store.save(key, client.id, None)


def _shared_key(client: Client) -> str:
    return f"{SHARED}{client.issuer} {client.id}"


def forget_registration(store: Store, client: Client) -> None:
    """Forget the registration `client`, if it is the one that later logins would use."""
    key = f"{CLIENTS}{client.issuer}"
    record = readable_record(store, key)
    if record is not None and load_client(record.secret).id == client.id:
        store.delete(key, record.generation)
