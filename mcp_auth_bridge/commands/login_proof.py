"""A new login is proven with the MCP server before it replaces the one in the store."""

from functools import partial

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.commands.endpoint_hint import naming_endpoints
from mcp_auth_bridge.commands.registrations import save_registration
from mcp_auth_bridge.commands.stored_logins import save_over, session_in
from mcp_auth_bridge.errors import LoginRequired, StepUpRequired
from mcp_auth_bridge.oauth.session import Session, dump
from mcp_auth_bridge.shell.transports.probe import prove
from mcp_auth_bridge.stores.base import Record, Store
from mcp_auth_bridge.stores.memory import MemoryStore


async def prove_and_store(bridge: Bridge, store: Store, before: Record | None, session: Session) -> Session:
    """Prove `session` with one request, and store it over the record `before`. Returns it as it was stored.

    A session that the MCP server refuses is not stored: the login before it may still be good. After any other failure
    it is, because the user has signed in. Raises any `BridgeError` of the proof.
    """
    trial = MemoryStore()
    trial.save(bridge.record, dump(session), None)
    refused = False
    credentials = bridge.oauth_from(partial(_open, trial))
    try:
        async with naming_endpoints(bridge.profile.url, bridge.network):
            results = await prove(bridge.remote_for(credentials, lambda: session.headers))
    except LoginRequired as error:
        refused = not isinstance(error, StepUpRequired)  # a login that lacks a scope is good for other requests
        raise
    finally:
        session = session_in(trial.load(bridge.record)) or session  # the proof may have refreshed it
        save_registration(store, session)
        if not refused:
            save_over(store, bridge.record, dump(session), before)
    last = session_in(before)
    if last is not None and last.headers != session.headers:
        bridge.server_cache.forget()  # another organisation may have other tools
    for method, result in results.items():
        bridge.server_cache.save(method, result)
    return session


async def _open(store: Store) -> Store:
    return store
