"""`mcp-auth-bridge status`: every server with its account, and how long the login lasts; then the bridge's own places.

It changes nothing.
"""

import json
import time

import msgspec
from msgspec.structs import replace

from mcp_auth_bridge import __version__
from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.machine_plan import grant_name
from mcp_auth_bridge.app.server_lookup import find_profile, unique_short_name
from mcp_auth_bridge.commands.login_summary import (
    account_doubt,
    describe_headers,
    describe_scopes,
    describe_time_zone,
    describe_validity,
)
from mcp_auth_bridge.commands.stored_logins import profiles
from mcp_auth_bridge.config.auth import describe_static
from mcp_auth_bridge.config.config_file import BrokenProfile
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.config.profile import Profile, ServerChoice
from mcp_auth_bridge.credentials.refresh_policy import why_ended
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.oauth.session import Session, load_session
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.console.view import Lines, Span, Table, Tone, View, Words, below, without_commands, words


class Input(msgspec.Struct, frozen=True):
    """`server` is None for every server."""

    as_json: bool = False
    server: ServerChoice | None = None


class ServerStatus(msgspec.Struct, frozen=True):
    """One server, as `--json` prints it."""

    # Its name in the configuration, or its URL.
    server: str
    # Its URL.
    url: str
    # "signed in", "signed out", "ended", "static", "automatic" (a machine obtains tokens), "unreadable" or
    # "misconfigured".
    state: str
    # More about the state, for the user.
    detail: str
    # The short name of a server that the configuration does not name.
    short: str = ""
    # The account that is signed in.
    account: str = ""
    # The authorization server.
    issuer: str = ""
    # The scopes that were granted.
    scope: str = ""
    # The scopes that were asked for.
    asked: str = ""
    # When the access token expires, in Unix seconds.
    expires_at: float | None = None
    # Whether the login is renewed when the access token expires.
    renews: bool = False
    # Where the login is stored.
    stored: str = ""
    # Further sentences for the user.
    notes: tuple[str, ...] = ()


async def run(given: Input, context: Context) -> int:
    keys, damaged, closed = await _read_store(context)
    if given.server is None:
        lines = [misconfigured_status(name, broken) for name, broken in context.config.broken.items()]
        shown = [profile for profile in profiles(keys, context) if profile.name not in context.config.broken]
        lines += [await server_status(profile, context, keys) for profile in shown]
    else:
        lines, damaged, closed = await _lines_of(given.server, context, keys), [], []
    if given.as_json:
        terminal.print_result(json.dumps([msgspec.to_builtins(line) for line in lines], indent=2))
    elif lines:
        bridge = _describe_bridge(lines, context)
        terminal.print_view(_view(lines, bridge), "\n".join([*map(_describe, lines), *bridge]))
    else:
        unread = " that can be read" if damaged or closed else ""
        none = f"no servers in {context.config.path} and no logins{unread}"
        terminal.print_result("\n".join([none, *_describe_bridge(lines, context)]))
    for problem in [*damaged, *closed]:
        if not any(problem.message in line.detail for line in lines):
            terminal.report_error(problem)
    # A store that cannot be opened is a failure only if there is nothing else to show: a server with a token of its own
    # does not need it.
    failed = damaged or any(line.state == "unreadable" for line in lines) or (closed and not lines)
    return StoreError.exit_code if failed else 0


async def _lines_of(choice: ServerChoice, context: Context, keys: list[str]) -> list[ServerStatus]:
    """The status of one server, and of all logins to it: `run` with `--auth` has a login of its own."""
    if (broken := context.config.broken.get(choice.target)) is not None:
        return [misconfigured_status(choice.target, broken)]
    profile = await find_profile(replace(choice, allow_http=True), context)  # nothing is sent to it
    logins = [each for each in profiles(keys, context) if (each.name, each.url) == (profile.name, profile.url)]
    return [await server_status(each, context, keys) for each in logins or [profile]]


async def _read_store(context: Context) -> tuple[list[str], list[StoreError], list[StoreError]]:
    """The keys of the readable records, the errors of the others, and the error of a store that cannot be opened."""
    try:
        store = await context.store_access().open_to_list()
        return store.keys(), store.unreadable(), []
    except StoreError as error:
        return [], [], [error]


def misconfigured_status(name: str, broken: BrokenProfile) -> ServerStatus:
    """The status of a server with a wrong table in the configuration."""
    return ServerStatus(name, broken.url, "misconfigured", f"{broken.error.message} (hint: {broken.error.hint})")


