"""Finds the server that a command line means: by its name, its URL, or the short name of a login by URL."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config.profile import Profile, ServerChoice, parse_server_url
from mcp_auth_bridge.config.short_name import short_name
from mcp_auth_bridge.errors import ConfigError, StoreError
from mcp_auth_bridge.oauth.session import SESSIONS
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.urls import Purpose


async def _stored_keys(access: StoreAccess) -> Sequence[str]:
    return (await access.open_to_list()).keys()


async def find_bridge(
    choice: ServerChoice,
    context: Context,
    stored_keys: Callable[[StoreAccess], Awaitable[Sequence[str]]] = _stored_keys,
) -> Bridge:
    """The bridge to the server of `choice`. From here on, every message to the user names that server.

    Raises `ConfigError`. The store is searched, by `stored_keys`, only for a name that the configuration does not have.
    """
    profile = await find_profile(choice, context, stored_keys)
    bridge = Bridge(profile, context)
    terminal.set_server(profile.label, bridge.doctor_command)
    if profile.url.is_plain:
        terminal.say(
            f"warning: nothing on the way to {profile.url.origin} is encrypted (allow_http): anyone on it can read"
            " the credentials and change what the server says"
        )
    return bridge


async def find_profile(
    choice: ServerChoice,
    context: Context,
    stored_keys: Callable[[StoreAccess], Awaitable[Sequence[str]]] = _stored_keys,
) -> Profile:
    """The profile of the server of `choice`, as `find_bridge` finds it. Raises `ConfigError`."""
    if "://" not in choice.target and choice.target not in {*context.config.profiles, *context.config.broken}:
        choice = await _find_by_short_name(choice, context, stored_keys)
    return context.config.choose(choice)


async def _find_by_short_name(
    choice: ServerChoice, context: Context, stored_keys: Callable[[StoreAccess], Awaitable[Sequence[str]]]
) -> ServerChoice:
    try:
        urls = urls_with_short_name(choice.target, await stored_keys(context.store_access()))
    except StoreError as closed:
        raise _unknown_server_error(choice, context, closed) from None
    match urls:
        case []:
            return choice
        case [url]:
            return msgspec.structs.replace(choice, target=url)
    raise ConfigError(f"there are several logins by URL called {choice.target}", f"give the URL: {' or '.join(urls)}")


def _unknown_server_error(choice: ServerChoice, context: Context, closed: StoreError) -> ConfigError:
    """The error for a name that the configuration does not have, with the reason why the store cannot be searched."""
    try:
        context.config.choose(choice)
    except ConfigError as error:
        return ConfigError(f"{error.message}, and logins by URL cannot be listed: {closed.message}", error.hint)
    raise AssertionError(choice.target)


def login_urls(keys: Iterable[str]) -> list[str]:
    """The URLs among the store's `keys` of logins that were made by URL, to servers without a name."""
    sessions = [key.removeprefix(SESSIONS).partition(" ") for key in keys if key.startswith(SESSIONS)]
    return [url for name, _, url in sessions if name.rstrip("/") == url.rstrip("/")]


def urls_with_short_name(name: str, keys: Iterable[str]) -> list[str]:
    """The logins by URL with the short name `name`."""
    urls = [parse_server_url(url, "a stored login", Purpose.PLAIN_SERVER) for url in login_urls(keys)]
    return [str(url) for url in urls if short_name(url) == name]


def unique_short_name(profile: Profile, context: Context, keys: Iterable[str]) -> str:
    """The short name that commands accept for a `profile` without a name.

    "" if the profile has a name, or if the short name would mean two servers.
    """
    if "://" not in profile.name or profile.variant:
        return ""
    name = short_name(profile.url)
    taken = {*context.config.profiles, *context.config.broken}
    return name if name not in taken and len({*urls_with_short_name(name, keys), profile.name}) == 1 else ""
