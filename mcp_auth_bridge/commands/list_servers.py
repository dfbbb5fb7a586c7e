"""`mcp-auth-bridge list`: the servers of the configuration, one a line, and the state of each login."""

import json

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.commands.status import ServerStatus, describe_state, misconfigured_status, server_status
from mcp_auth_bridge.commands.stored_logins import profiles
from mcp_auth_bridge.config.auth import kind_of
from mcp_auth_bridge.errors import StoreError, printable
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.console.view import Table, Tone, words


class Input(msgspec.Struct, frozen=True):
    as_json: bool = False


class ListedServer(msgspec.Struct, frozen=True):
    """One server, as `--json` prints it."""

    # The word by which every command knows it: its name, or the short name of a login by URL.
    name: str
    # Its URL.
    url: str
    # The kind of its `auth` table.
    auth: str
    # The state, as `status` names it.
    state: str
    # The account that is signed in, "" if none is known.
    account: str
    # Whether it is in the configuration file.
    configured: bool


async def run(given: Input, context: Context) -> int:
    try:
        keys = (await context.store_access().open_to_list()).keys()
        problem = None
    except StoreError as error:
        keys, problem = [], error
    rows = [
        _row(misconfigured_status(name, broken), "", configured=True) for name, broken in context.config.broken.items()
    ]
    for profile in profiles(keys, context):
        if profile.name not in context.config.broken:
            known = await server_status(profile, context, keys)
            rows.append(_row(known, kind_of(profile.auth), configured=profile.name in context.config.profiles))
    if given.as_json:
        terminal.print_result(json.dumps([msgspec.to_builtins(row) for row in rows], indent=2))
    elif rows:
        terminal.print_view([_table(rows)], "\n".join(_lines(rows)))
    else:
        terminal.say(f"there are no servers in {context.config.path}; add one: mcp-auth-bridge add NAME URL")
    if problem is not None:
        terminal.report_error(problem)
    return 0


def _row(known: ServerStatus, auth: str, *, configured: bool) -> ListedServer:
    name = known.server if configured or "://" not in known.server else known.short or known.server
    return ListedServer(name, known.url, auth, known.state, known.account, configured)


def _table(rows: list[ListedServer]) -> Table:
    lines = (
        (
            words(row.name, Tone.STRONG),
            words(row.auth),
            describe_state(row.state, row.account),
            words(row.url, Tone.QUIET),
        )
        for row in rows
    )
    return Table(("name", "auth", "state", "url"), tuple(lines))


def _lines(rows: list[ListedServer]) -> list[str]:
    """A table with aligned columns."""
    cells = [
        (row.name, row.auth, f"{row.state} as {row.account}" if row.account else row.state, row.url) for row in rows
    ]
    printed = [("name", "auth", "state", "url"), *(tuple(map(printable, line)) for line in cells)]
    widths = [max(len(line[column]) for line in printed) for column in range(3)]
    return [
        "  ".join([*(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=False)), line[3]])
        for line in printed
    ]
