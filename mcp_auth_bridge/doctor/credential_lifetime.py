"""The check of how long a credential lasts."""

import time
from collections.abc import Iterator

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.machine_plan import grant_name
from mcp_auth_bridge.config.auth import BearerSettings, HeaderSettings
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.credentials import refresh_policy
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, fail, ok, sign, skip, warn
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.oauth.time_words import ago, ahead


async def renewal(evidence: Evidence) -> Finding:
    """How long the credential lasts, and whether it is renewed without the user."""
    bridge, held, now = evidence.bridge, await evidence.credential(), time.time()
    match bridge.profile.auth:
        case BearerSettings() | HeaderSettings():
            return ok("the bridge does not renew it; it reads it again when the server refuses it")
        case MachineSettings() as machine:
            return ok(f"it is obtained anew by {grant_name(machine)}")
    if held.session is None:
        return skip("there is no login")
    if (end := _end(held.session, now)) and await evidence.is_open():
        return ok(f"the login has ended, and the server asks for none: {end}")
    return _of_login(bridge, held.session, now)


def _of_login(bridge: Bridge, session: Session, now: float) -> Finding:
    if end := _end(session, now):
        return fail(f"the login has ended: {end}", f"run: {bridge.login_command}", sign(Symptom.LOGIN_ENDED, why=end))
    age = f"it was made or renewed {ago(session.obtained_at, now)}"
    strikes = session.strikes
    if refresh_policy.wants_login(strikes):
        reason = refresh_policy.last_words(strikes)
        return fail(
            f"the authorization server refused the last {strikes.count} renewals ({reason})",
            f"run: {bridge.login_command}",
            sign(Symptom.RENEWAL_REFUSED, reason=reason),
            details=(age,),
        )
    if not session.renewable:
        until = ahead(session.expires_at, now) if session.expires_at is not None else "until the server refuses it"
        return warn(
            f"there is no refresh token, so the login is valid {until}, and not renewed",
            f"log in again after that: {bridge.login_command}",
            details=(age,),
        )
    return ok("it is renewed when it expires, without you", details=(age, *_doubts(session)))


def _end(session: Session, now: float) -> str:
    """Why the login has ended, "" if it has not."""
    if session.ended:
        return refresh_policy.why_ended(session, now)
    if session.expires_at is not None and session.expired(now) and not session.renewable:
        return f"its token expired {ago(session.expires_at, now)}, and there is no refresh token"
    return ""


def _doubts(session: Session) -> Iterator[str]:
    if session.in_doubt:
        yield "the last renewal got no response: if the authorization server spent the refresh token, a login is needed"
    if session.strikes.count:
        reason = refresh_policy.last_words(session.strikes)
        yield f"renewals that were refused in a row: {session.strikes.count} ({reason})"
