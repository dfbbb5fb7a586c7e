"""A server made ready for clients before they learn of it: the user is logged in, and its lists are remembered."""

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.commands import login
from mcp_auth_bridge.commands.status import server_status
from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import BridgeError, LoginNotNeeded
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.transports.probe import prove


async def make_ready(bridge: Bridge, choice: ServerChoice, context: Context) -> None:
    """Log in to the server of `bridge` if a login is missing, and remember its lists. Raises any `BridgeError` of the
    login; a server that cannot be asked for its lists is only reported.
    """
    if isinstance(bridge.profile.auth, LoginSettings) and not await _is_signed_in(bridge, context):
        try:
            await login.log_in(login.Input(choice), choice, context)
        except LoginNotNeeded:
            terminal.say(f"{bridge.profile.name} needs no login")
    if "tools/list" not in bridge.server_cache.load():
        await _remember_lists(bridge)


async def _is_signed_in(bridge: Bridge, context: Context) -> bool:
    if bridge.store_access.forgets:
        return False
    keys = (await bridge.store_access.open_to_list()).keys()
    return (await server_status(bridge.profile, context, keys)).state == "signed in"


async def _remember_lists(bridge: Bridge) -> None:
    own = bridge.separate()
    try:
        results = await prove(own.remote)
    except BridgeError as error:
        terminal.report_error(error)
        terminal.say("the entry is written anyway; the client learns the tools from the server")
        return
    finally:
        await own.settle()
        await own.pool.aclose()
    for method, result in results.items():
        bridge.server_cache.save(method, result)
