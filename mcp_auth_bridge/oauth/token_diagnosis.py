"""The diagnosis of a refused token, from the token's own claims and from the server's words.

An MCP server refuses the token of a configuration (`diagnose_configured_token`) or of a login (`describe_suspicions`);
an authorization server refuses a token that a machine presents to it (`diagnose_subject_token`). Nothing is verified:
the claims are what the token says about itself.

Imported only after a refusal (docs/architecture.md, "Cold start").
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mcp_auth_bridge.errors import (
    CredentialRefused,
    NotAToken,
    TokenExpired,
    UnknownIssuer,
    WrongAudience,
    quoted,
)
from mcp_auth_bridge.oauth.audience import Fit, audiences_of, describe_mismatch, fit, foreign_host, is_named
from mcp_auth_bridge.oauth.claims import is_time, numeric_date, unverified_claims
from mcp_auth_bridge.oauth.time_words import ago, span, timestamp

if TYPE_CHECKING:
    from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
    from mcp_auth_bridge.oauth.configured import SubjectToken
    from mcp_auth_bridge.oauth.session import Session

SKEW = 30.0
"""Seconds by which two honest clocks may differ."""

# RFC 6750 section 2.1, and RFC 6749 section 10.10: a shorter text can be guessed, and no server issues it as a token.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,}=*")
_PLACEHOLDER = re.compile(r"placeholder|change[-_]?me|replace[-_]?me|your[-_]|dummy|x{4}", re.IGNORECASE)

_COMPLAINTS: Mapping[type[CredentialRefused], re.Pattern[str]] = {
    TokenExpired: re.compile(r"\bexpired\b"),
    WrongAudience: re.compile(r"\baud(iences?)?\b"),
    UnknownIssuer: re.compile(r"\biss(uers?)?\b|\bjwks?\b|\bkid\b"),
}
"""Words in error descriptions that tell the reason. They are not normative (RFC 6750 section 3)."""

# Envoy ("Jwt is not in the form of Header.Payload.Signature"), jsonwebtoken ("jwt malformed"), PyJWT ("Not enough
# segments"), Go's ("invalid number of segments"), nimbus ("Missing dot delimiter"), jose ("Invalid Compact JWS").
# Servers repeat "expired, revoked, malformed, or invalid" from RFC 6750 section 3.1 for any reason.
_MALFORMED = re.compile(
    r"malformed(?!,? or )|in the form of|segments|dot delimiter|invalid compact|not a (?:valid )?(?:jwt|jws|token)|"
    r"(?:parse|decode|decoding|parsing) .{0,20}(?:jwt|jws|token)",
    re.IGNORECASE,
)

OPAQUE = "it is opaque, so nothing in it shows why"


class Diagnosis(msgspec.Struct, frozen=True):
    """The most likely reason for a refusal.

    `kind` is the error that says it, `reason` a clause with "it" for the token, `facts` the error's facts for programs.
    It `is_certain` if the token itself shows the reason, or if the server names it.
    """

    kind: type[CredentialRefused]
    reason: str
    facts: Mapping[str, Any] = {}  # Any: JSON
    is_certain: bool = True


class ServerWords(msgspec.Struct, frozen=True):
    """The text of an MCP server's refusal.

    `description` is its error_description, or the whole body; it tells kinds of refusal apart. `said` is the sentence
    for people in it, which may be shown.
    """

    description: str = ""
    said: str = ""


def diagnose_configured_token(token: str, resource: str, words: ServerWords, now: float) -> Diagnosis:
    """Why an MCP server refused the newest `token` of its configuration. `now` is in Unix seconds.

    The `aud` of a token for that server should name `resource`. The most certain sign decides: first the expiry
    in the token, then the server's own words, then a claim that looks wrong.
    """
    claims = unverified_claims(token)
    if not claims:
        return _diagnose_opaque_token(token, words)
    complaint = _complaint(words)
    kind, reason = _diagnose_claims(claims, resource, complaint, now)
    return Diagnosis(kind, reason, _facts(claims, resource), kind in (complaint, TokenExpired))


def _diagnose_claims(
    claims: Mapping[str, Any], resource: str, complaint: type[CredentialRefused] | None, now: float
) -> tuple[type[CredentialRefused], str]:
    ends, audiences = numeric_date(claims.get("exp")), audiences_of(claims)
    if ends is not None and ends <= now:
        return TokenExpired, _expired(ends, now)
    if complaint is TokenExpired:
        return TokenExpired, "it has expired by the server's clock, and not by this machine's"
    if complaint is WrongAudience or (complaint is None and fit(audiences, resource) not in (Fit.SAME, Fit.WIDER)):
        return WrongAudience, describe_mismatch(audiences, resource)
    issuer = claims.get("iss")
    made_by = f"its issuer is {quoted(issuer, 100)}" if isinstance(issuer, str) else "it names no issuer"
    if complaint is UnknownIssuer:
        host = foreign_host(audiences, resource)
        also = f", and it was made for {quoted(host, 100)} (its aud)" if host else ""
        return UnknownIssuer, f"{made_by}, which the server does not know{also}"
    right = "exp and aud look right" if "exp" in claims else "aud looks right"
    return UnknownIssuer, f"{made_by}, which the server may not know, for its {right}"


def _diagnose_opaque_token(token: str, words: ServerWords) -> Diagnosis:
    if fault := fault_of_form(token):
        return Diagnosis(NotAToken, fault)
    if _MALFORMED.search(words.said):
        return Diagnosis(NotAToken, "it is not a JWT, and the server cannot read it")
    if _complaint(words) is TokenExpired:
        return Diagnosis(TokenExpired, "the server says that it has expired")
    return Diagnosis(CredentialRefused, OPAQUE, is_certain=False)


def fault_of_form(token: str) -> str:
    """Why `token`, in which no claims can be read, does not look like a token: a clause with "it"; "" if it does."""
    if not _TOKEN.fullmatch(token) or _PLACEHOLDER.search(token):
        return "it looks like a placeholder and not like a token"
    if token.startswith("ey") and token.count(".") < 4:  # five parts are an encrypted one (RFC 7516)
        return "it looks like a truncated or damaged JWT"
    return ""


def _complaint(words: ServerWords) -> type[CredentialRefused] | None:
    """The kind of error that the server's words name; None if they name none or several."""
    kinds = [kind for kind, pattern in _COMPLAINTS.items() if pattern.search(words.description.lower())]
    return kinds[0] if len(kinds) == 1 else None


