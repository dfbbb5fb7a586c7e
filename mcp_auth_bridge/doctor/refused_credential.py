"""Why the MCP server refuses a credential: the diagnosis of `oauth/token_diagnosis.py`, as a finding with its signs."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.doctor.finding import Finding, Sign, fail, sign
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.token_lines import Wanted, begins_in_future
from mcp_auth_bridge.errors import NotAToken, TokenExpired, UnknownIssuer, WrongAudience, quoted
from mcp_auth_bridge.oauth.audience import Fit, audiences_of, foreign_host
from mcp_auth_bridge.oauth.claims import numeric_date, unverified_claims
from mcp_auth_bridge.oauth.error_text import saying
from mcp_auth_bridge.oauth.time_words import ago, span
from mcp_auth_bridge.oauth.token_diagnosis import (
    OPAQUE,
    Diagnosis,
    ServerWords,
    diagnose_configured_token,
    fault_of_form,
    scopes_of,
)

_LONGEST = 100  # characters of a claim that is shown


class Presented(msgspec.Struct, frozen=True):
    """The credential that the server refused."""

    # The token, "" for a credential that is not one, such as an API key.
    token: str
    # What it is, in words: "the token of your login".
    what: str
    # What to do about it, if another one of its kind would help.
    remedy: str
    # Whose credential it is: `FROM_LOGIN`, `FROM_MACHINE` or `FROM_CONFIGURATION`.
    origin: Sign
    # What the server wants of a token.
    wanted: Wanted

    def sign(self, symptom: Symptom, **facts: str) -> Sign:
        """The sign of `symptom`, with the facts about this credential that each rule may quote."""
        return sign(symptom, what=self.what, remedy=self.remedy, **facts)


def explain(refused: Refusal, presented: Presented, now: float) -> Finding:
    """The finding about `presented`, which the server `refused`. `now` is in Unix seconds."""
    claims = unverified_claims(presented.token)
    reason, cause = _diagnose(refused, presented, claims, now)
    says = f"the server refuses {presented.what} ({refused}): {reason}"
    return fail(says, presented.remedy, presented.origin, cause)


def _diagnose(refused: Refusal, presented: Presented, claims: Mapping[str, Any], now: float) -> tuple[str, Sign]:
    """The most certain reason as a clause with "it", and its sign."""
    if refused.status == 403 and refused.scopes:
        return _missing_scopes(refused, presented, claims)
    if not presented.token:
        return _uncertain(refused, presented, "it is a key, in which nothing shows why")
    is_issued = presented.origin.symptom is not Symptom.FROM_CONFIGURATION
    if not claims and is_issued and fault_of_form(presented.token):  # it may look odd, but an issuer made it
        return _uncertain(refused, presented, OPAQUE)
    ends = numeric_date(claims.get("exp"))
    if (begins := begins_in_future(claims, now)) is not None and (ends is None or ends > now):
        when = span(begins - now)
        return f"it begins in {when}, by this machine's clock", presented.sign(Symptom.NOT_YET_VALID, when=when)
    _, resource = presented.wanted.fit(claims)
    words = ServerWords(refused.description or refused.words, refused.said)
    found = diagnose_configured_token(presented.token, resource, words, now)
    known = _sign_of(found, presented, claims, now)
    return (found.reason, known) if known is not None else _uncertain(refused, presented, found.reason)


def _uncertain(refused: Refusal, presented: Presented, reason: str) -> tuple[str, Sign]:
    return reason, presented.sign(Symptom.TOKEN_REFUSED, says=saying(refused.said), reason=reason)


def _sign_of(found: Diagnosis, presented: Presented, claims: Mapping[str, Any], now: float) -> Sign | None:
    """The sign of a diagnosis, None if it is not certain."""
    if found.kind is NotAToken:
        return presented.sign(Symptom.NOT_A_TOKEN, reason=found.reason)
    if found.kind is TokenExpired:
        return _expired(presented, numeric_date(claims.get("exp")), now)
    # A login without the server's word for it may be refused for another reason.
    is_sure = found.is_certain or presented.origin.symptom is Symptom.FROM_CONFIGURATION
    if found.kind in (WrongAudience, UnknownIssuer) and is_sure:
        how, resource = presented.wanted.fit(claims)
        if how is Fit.ANOTHER_HOST:
            host = foreign_host(audiences_of(claims), resource)
            return presented.sign(Symptom.TOKEN_OF_ANOTHER_SERVICE, host=host, issuer=_issuer(claims))
    if found.is_certain and found.kind is UnknownIssuer:
        return presented.sign(Symptom.TOKEN_ISSUER_UNKNOWN, issuer=_issuer(claims))
    if found.is_certain and found.kind is WrongAudience:
        return _wrong_audience(presented, claims)
    return None


def _expired(presented: Presented, ends: float | None, now: float) -> Sign:
    if ends is not None and ends > now:
        return presented.sign(Symptom.EXPIRED_EARLY, left=span(ends - now))
    when = ago(ends, now) if ends is not None else "by the server's word"
    return presented.sign(Symptom.TOKEN_EXPIRED, when=when)


def _wrong_audience(presented: Presented, claims: Mapping[str, Any]) -> Sign:
    audiences, (how, resource) = audiences_of(claims), presented.wanted.fit(claims)
    named = quoted(" ".join(audiences), _LONGEST) if audiences else "no server"
    if how in (Fit.SAME, Fit.WIDER):
        return presented.sign(Symptom.AUDIENCE_DISPUTED, audience=named)
    return presented.sign(Symptom.WRONG_AUDIENCE, audience=named, resource=resource)


def _missing_scopes(refused: Refusal, presented: Presented, claims: Mapping[str, Any]) -> tuple[str, Sign]:
    held = scopes_of(claims, presented.wanted.granted)
    missing = [scope for scope in refused.scopes if scope not in held]
    if not missing:
        return _uncertain(refused, presented, "it has every scope that the refusal names")
    named = quoted(" ".join(missing), _LONGEST)
    return f"it lacks the scope {named}", presented.sign(Symptom.SCOPE_MISSING, scopes=named)


def _issuer(claims: Mapping[str, Any]) -> str:
    issuer = claims.get("iss")
    return quoted(issuer, _LONGEST) if isinstance(issuer, str) else "an issuer that it does not name"
