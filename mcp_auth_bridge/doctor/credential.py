"""Checks of the credential: what it is, what is in it, and what the server says of it."""

import time
from collections.abc import Iterator

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.machine_plan import grant_name
from mcp_auth_bridge.config import auth as auth_module
from mcp_auth_bridge.config.auth import AnonymousSettings, BearerSettings, HeaderSettings
from mcp_auth_bridge.config.login import OMITTED, LoginSettings
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.doctor.documents import named_issuers
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, fail, ok, sign, sign_of, skip, warn
from mcp_auth_bridge.doctor.held_credential import HeldCredential
from mcp_auth_bridge.doctor.login_way import can_log_in
from mcp_auth_bridge.doctor.refused_credential import Presented, explain
from mcp_auth_bridge.doctor.server import is_served, no_connection
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.token_lines import Wanted, begins_in_future, describe_claims
from mcp_auth_bridge.errors import StoreError, quoted
from mcp_auth_bridge.oauth.claims import numeric_date, unverified_claims
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.oauth.time_words import ago, ahead
from mcp_auth_bridge.oauth.token_diagnosis import fault_of_form
from mcp_auth_bridge.secret import SecretRef, describe_used, parse_reference

_FRESH = 60.0
"""Seconds since its issue for which a token is new: another one would be like it."""


async def kind(evidence: Evidence) -> Finding:
    """What the credential is, and where it comes from."""
    bridge, held = evidence.bridge, await evidence.credential()
    details = tuple(_organisation(bridge, held.session))
    if isinstance(held.error, StoreError):
        return await _unread(evidence, held.error)
    match bridge.profile.auth:
        case BearerSettings() | HeaderSettings():
            if held.error is not None:
                return skip(f"it cannot be read: {held.error.message}")
            return ok(", ".join(f"{what}, from {place}" for what, place in _sources(bridge)), details=details)
        case AnonymousSettings():
            return await _none(evidence, details)
        case MachineSettings() as machine:
            return _machine(evidence, machine, held)
    return await _login(evidence, held, details)


async def _none(evidence: Evidence, details: tuple[str, ...]) -> Finding:
    says = 'none is configured: auth = { kind = "none" }'
    if (await evidence.answers()).refusal is None:
        return ok(says, details=details)
    return fail(says, "leave auth out to log in", sign(Symptom.NONE_CONFIGURED), details=details)


def _sources(bridge: Bridge) -> list[tuple[str, str]]:
    """Each secret of the configured credential: what it is, and where it comes from."""
    references = auth_module.references(bridge.profile.auth)
    return [(what, describe_used(value, bridge.environ)) for what, value in references.items()]


def _organisation(bridge: Bridge, session: Session | None) -> Iterator[str]:
    """The headers that are sent besides the credential, without their values."""
    given: dict[str, SecretRef] = {}
    if session is not None:
        given = {name: parse_reference(text.reveal(), name) for name, text in session.headers.items()}
    for name, value in given.items():
        yield f"the header {name}, from {describe_used(value, bridge.environ)}, kept with the login"
    for name, value in bridge.profile.headers.items():
        yield f"the header {name}, from {describe_used(value, bridge.environ)}"


async def _unread(evidence: Evidence, error: StoreError) -> Finding:
    """The finding about a login that is there and cannot be read, or about a store that cannot be opened."""
    if (await evidence.store()).error is not None:
        return skip(f"the store cannot be opened: {error.message}")
    return fail(error.message, error.hint, sign_of(Symptom.LOGIN_DAMAGED, error))


def _machine(evidence: Evidence, auth: MachineSettings, held: HeldCredential) -> Finding:
    source = f"{grant_name(auth)} at {auth.issuer or auth.token_endpoint}"
    if held.session is None:
        ask = f"to ask for one now, run: {evidence.bridge.doctor_command} --register"
        return skip(f"a token is obtained by {source} when one is needed", ask)
    return ok(f"a token obtained by {source}", details=tuple(_account(held.session)))


async def _login(evidence: Evidence, held: HeldCredential, details: tuple[str, ...]) -> Finding:
    bridge, session = evidence.bridge, held.session
    if session is None:
        return await _no_login(evidence)
    details = (*_account(session), f"kept in {bridge.store_access.describe()}", *details)
    if bridge.belongs_to_another(session):
        found, expected = quoted(session.account), quoted(bridge.account)
        return fail(
            f"a login of {found}, but the configuration expects {expected}",
            f"run: {bridge.login_command}",
            sign(Symptom.OTHER_ACCOUNT, account=found, expected=expected),
            details=details,
        )
    whose = f" of {quoted(session.account)}" if session.account else ""
    return ok(f"a login{whose} at {quoted(session.issuer)}", details=details)


async def _no_login(evidence: Evidence) -> Finding:
    answers, none = await evidence.answers(), sign(Symptom.NO_LOGIN)
    if is_served(answers.stranger_session):
        return ok("there is no login, and the server asks for none", none)
    if answers.refusal is None:
        if answers.stranger.result is not None:  # it is slow, or limits how often it is asked
            hint = "try again in a minute"
            return warn("there is no login, and it is not known whether the server asks for one", hint)
        return warn("you are not logged in, and the server has not asked for that", "", none)
    if not await can_log_in(evidence):
        return fail("you are not logged in, and a login would fail now", "", none)
    return fail("you are not logged in", f"run: {evidence.bridge.login_command}", none)


def _account(session: Session) -> Iterator[str]:
    client, registered = session.client, "which the bridge registered" if session.client.registered else "configured"
    if client.id:
        yield f"issued to the client {quoted(client.id, 100)}, {registered}"
    if session.scope:
        yield f"granted: {quoted(session.scope)}"
    if client.secret_expires_at is not None:
        now, end = time.time(), client.secret_expires_at
        yield f"that registration {f'ended {ago(end, now)}' if end <= now else f'is valid {ahead(end, now)}'}"


