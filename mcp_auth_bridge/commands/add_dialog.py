"""The questions of `add` without arguments: the URL, the name, and the server's own needs."""

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.catalogue.presets import PRESETS
from mcp_auth_bridge.commands.described_server import Wish, described_server
from mcp_auth_bridge.commands.server_needs import Need, ask_server
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.config.config_text import server_block
from mcp_auth_bridge.config.new_server import NewServer, check_no_secret
from mcp_auth_bridge.errors import BridgeError, ConfigError
from mcp_auth_bridge.shell.browser.login_window import read_typed_line
from mcp_auth_bridge.shell.console import terminal

_EXAMPLE = "run: mcp-auth-bridge add acme https://mcp.acme.example/mcp"


async def ask_for_server(context: Context) -> tuple[NewServer, Need] | None:
    """The server that the user describes on the terminal, and its need; None if they leave.

    Raises `ConfigError` without a terminal.
    """
    if not (terminal.is_interactive() and terminal.stderr_is_terminal()):
        raise ConfigError("a URL or the name of a preset is missing, and there is no terminal to ask on", _EXAMPLE)
    server = await _ask_for_place(context)
    if server is None:
        return None
    server = await _ask_for_name(server)
    return await _ask_for_credentials(server, context)


async def _ask(question: str) -> str:
    terminal.say(question)
    return (await read_typed_line()).strip()


async def _ask_for_place(context: Context) -> NewServer | None:
    """The server at the URL, or of the preset, that the user types."""
    while True:
        typed = await _ask(f"the URL of the server, or one of {len(PRESETS)} well-known names; press Enter to leave")
        if not typed:
            terminal.say("nothing was added")
            return None
        try:
            return await described_server(Wish((typed,)), context)
        except BridgeError as error:
            terminal.report_error(error)


async def _ask_for_name(server: NewServer) -> NewServer:
    while True:
        typed = await _ask(f"its name, which every command takes; press Enter for {server.name}")
        if not typed or config_file.NAME.fullmatch(typed):
            return msgspec.structs.replace(server, name=typed or server.name)
        terminal.say("use letters, digits, '.', '_' and '-', no blanks")


async def _ask_for_credentials(server: NewServer, context: Context) -> tuple[NewServer, Need]:
    """`server`, with the header that it turns out to want, and its need."""
    if server.auth:
        return server, Need.UNKNOWN
    terminal.say("asking the server about its needs …")
    alone = config_file.parse(server_block(server.name, server.table()), context.config.path, context.config.store)
    needs = await ask_server(alone.profiles[server.name], context)
    terminal.say(f"{needs.need.value}{f' ({needs.detail})' if needs.detail else ''}")
    if needs.need is Need.HEADER:
        server = await _ask_for_header(server, context)
    if needs.need is Need.CLIENT:
        server = await _ask_for_client(server, needs.issuer)
    return server, needs.need


async def _ask_for_client(server: NewServer, issuer: str) -> NewServer:
    """`server` with the client that the user has registered at `issuer`, if they have one."""
    client_id = await _ask("the client id that you registered there (docs/providers.md); press Enter to leave it out")
    if not client_id:
        return server
    auth = {"client_id": client_id, "issuer": issuer}
    while True:
        secret = await _ask("its secret, as keyring:NAME or env:NAME; press Enter if it has none")
        wished = msgspec.structs.replace(server, auth={**auth, "client_secret": secret} if secret else auth)
        try:
            check_no_secret(wished)
        except BridgeError as error:
            terminal.report_error(error)
        else:
            return wished


async def _ask_for_header(server: NewServer, context: Context) -> NewServer:
    while True:
        typed = await _ask("the header, as in X-Api-Key: keyring:acme or Authorization: Bearer env:KEY; Enter for none")
        if not typed:
            return server
        name, colon, value = (part.strip() for part in typed.partition(":"))
        if not colon:
            terminal.say("write it as Name: value")
            continue
        try:
            wished = await described_server(Wish((server.name, server.url), headers={name: value}), context)
            check_no_secret(wished)
        except BridgeError as error:
            terminal.report_error(error)
        else:
            return wished
