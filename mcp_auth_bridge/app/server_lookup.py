"""What a command line calls a server → the bridge to it: a name, a URL, or the short name of a login by URL."""

from collections.abc import Iterable

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.config.profile import Profile, ServerChoice, server_url
from mcp_auth_bridge.errors import ConfigError, StoreError
from mcp_auth_bridge.oauth.session import SESSIONS
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.urls import Purpose, Url

_GENERAL = frozenset(["ai", "api", "app", "gateway", "mcp", "mcp-server", "remote", "server", "www"])
"""Labels of host names that say nothing about whose server it is."""


async def bridge_to(choice: ServerChoice, context: Context) -> Bridge:
    """The bridge to the server that a command line means; from here on, every message says that it is about it.

    Raises `ConfigError`. Only a name that the configuration does not know is looked for in the store.
    """
    if "://" not in choice.target and choice.target not in {*context.config.profiles, *context.config.broken}:
        choice = await _by_short_name(choice, context)
    profile = context.config.choose(choice)
    terminal.about(profile.label)
    if profile.url.is_plain:
        terminal.say(
            f"warning: nothing on the way to {profile.url.origin} is encrypted (allow_http): anyone on it can read"
            " the credentials and change what the server says"
        )
    return Bridge(profile, context)


async def _by_short_name(choice: ServerChoice, context: Context) -> ServerChoice:
    try:
        urls = urls_called(choice.target, (await context.store_access().survey()).keys())
    except StoreError as closed:
        raise _unknown(choice, context, closed) from None
    match urls:
        case []:
            return choice
        case [url]:
            return msgspec.structs.replace(choice, target=url)
    raise ConfigError(f"there are several logins by URL called {choice.target}", f"give the URL: {' or '.join(urls)}")


def _unknown(choice: ServerChoice, context: Context, closed: StoreError) -> ConfigError:
    """Why there is no such server, as far as the configuration knows: the store cannot say."""
    try:
        context.config.choose(choice)
    except ConfigError as error:
        return ConfigError(f"{error.message}, and logins by URL cannot be seen: {closed.message}", error.hint)
    raise AssertionError(choice.target)


def logins_by_url(keys: Iterable[str]) -> list[str]:
    """The URLs of the servers that somebody logged in to without a name, by the store's `keys`."""
    sessions = [key.removeprefix(SESSIONS).partition(" ") for key in keys if key.startswith(SESSIONS)]
    return [url for name, _, url in sessions if name.rstrip("/") == url.rstrip("/")]


def urls_called(name: str, keys: Iterable[str]) -> list[str]:
    """Of the logins by URL those whose short name is `name`."""
    urls = [server_url(url, "a stored login", Purpose.PLAIN_SERVER) for url in logins_by_url(keys)]
    return [str(url) for url in urls if short_name(url) == name]


def own_short_name(profile: Profile, context: Context, keys: Iterable[str]) -> str:
    """What every command takes for `profile`, which has only a URL; "" for one with a name, or where it means two."""
    if "://" not in profile.name or profile.variant:
        return ""
    name = short_name(profile.url)
    taken = {*context.config.profiles, *context.config.broken}
    return name if name not in taken and len({*urls_called(name, keys), profile.name}) == 1 else ""


def short_name(url: Url) -> str:
    """What to call the server at `url`, if nobody gave it a name: `acme` for `mcp.acme.example`."""
    if url.is_loopback or ":" in url.host or url.host.replace(".", "").isdigit():
        return url.authority
    labels = url.host.rstrip(".").split(".")[:-1] or [url.host]
    # One that begins with a hyphen would be an option of a command, not a server.
    return next((label for label in labels if label not in _GENERAL and not label.startswith("-")), labels[0])