def _facts(claims: Mapping[str, Any], resource: str) -> Mapping[str, Any]:
    facts: dict[str, Any] = {}
    if isinstance(issuer := claims.get("iss"), str):
        facts["issuer"] = quoted(issuer)[1:-1]
    facts["audience_expected"] = resource
    facts["audience_found"] = [quoted(each)[1:-1] for each in audiences_of(claims)]
    if (ends := numeric_date(claims.get("exp"))) is not None:
        facts["expires_at"] = timestamp(ends)
    return facts


def diagnose_subject_token(token: "SubjectToken", server: "AuthorizationServer", now: float) -> Diagnosis:
    """Why the authorization `server` refused a `token` that a machine presented in its grant. `now` is Unix seconds.

    Its kind is `CredentialRefused` itself if nothing in the token looks wrong.
    """
    claims = unverified_claims(token.value.reveal())
    is_assertion = not token.type
    if not claims and is_assertion:
        return Diagnosis(NotAToken, "it is not a JWT, and an assertion must be one")
    if not claims:
        return Diagnosis(CredentialRefused, OPAQUE)
    ends, audiences = numeric_date(claims.get("exp")), audiences_of(claims)
    if ends is not None and ends <= now:
        return Diagnosis(TokenExpired, _expired(ends, now))
    # RFC 7523 section 3: an assertion names this server. A subject token may have been made for any audience.
    if is_assertion and not is_named(audiences, (server.issuer, str(server.token_endpoint))):
        return Diagnosis(WrongAudience, describe_mismatch(audiences, server.issuer))
    issuer = quoted(str(claims.get("iss", "")), 100)
    return Diagnosis(CredentialRefused, f"its issuer is {issuer}, its exp and aud look right")


def describe_suspicions(session: "Session", wanted: tuple[str, ...], now: float) -> str:
    """Everything that looks wrong with the token of `session`, which the MCP server refuses although it is new.

    The result is one clause, from the token's own claims. `wanted` are the scopes that the refusal names, `now` is in
    Unix seconds.
    """
    claims = unverified_claims(session.access.reveal())
    if not claims:
        return (
            "the token is opaque, so nothing in it shows why; where the authorization server is Auth0 or Okta, that"
            " often means that it was asked for no audience"
        )
    found = [*_wrong_place(claims, session), *_wrong_scope(claims, session, wanted), *_wrong_time(claims, now)]
    right = [name for name in ("iss", "aud", "scope", "scp", "exp", "nbf") if name in claims]
    return ", and ".join(found) or f"its {_listed(right)} right, so the reason is with the server"


def _listed(names: Sequence[str]) -> str:
    """`names` with the verb that fits their number."""
    return f"{', '.join(names[:-1])} and {names[-1]} look" if len(names) > 1 else f"{names[0]} looks"


def _wrong_place(claims: Mapping[str, Any], session: "Session") -> list[str]:
    found = []
    issuer = claims.get("iss")
    if isinstance(issuer, str) and issuer.rstrip("/") != session.issuer.rstrip("/"):
        found.append(f"its iss is {quoted(issuer, 100)}, not {quoted(session.issuer, 100)}")
    audiences, expected = audiences_of(claims), session.resource
    # If no resource was sent, the server chose an audience, and only the server knows whether that is the right one.
    if not audiences or (expected and not is_named(audiences, (expected,))):
        found.append(describe_mismatch(audiences, expected))
    return found


def _wrong_scope(claims: Mapping[str, Any], session: "Session", wanted: tuple[str, ...]) -> list[str]:
    scopes = scopes_of(claims, session.scope)
    missing = [scope for scope in wanted if scope not in scopes]
    return [f"its scope lacks {quoted(' '.join(missing), 100)}"] if missing else []


def scopes_of(claims: Mapping[str, Any], granted: str = "") -> list[str]:
    """The scopes in a token's claims, else those that were `granted`. Any: a claim may be any JSON."""
    # `scp` is what Entra ID and Okta call it; they and others make it a list.
    named = claims.get("scope", claims.get("scp", granted))
    listed = named.split() if isinstance(named, str) else named if isinstance(named, list) else []
    return [scope for scope in listed if isinstance(scope, str)]


def _wrong_time(claims: Mapping[str, Any], now: float) -> list[str]:
    found = []
    expires, begins = claims.get("exp"), claims.get("nbf", claims.get("iat"))
    if is_time(expires) and expires <= now:
        found.append(f"{_expired(expires, now)} by this machine's clock")
    if is_time(begins) and begins > now + SKEW:
        found.append(f"it begins in {span(begins - now)} by this machine's clock, which may be slow")
    return found


def _expired(moment: float, now: float) -> str:
    return f"it expired {ago(moment, now)}"