async def claims(evidence: Evidence) -> Finding:
    """What is in the token: its claims beside what the server wants."""
    held, now = await evidence.credential(), time.time()
    token = _token(held)
    if not token:
        return skip("there is no token")
    found = unverified_claims(token)
    if not found:
        if held.session is None and (fault := fault_of_form(token)):
            return await _doubt(evidence, fault)
        return ok("it is opaque: only its issuer can look into it")
    wanted = await _wanted(evidence, held)
    details = describe_claims(found, wanted, now)
    ends, issuer = numeric_date(found.get("exp")), found.get("iss")
    says = f"a JWT of {quoted(issuer, 100)}" if isinstance(issuer, str) else "a JWT that names no issuer"
    if ends is not None and ends <= now:
        says = f"{says}, which expired {ago(ends, now)}"
        renews = held.session is not None and held.session.renewable
        return (
            ok(f"{says}; the next use renews it", details=details) if renews else await _doubt(evidence, says, details)
        )
    if begins_in_future(found, now) is not None:
        return await _doubt(evidence, f"{says}, which is not valid yet by this machine's clock", details)
    return ok(f"{says}, valid {ahead(ends, now)}" if ends is not None else says, details=details)


async def _doubt(evidence: Evidence, says: str, details: tuple[str, ...] = ()) -> Finding:
    """The finding about a token that looks worthless; it is not, if the server accepts it."""
    answers = await evidence.answers()
    if answers.refusal is not None and answers.credential_refusal is None and is_served(answers.session):
        return ok(f"{says}; the server accepts it all the same", details=details)
    is_configured = isinstance(evidence.bridge.profile.auth, BearerSettings | HeaderSettings)
    return warn(says, _replace(evidence.bridge) if is_configured else "", details=details)


def _replace(bridge: Bridge) -> str:
    """The step that replaces the configured credential."""
    [(what, place), *_] = _sources(bridge)
    return f"replace {what}, which comes from {place}"


def _token(held: HeldCredential) -> str:
    """The token that is presented, else the one in the store; "" for none."""
    if held.token is not None:
        return held.token.reveal()
    return held.session.access.reveal() if held.session is not None else ""


async def _wanted(evidence: Evidence, held: HeldCredential) -> Wanted:
    """What the server wants of a token, from the configuration, the login, the server's answers and its metadata."""
    auth, session, answers = evidence.bridge.profile.auth, held.session, await evidence.answers()
    documents = () if answers.is_cut_off else (await evidence.documents()).resources
    published = [each.members.get("resource") for each in documents]
    configured = auth.resource if isinstance(auth, BearerSettings | LoginSettings | MachineSettings) else ""
    named = (configured, session.resource if session else "", session.audience if session else "", *published)
    resources = [name for name in named if isinstance(name, str) and name not in ("", OMITTED)]
    issuers = [issuer for each in documents for issuer in named_issuers(each.members)]
    refused = answers.credential_refusal or answers.refusal
    return Wanted(
        resources=tuple(dict.fromkeys((*resources, evidence.bridge.profile.url.resource))),
        issuers=tuple(dict.fromkeys(issuers)) or ((session.issuer,) if session is not None else ()),
        scopes=refused.scopes if refused is not None else (),
        client=session.client.id if session is not None else "",
        granted=session.scope if session is not None else "",
    )


async def acceptance(evidence: Evidence) -> Finding:
    """What the server says of the credential, and why."""
    answers, held = await evidence.answers(), await evidence.credential()
    if answers.is_cut_off:
        return no_connection(evidence)
    if answers.credential is None:
        return skip("there is nothing to present")
    if (refused := answers.credential_refusal) is not None:
        found = explain(refused, await _presented(evidence, held), time.time())
        return _with_age(found, held.session, time.time())
    if not is_served(answers.session):
        error = answers.credential.error or (answers.session.error if answers.session is not None else None)
        return skip(f"the server does not say: {error.message if error is not None else 'it answers with an error'}")
    if answers.refusal is None and is_served(answers.stranger_session):
        return ok("the server answers with and without it, so it may not have looked at it")
    return ok("the server accepts it", sign(Symptom.ACCEPTED))


def _with_age(found: Finding, session: Session | None, now: float) -> Finding:
    """The finding about a refused token, with the sign that it is new."""
    if session is None or now - session.obtained_at > _FRESH:
        return found
    return msgspec.structs.replace(found, signs=(*found.signs, sign(Symptom.FRESHLY_ISSUED)))


async def _presented(evidence: Evidence, held: HeldCredential) -> Presented:
    bridge, wanted = evidence.bridge, await _wanted(evidence, held)
    token = held.token.reveal() if held.token is not None else ""
    name = bridge.profile.name
    match bridge.profile.auth:
        case BearerSettings() | HeaderSettings():
            what, _ = _sources(bridge)[0]
            return Presented(token, what, _replace(bridge), sign(Symptom.FROM_CONFIGURATION), wanted)
        case MachineSettings() as machine:
            grant = grant_name(machine)
            remedy = f"check resource, audience, scopes and issuer under auth for {name}"
            return Presented(token, f"the token obtained by {grant}", remedy, sign(Symptom.FROM_MACHINE), wanted)
    session, remedy = held.session, f"run: {bridge.login_command}"
    if session is not None and session.renewable:
        remedy = f"let the bridge renew the login, and log in again if that does not help: {bridge.command('tools')}"
    issuer = quoted(session.issuer, 100) if session is not None else "the authorization server"
    return Presented(token, "the token of your login", remedy, sign(Symptom.FROM_LOGIN, authority=issuer), wanted)
