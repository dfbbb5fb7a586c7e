"""A login of mcp-remote, proven and sealed as one of this bridge. The old files are left alone."""

import time
from contextlib import AsyncExitStack
from pathlib import Path

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.configured_plan import configured_plan
from mcp_auth_bridge.clients.migration.conversion import Conversion
from mcp_auth_bridge.clients.migration.mcp_remote_login import RivalLogin, login_digest, read_login
from mcp_auth_bridge.commands.login_proof import prove_and_store
from mcp_auth_bridge.commands.stored_logins import readable_record
from mcp_auth_bridge.config.auth import digest
from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.login import find_server
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp
from mcp_auth_bridge.shell.run_flow import HeadlessLogin, run_flow
from mcp_auth_bridge.shell.transports.probe import Stranger, ask_for_challenge

_WAIT = 60.0  # seconds for another login to the same server


async def take_over_login(bridge: Bridge, conversion: Conversion) -> None:
    """Take over the login of the entry that `conversion` is of, if there is one that can be used.

    A failure is only reported: the user logs in once.
    """
    if not isinstance(bridge.profile.auth, LoginSettings) or bridge.store_access.forgets:
        return
    found = _find(Path(bridge.environ.get("MCP_REMOTE_CONFIG_DIR") or Path.home() / ".mcp-auth"), conversion)
    if found is None:
        return
    try:
        await _take_over(bridge, found)
    except BridgeError as error:
        terminal.say(f"  its login is not taken over: {error.message}")


def _find(folder: Path, conversion: Conversion) -> RivalLogin | None:
    """The newest login in the folders of all versions of mcp-remote."""
    name = login_digest(conversion.table, conversion.headers)
    tokens = sorted(folder.glob(f"mcp-remote-*/{name}_tokens.json"), key=lambda path: path.stat().st_mtime)
    for path in reversed(tokens):
        try:
            client = path.with_name(f"{name}_client_info.json").read_text(encoding="utf-8")
            found = read_login(client, path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            continue
        if found is not None:
            return found
    return None


async def _take_over(bridge: Bridge, found: RivalLogin) -> None:
    store = await bridge.store_access.open_to_write()
    async with AsyncExitStack() as locks:
        await locks.enter_async_context(bridge.login_lock(_WAIT))
        before = readable_record(store, bridge.record)
        if before is not None:
            return
        server = await _find_server(bridge)
        if server.issuer.rstrip("/") != found.issuer.rstrip("/"):
            terminal.say("  its login is not taken over: it is from another authorization server")
            return
        await prove_and_store(bridge, store, before, _session(bridge, found, server))
    terminal.say(
        "  the login of mcp-remote is taken over; its files stay, and once it is renewed here, they are of no use"
    )


async def _find_server(bridge: Bridge) -> AuthorizationServer:
    """The authorization server of the server, as a login finds it."""
    auth = bridge.profile.auth
    assert isinstance(auth, LoginSettings), "the caller checked it"  # noqa: S101 - a fact, not a check
    other = bridge.separate()
    http, stranger = OAuthHttp(bridge.network), Stranger()
    try:
        asked = await ask_for_challenge(other.remote_for(stranger, dict), stranger)
        return await run_flow(
            find_server(configured_plan(bridge.profile.url, auth, asked, None)), http, HeadlessLogin()
        )
    finally:
        await http.aclose()
        await other.pool.aclose()


def _session(bridge: Bridge, found: RivalLogin, server: AuthorizationServer) -> Session:
    """The session of the login at `server`."""
    client = Client(
        issuer=server.issuer,
        id=found.client_id,
        secret=found.client_secret,
        auth_method=found.auth_method,
        redirect_uri=found.redirect_uri,
        scope=found.scope,
        registered=False,  # the user may still use mcp-remote with it
    )
    return Session(
        resource=server.resource,
        issuer=server.issuer,
        token_endpoint=str(server.token_endpoint),
        revocation_endpoint=str(server.revocation_endpoint or ""),
        client=client,
        scope=found.scope,
        access=found.access,
        refresh=found.refresh,
        obtained_at=time.time(),
        expires_at=found.expires_at,
        asked=found.scope,
        settings=digest(bridge.profile.auth),
    )
