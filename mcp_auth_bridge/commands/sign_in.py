"""The story of one login, by hand or on demand.

The bridge asks the MCP server without credentials, which answers with its challenge. The OAuth flow obtains a session,
a request to the MCP server proves it, and the store keeps it. Only then does the browser's page say that the user is
signed in.

The caller holds the login lock, and has looked at the store since it took the lock.
"""

from collections.abc import Mapping

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.commands import step_up
from mcp_auth_bridge.commands.endpoint_hint import naming_endpoints
from mcp_auth_bridge.commands.login_plan import LoginManner, build_plan
from mcp_auth_bridge.commands.login_proof import prove_and_store
from mcp_auth_bridge.commands.registrations import (
    end_unused_registrations,
    load_registrations,
    replaced_registrations,
)
from mcp_auth_bridge.config.auth import digest
from mcp_auth_bridge.errors import BridgeError, LoginNotNeeded, NoLoginOffered
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.error_meaning import scopes_refused
from mcp_auth_bridge.oauth.login import login
from mcp_auth_bridge.oauth.plan import LoginPlan
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.browser import pages
from mcp_auth_bridge.shell.browser.login_window import LoginWindow
from mcp_auth_bridge.shell.browser.loopback import Loopback
from mcp_auth_bridge.shell.console import debug_log, terminal
from mcp_auth_bridge.shell.net.cors_preflight import find_missing_header, name_missing_header
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp
from mcp_auth_bridge.shell.run_flow import run_flow
from mcp_auth_bridge.shell.transports.probe import Stranger, ask_for_challenge
from mcp_auth_bridge.stores.base import Record, Store


async def sign_in(bridge: Bridge, store: Store, record: Record | None, manner: LoginManner) -> Session:
    """The session that replaces the one in `record`, proven and stored. Raises any `BridgeError`."""
    loopback, http = Loopback(), OAuthHttp(bridge.network)
    window = LoginWindow(loopback, manner.open_url, manner.pasted, command=bridge.login_command)
    page = pages.failure("the login was interrupted", "run the command again")
    stranger, replaced = Stranger(), list[Client]()
    try:
        settings = digest(bridge.profile.auth)
        clients, last = load_registrations(store, record), step_up.last_session(record, settings)
        headers = _headers(manner, last)
        asked = await _challenge(bridge, stranger, headers)
        session = await _obtain(await build_plan(bridge, manner, clients, asked, last), http, window)
        wanted = step_up.obtained_scopes(last, session)
        session = msgspec.structs.replace(session, headers=headers, wanted=wanted, settings=settings)
        session = await prove_and_store(bridge, store, record, session)
        page = pages.success(bridge.profile.name, session.account)
        earlier = clients.get(session.issuer), last.client if last is not None else None
        replaced = replaced_registrations(session.client, *earlier)
    except NoLoginOffered as nothing:
        raise await _no_login_error(nothing, bridge, stranger, headers) from None
    except BridgeError as error:
        if scopes_refused(error):
            await step_up.give_up(bridge, store)
        page = pages.failure(error.message, error.hint)
        raise
    finally:
        await loopback.finish(page)  # first, so that the user does not wait for the rest
        await end_unused_registrations(store, http, replaced)
        await http.aclose()
        await bridge.pool.aclose()
    return session


def _headers(manner: LoginManner, last: Session | None) -> dict[str, Secret]:
    """The headers that are sent with the login and stored with it."""
    if manner.headers is not None:
        return dict(manner.headers)
    return last.headers if last is not None else {}


async def _challenge(bridge: Bridge, stranger: Stranger, headers: Mapping[str, Secret]) -> Challenge | None:
    """The challenge of the MCP server to a client without credentials, None if it sends none."""
    async with naming_endpoints(bridge.profile.url, bridge.network):
        challenge = await ask_for_challenge(bridge.remote_for(stranger, lambda: headers), stranger)
    if stranger.failure is not None and (missing := stranger.failure.facts.get("missing_header")):
        terminal.say(f"{stranger.failure.message}; it also takes the header {missing}, which is not sent")
    return challenge


async def _obtain(plan: LoginPlan, http: OAuthHttp, window: LoginWindow) -> Session:
    session = await run_flow(login(plan), http, window)
    renewable = session.refresh is not None
    debug_log.event("login.granted", issuer=session.issuer, scope=session.scope, renewable=renewable)
    return session


async def _no_login_error(
    nothing: NoLoginOffered, bridge: Bridge, stranger: Stranger, headers: Mapping[str, Secret]
) -> BridgeError:
    """The error where no login is offered: the server needs none, or its refusal says what it wants instead."""
    if stranger.is_served:
        again = f", each time with --header for {', '.join(headers)}" if headers else ""
        return LoginNotNeeded(
            f"{bridge.profile.name} needs no login: it answers requests without credentials",
            f"use it as it is{again}: {bridge.command('tools')}",
        )
    if stranger.refusal is not None:
        nothing.add(f" ({stranger.refusal})")
    elif stranger.failure is not None:
        nothing.add(f" ({stranger.failure.message})")
    sent = {*bridge.profile.headers, *headers}
    if missing := await find_missing_header(bridge.pool, bridge.profile.url, sent):
        name_missing_header(nothing, missing)
    return nothing
