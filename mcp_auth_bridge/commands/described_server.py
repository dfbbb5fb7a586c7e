"""The server that a command line of `add` means: by URL, as a preset, or by a document that describes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.catalogue.description_source import fetch_description
from mcp_auth_bridge.catalogue.preset import Preset
from mcp_auth_bridge.catalogue.presets import PRESETS, find_preset
from mcp_auth_bridge.catalogue.remote_server import RemoteServer, filled
from mcp_auth_bridge.catalogue.server_description import parse_description
from mcp_auth_bridge.commands.config_change import read_config
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.new_server import NewServer, name_for, with_authorization
from mcp_auth_bridge.config.profile import parse_server_url
from mcp_auth_bridge.errors import ConfigError, copyable_url, quoted, shell_quoted
from mcp_auth_bridge.secret import describe, parse_reference
from mcp_auth_bridge.shell.browser.login_window import read_typed_line
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.user_file import read_user_file
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.run_flow import run_flow_headless
from mcp_auth_bridge.urls import Purpose, Url, with_scheme


class Wish(msgspec.Struct, frozen=True):
    """The server to add, as the command line describes it."""

    # The words of the command line: a name, and a URL or the name of a preset; or one of them.
    words: tuple[str, ...] = ()
    # The name of a preset, "" for none.
    preset: str = ""
    # The path or the URL of a document that describes the server, "" for none.
    source: str = ""
    # The values of the variables of a preset or a description.
    values: Mapping[str, str] = {}
    # Headers for every request.
    headers: Mapping[str, str] = {}
    # The `auth` table, None if the command line has none. Any: TOML.
    auth: Mapping[str, Any] | None = None
    # Whether the URL may use plain http.
    allow_http: bool = False
    # Whether IPv6 addresses are left out.
    ipv4: bool = False


async def described_server(wish: Wish, context: Context) -> NewServer:
    """The settings of the server that `wish` means. Raises `ConfigError`, and the errors of fetching a description."""
    name, url, preset = _meant(wish)
    if wish.source:
        server = filled(await _read_description(wish.source), wish.values)
        _check_leads_outward(server.url, wish.source)
    elif preset is not None:
        _show_preset(preset, wish.values)
        server = filled(preset.remote, {**preset.references, **wish.values})
        server = msgspec.structs.replace(server, auth={**server.auth, **preset.auth})
    elif wish.values:
        raise ConfigError("--set goes with a preset or with --from", "leave it out, or write the value into the URL")
    else:
        server = NewServer("", url)
    return _with_options(server, name, wish, context)


def _meant(wish: Wish) -> tuple[str, str, Preset | None]:
    """The name, "" if none is given; the URL, "" if there is none; the preset. Raises `ConfigError`."""
    preset = find_preset(wish.preset) if wish.preset else None
    if wish.preset and wish.source:
        raise ConfigError("--preset and --from both describe a server", "leave one of them out")
    match wish.words:
        case (name, *others) if preset is not None or wish.source:
            if others or "://" in name:
                raise ConfigError("a preset or a description names the URL itself", "give at most a name before it")
            return _checked_name(name), "", preset
        case () if preset is not None or wish.source:
            return "", "", preset
        case (word,):
            return _one_word(word)
        case (name, other) if "://" in name and "://" not in other:
            raise ConfigError("the name comes before the URL", f"write: add {shell_quoted(other)} {shell_quoted(name)}")
        case (name, other):
            _, url, preset = _one_word(other)
            return _checked_name(name), url, preset
    raise ConfigError(
        "the arguments are a name and a URL",
        "a name with blanks is not possible: add acme https://mcp.acme.example/mcp",
    )


def _one_word(word: str) -> tuple[str, str, Preset | None]:
    if "://" in word:
        return "", word, None
    if word.lower() in PRESETS:
        return "", "", PRESETS[word.lower()]
    if meant := with_scheme(word):
        raise ConfigError(f"{quoted(word)} is not a URL", f"did you mean {meant}?")
    return "", "", find_preset(word)


def _checked_name(name: str) -> str:
    if not config_file.NAME.fullmatch(name):
        raise ConfigError(f"{quoted(name)} is not a server name", "use letters, digits, '.', '_' and '-', no blanks")
    return name


def _with_options(server: NewServer, name: str, wish: Wish, context: Context) -> NewServer:
    """`server` with the name and the options of the command line. Raises `ConfigError` if its URL is not acceptable."""
    purpose = Purpose.PLAIN_SERVER if wish.allow_http else Purpose.SERVER
    text = server.url.partition("#")[0]
    url = parse_server_url(text, "the URL", purpose)
    headers = {**server.headers, **wish.headers}
    named = msgspec.structs.replace(
        server,
        name=name or _unused_name(server.name, url, context),
        url=text,
        headers=headers,
        auth=_auth(server, wish),
        allow_http=wish.allow_http,
        ipv4_only=wish.ipv4,
    )
    return with_authorization(named)


def _auth(server: NewServer, wish: Wish) -> Mapping[str, Any]:
    """The `auth` table: that of the command line, whose keys are added to those of a preset for a login."""
    if wish.auth is None or "kind" in wish.auth:
        return server.auth if wish.auth is None else wish.auth
    return {**server.auth, **wish.auth}


def _unused_name(suggested: str, url: Url, context: Context) -> str:
    """The name for a server whose command line gives none: its present one, the suggested one, or one of its host."""
    try:
        config = read_config(context)[1]
    except ConfigError:
        return suggested or name_for(url, ())
    same = [name for name, profile in config.profiles.items() if profile.url == url]
    return same[0] if same else suggested or name_for(url, {*config.profiles, *config.broken})


def _show_preset(preset: Preset, values: Mapping[str, str]) -> None:
    terminal.say(f"{preset.remote.title} wants {preset.access.value} (source: {preset.source}, {preset.date})")
    if preset.note:
        terminal.say(preset.note)
    for name, reference in preset.references.items():
        if name not in values:  # an IDE that a dock starts has none of the terminal's variables
            place = describe(parse_reference(reference, name))
            terminal.say(
                f"the {name} is read from {place}; to keep it in the OS keyring, run:"
                f" mcp-auth-bridge secret {preset.name} and add --set {name}=keyring:{preset.name}"
            )


async def _read_description(source: str) -> RemoteServer:
    """The endpoint that the document at `source` describes, shown to the user before it is used."""
    remotes = await _endpoints(source)
    chosen = next((each for each in remotes if each.transport == "streamable-http"), remotes[0])
    terminal.say(f"{source} describes {quoted(chosen.title)} at {chosen.url}")
    for header in chosen.headers:
        secret = " (secret)" if any(each.is_secret for each in header.variables) else ""
        terminal.say(f"  it wants the header {quoted(header.name)}{secret}")
    for other in remotes:
        if other is not chosen:
            terminal.say(f"  it has another endpoint, which is not used: {other.url}")
    terminal.say("  whether it needs a login is for the server itself to say")
    await _confirm()
    return chosen


async def _confirm() -> None:
    """Ask the user to agree, if there is one. Raises `ConfigError` unless they do."""
    if not (terminal.is_interactive() and terminal.stderr_is_terminal()):
        return  # a script that names the document has agreed
    terminal.say("add it? type y")
    if (await read_typed_line()).strip().lower() not in ("y", "yes"):
        raise ConfigError("nothing was added", "run it again and type y, or give the URL of the server itself")


async def _endpoints(source: str) -> tuple[RemoteServer, ...]:
    if "://" not in source:
        found = read_user_file(Path(source))
        if found.data is None:
            raise ConfigError(f"there is no file {quoted(source)}", "correct the path, or give a URL")
        return parse_description(found.data, source)
    url = parse_server_url(source, "--from")
    return await run_flow_headless(Network(NetworkSettings()), fetch_description(url))


def _check_leads_outward(url: str, source: str) -> None:
    """Raise `ConfigError` if a document from elsewhere leads to this machine, where the user's own servers are."""
    if "://" not in source or parse_server_url(source, "--from").is_loopback:
        return
    if parse_server_url(url, "the described URL", Purpose.PLAIN_SERVER).is_loopback:
        raise ConfigError(
            f"the description at {source} leads to a server on this machine: {url}",
            f"if you trust it, add that server yourself: mcp-auth-bridge add NAME {copyable_url(url)}",
        )
