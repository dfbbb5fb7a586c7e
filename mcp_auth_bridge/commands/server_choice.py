"""The choice of a server to log in to, where the command line names none."""

from collections.abc import Sequence

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.commands.status import ServerStatus, misconfigured_status, server_status
from mcp_auth_bridge.commands.stored_logins import profiles
from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.config.profile import Profile, ServerChoice
from mcp_auth_bridge.config.suggestion import nearest
from mcp_auth_bridge.errors import ConfigError, quoted
from mcp_auth_bridge.shell.browser.login_window import read_typed_line
from mcp_auth_bridge.shell.console import terminal


async def choose_server(context: Context) -> ServerChoice | None:
    """The only known server, or the one that the user chooses; None if they choose none.

    Raises `ConfigError` where no server is known, and where there are several and no terminal to ask on.
    """
    known = configured_servers(context) or await _servers_by_url(context)
    if not known:
        raise no_server_error(context)
    if len(known) == 1:
        return ServerChoice(known[0].name)
    if not (terminal.is_interactive() and terminal.stderr_is_terminal()):
        for profile in known:
            terminal.say(f"for {profile.name}: {Bridge(profile, context).login_command}")
        raise ConfigError(
            "there are several servers, and there is no terminal to ask which one you mean",
            "run one of these commands, or mcp-auth-bridge login --all",
        )
    return await _ask(context)


async def choose_any_server(context: Context) -> ServerChoice:
    """The only known server, also one that needs no login. Raises `ConfigError` where there is none, or several."""
    names = [*context.config.profiles] or [profile.name for profile in await _servers_by_url(context)]
    if not names:
        raise no_server_error(context)
    if len(names) > 1:
        raise ConfigError(
            f"there are several servers: {', '.join(names)}", "name one of them at the end of the command"
        )
    return ServerChoice(names[0])


def configured_servers(context: Context) -> list[Profile]:
    """The servers in the configuration that need a login."""
    return [profile for profile in context.config.profiles.values() if isinstance(profile.auth, LoginSettings)]


async def known_servers(context: Context) -> list[Profile]:
    """The configured servers that need a login, and the servers with a login that was made by URL."""
    return [*configured_servers(context), *await _servers_by_url(context)]


async def _servers_by_url(context: Context) -> list[Profile]:
    keys = (await context.store_access().open_to_list()).keys()
    return [profile for profile in profiles(keys, context) if _has_only_a_url(profile)]


def _has_only_a_url(profile: Profile) -> bool:
    return "://" in profile.name and not profile.variant


def no_server_error(context: Context) -> ConfigError:
    """The error where no server is known. Its hint shows the two ways to name one."""
    file = context.config.path
    return ConfigError(
        f"no server was named, and {file} has none to log in to",
        "run mcp-auth-bridge login https://mcp.example.com/mcp with your server's URL, or give it a name first:"
        " mcp-auth-bridge add example https://mcp.example.com/mcp",
    )


async def _ask(context: Context) -> ServerChoice | None:
    store_access = context.store_access()
    store_access.check_keeps("a login")
    keys = (await store_access.open_to_write()).keys()  # the states below depend on the store, and so does the login
    shown = [
        await server_status(profile, context, keys)
        for profile in [*context.config.profiles.values(), *await _servers_by_url(context)]
    ]
    named = {profile.name for profile in await known_servers(context)}
    choices = [each for each in shown if each.server in named]
    for number, each in enumerate(choices, 1):
        terminal.say(f"{number:>3}  {_name(each)}: {_describe_state(each)}")
    others = [each for each in shown if each not in choices]
    for each in [*others, *(misconfigured_status(name, broken) for name, broken in context.config.broken.items())]:
        terminal.say(f"  -  {_name(each)}: {_describe_state(each)}")
    return await _read_choice(choices)


async def _read_choice(choices: Sequence[ServerStatus]) -> ServerChoice | None:
    names = {name: each.server for each in choices for name in (each.server, each.short) if name}
    while True:
        terminal.say("which server do you want to log in to? type its number or name, or press Enter to leave")
        typed = (await read_typed_line()).strip()
        if not typed:
            terminal.say("no server was chosen, and nothing has changed")
            return None
        if typed.isdecimal() and 0 < int(typed) <= len(choices):
            return ServerChoice(choices[int(typed) - 1].server)
        if typed in names or "://" in typed:
            return ServerChoice(names.get(typed, typed))
        meant = nearest(typed, names)
        terminal.say(f"{quoted(typed)} is not one of them{f'; did you mean {meant}?' if meant else ''}")


def _name(line: ServerStatus) -> str:
    return f"{line.short} ({line.server})" if line.short else line.server


def _describe_state(line: ServerStatus) -> str:
    match line.state:
        case "signed in":
            return f"signed in{f' as {line.account}' if line.account else ''}, {line.detail}"
        case "signed out":
            return "not signed in"
        case "ended":
            return "the login has ended"
        case "static" | "automatic":
            return "needs no login"
    return line.detail