async def server_status(profile: Profile, context: Context, keys: list[str]) -> ServerStatus:
    """The status of the server of `profile`; `keys` are those of the store."""
    known = ServerStatus(
        profile.key,
        str(profile.url),
        "",
        "",
        short=unique_short_name(profile, context, keys),
        notes=_encryption_notes(profile),
    )
    if given := describe_static(profile.auth):
        return replace(known, state="static", detail=given)
    bridge = Bridge(profile, context)
    try:
        store = await bridge.store_access.open_to_read(bridge.record)
        record = store.load(bridge.record)
        session = load_session(record.secret) if record is not None else None
    except StoreError as error:
        return replace(known, state="unreadable", detail=f"{error.message} (hint: {error.hint})")
    if isinstance(profile.auth, MachineSettings):
        return _machine_status(bridge, profile.auth, session, known)
    if session is None:
        return replace(known, state="signed out", detail=f"run: {bridge.login_command}")
    return _session_status(bridge, session, known)


def _encryption_notes(profile: Profile) -> tuple[str, ...]:
    """The warning about a server for which `allow_http` is set."""
    if not profile.url.is_plain:
        return ()
    return ("warning: nothing on the way there is encrypted (allow_http)",)


def _machine_status(
    bridge: Bridge, auth: MachineSettings, session: Session | None, known: ServerStatus
) -> ServerStatus:
    """The status of a machine: how it obtains tokens, and the token that it has."""
    detail = f"obtains its tokens by {grant_name(auth)} at {auth.issuer or auth.token_endpoint}"
    if session is None or session.expired(time.time()):
        words = f"{detail} when one is needed"
        return replace(known, state="automatic", detail=words)
    line = _session_status(bridge, session, known)
    return replace(line, state="automatic", detail=f"{detail}; the current one is {line.detail}")


def _session_status(bridge: Bridge, session: Session, known: ServerStatus) -> ServerStatus:
    state, detail, now = "signed in", describe_validity(session, time.time()), time.time()
    if session.ended or (session.expired(now) and not session.renewable):
        state = "ended"
        detail = f"{why_ended(session, now) if session.ended else detail}; run: {bridge.login_command}"
    return replace(
        known,
        state=state,
        detail=detail,
        account=session.account,
        issuer=session.issuer,
        scope=session.scope,
        asked=session.asked,
        expires_at=session.expires_at,
        renews=session.renewable,
        stored=bridge.store_access.describe(),
        notes=(
            *filter(
                None, (describe_scopes(session), account_doubt(session, bridge.account), describe_headers(session))
            ),
            *known.notes,
        ),
    )


def _describe(line: ServerStatus) -> str:
    account = f" as {line.account}" if line.account else ""
    words = [f"{line.server if line.server != line.url else line.short}  {line.url}".strip()]
    words.append(f"  {line.state}{account}: {line.detail}")
    words += [f"  {note}" for note in line.notes]
    return "\n".join(words)


_TONES = {
    "signed in": Tone.GOOD,
    "static": Tone.GOOD,
    "automatic": Tone.GOOD,
    "signed out": Tone.CAUTION,
}
"""The tone of a state. All others need the user."""


def describe_state(state: str, account: str) -> Words:
    """The state of a server for a view, and the account that is signed in."""
    return below([words(state, _TONES.get(state, Tone.BAD)), words(f"as {account}" if account else "")])


def _view(lines: list[ServerStatus], bridge: list[str]) -> View:
    """The servers as a table, the commands to run below it, then the `bridge` as `_describe_bridge` has it."""
    rows, commands = [], list[Words]()
    for line in lines:
        name = line.server if line.server != line.url else line.short
        server = below([words(name, Tone.STRONG), words(line.url, Tone.QUIET)])
        detail, to_run = without_commands([line.detail])
        notes, more_to_run = without_commands(line.notes, Tone.QUIET)
        rows.append((server, describe_state(line.state, line.account), below([*detail, *notes])))
        commands += [(Span(f"{name or line.url}  ", Tone.QUIET), Span(each)) for each in [*to_run, *more_to_run]]
    run = [Lines(((), words("to run", Tone.STRONG), *commands))] if commands else []
    about = [words(text, Tone.QUIET) for text in bridge]
    return [Table(("server", "state", "login"), tuple(rows)), *run, Lines(tuple(about))]


def _describe_bridge(lines: list[ServerStatus], context: Context) -> list[str]:
    """The bridge itself: its version, its places, each store once, and the time zone of all times above."""
    config = context.config.path
    stores = dict.fromkeys(line.stored for line in lines if line.stored) or [context.store_access().describe()]
    return [
        f"\nmcp-auth-bridge {__version__}",
        f"  configuration: {config}{'' if config.exists() else ' (there is none)'}",
        f"  log files: {context.paths.log}",
        *(f"  store: {place}" for place in stores),
        f"  times: {describe_time_zone(time.time())}",
    ]
