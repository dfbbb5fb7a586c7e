"""`mcp-auth-bridge login --all`: log in to every server that lacks a login, one after the other.

A failure at one server does not stop the others.
"""

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.commands import next_step, server_choice
from mcp_auth_bridge.commands.login import Input, log_in
from mcp_auth_bridge.commands.status import server_status
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.shell.console import activity, terminal


async def run(given: Input, context: Context) -> int:
    """Returns the exit code of the first failure, 0 if there was none."""
    known = await server_choice.known_servers(context)
    if not known and not context.config.broken:
        raise server_choice.no_server_error(context)
    store_access = context.store_access()
    store_access.check_keeps("a login")
    keys = (await store_access.open_to_write()).keys()
    done: list[Bridge] = []
    left: list[str] = []
    failed: dict[str, BridgeError] = {name: broken.error for name, broken in context.config.broken.items()}
    for error in failed.values():
        terminal.report_error(error)
    with activity.steps("servers", len(known)) as advance:
        for profile in known:
            if (await server_status(profile, context, keys)).state == "signed in":
                left.append(profile.name)
            else:
                terminal.set_server(profile.label)
                try:
                    done.append(await log_in(given, ServerChoice(profile.name), context))
                except BridgeError as error:
                    terminal.report_error(error)
                    failed[profile.name] = error
            advance()
    terminal.set_server("")
    _show_summary([bridge.profile.name for bridge in done], left, list(failed))
    if done:
        next_step.show_ide_entries(done)
    return next((error.exit_code for error in failed.values()), 0)


def _show_summary(done: list[str], left: list[str], failed: list[str]) -> None:
    for what, names in (("signed in now", done), ("signed in before", left), ("failed", failed)):
        if names:
            terminal.say(f"{what}: {', '.join(names)}")
