"""Which servers, which account, valid until when, stored where. Reads and changes nothing."""

import json
import time

import msgspec

from mcp_auth_bridge.auth_settings import Anonymous, Bearer, Headers
from mcp_auth_bridge.commands.records import profiles
from mcp_auth_bridge.commands.words import doubt, scopes, validity
from mcp_auth_bridge.config import Profile
from mcp_auth_bridge.credentials.verdicts import why_ended
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.machine_settings import Machine
from mcp_auth_bridge.machines import kind
from mcp_auth_bridge.oauth.session import Session, load_session
from mcp_auth_bridge.secret import describe, reference
from mcp_auth_bridge.shell import terminal
from mcp_auth_bridge.vault import Vault
from mcp_auth_bridge.wiring import Bridge
from mcp_auth_bridge.world import World


class Input(msgspec.Struct, frozen=True):
    as_json: bool = False


class Line(msgspec.Struct, frozen=True):
    """One server. `state` is "signed in", "signed out", "ended", "static", "automatic" (nobody logs in) or
    "unreadable".

    `scope` is what was granted, `asked` what was asked for; `expires_at` is Unix seconds; `renews` is whether the login
    outlives that. `notes` are further sentences for a person.
    """

    server: str
    url: str
    state: str
    detail: str
    account: str = ""
    issuer: str = ""
    scope: str = ""
    asked: str = ""
    expires_at: float | None = None
    renews: bool = False
    stored: str = ""
    notes: tuple[str, ...] = ()


async def run(given: Input, world: World) -> int:
    keys, problems = await _survey(world)
    lines = [await _line(profile, world) for profile in profiles(keys, world)]
    if given.as_json:
        terminal.answer(json.dumps([msgspec.to_builtins(line) for line in lines], indent=2))
    elif not lines:
        terminal.answer(f"no servers in {world.config.path} and no logins{' that can be read' if problems else ''}")
    for line in () if given.as_json else lines:
        terminal.answer(_in_words(line))
    for problem in problems:
        if not any(problem.message in line.detail for line in lines):
            terminal.complain(problem)
    return StoreError.exit_code if problems else 0


async def _survey(world: World) -> tuple[list[str], list[StoreError]]:
    """The keys of the records that can be read, and what is wrong with the rest."""
    vault = Vault(world.config.store, world.paths)
    try:
        store = await vault.survey()
        keys, problems = store.keys(), store.unreadable()
    except StoreError as error:
        return [], [error]
    return keys, problems


async def _line(profile: Profile, world: World) -> Line:
    url = str(profile.url)
    if static := _static(profile):
        return Line(profile.key, url, "static", static, notes=_plain(profile))
    bridge = Bridge(profile, world)
    try:
        store = await bridge.vault.read(bridge.record)
        record = store.load(bridge.record)
        session = load_session(record.secret) if record is not None else None
    except StoreError as error:
        return Line(profile.key, url, "unreadable", f"{error.message} (hint: {error.hint})")
    if isinstance(profile.auth, Machine):
        return _machine_line(bridge, profile.auth, session)
    if session is None:
        return Line(profile.key, url, "signed out", f"run: {bridge.login_command}", notes=_plain(profile))
    return _session_line(bridge, session)


def _static(profile: Profile) -> str:
    """What a server is shown that the bridge does not come by itself, "" for none."""
    match profile.auth:
        case Bearer(token=token):
            return f"a token from {describe(reference(token, 'the token'))}"
        case Headers(headers=headers):
            return f"the headers {', '.join(headers)}"
        case Anonymous():
            return "no credentials"
    return ""


def _plain(profile: Profile) -> tuple[str, ...]:
    """The note about a server for which `allow_http` is set."""
    if not profile.url.is_plain:
        return ()
    return ("warning: nothing on the way there is encrypted (allow_http)",)


def _machine_line(bridge: Bridge, auth: Machine, session: Session | None) -> Line:
    """What a machine would obtain, and what it has."""
    detail = f"obtains its tokens by {kind(auth)} at {auth.issuer or auth.token_endpoint}"
    if session is None or session.expired(time.time()):
        words = f"{detail} when one is needed"
        return Line(bridge.profile.name, str(bridge.profile.url), "automatic", words, notes=_plain(bridge.profile))
    line = _session_line(bridge, session)
    return msgspec.structs.replace(line, state="automatic", detail=f"{detail}; the present one is {line.detail}")


def _session_line(bridge: Bridge, session: Session) -> Line:
    state, detail = "signed in", validity(session)
    if session.ended or (session.refresh is None and session.expired(time.time())):
        state = "ended"
        reason = why_ended(session, time.time()) if session.ended else "expired without a refresh token"
        detail = f"{reason}; run: {bridge.login_command}"
    return Line(
        bridge.profile.key,
        str(bridge.profile.url),
        state,
        detail,
        account=session.account,
        issuer=session.issuer,
        scope=session.scope,
        asked=session.asked,
        expires_at=session.expires_at,
        renews=session.renewable,
        stored=bridge.vault.describe(),
        notes=(*filter(None, (scopes(session), doubt(session, bridge.account))), *_plain(bridge.profile)),
    )


def _in_words(line: Line) -> str:
    account = f" as {line.account}" if line.account else ""
    words = [f"{line.server}  {line.url}" if line.server != line.url else line.url]
    words.append(f"  {line.state}{account}: {line.detail}")
    words += [f"  {note}" for note in line.notes]
    if line.stored:
        words.append(f"  stored in {line.stored}")
    return "\n".join(words)
