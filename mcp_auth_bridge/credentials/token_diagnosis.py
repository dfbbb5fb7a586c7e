"""Why a server refuses a token that nobody can renew, told apart as far as the token and the server's words let it.

The order is that of certainty: what the token itself shows, then what the server says, then what looks wrong.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.errors import (
    CredentialRefused,
    NotAToken,
    TokenExpired,
    UnknownIssuer,
    WrongAudience,
    quoted,
)
from mcp_auth_bridge.oauth.claims import ago, expiry, unverified

# RFC 6750 section 2.1, and RFC 6749 section 10.10: what is shorter can be guessed, and is nobody's token.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,}=*")
_PLACEHOLDER = re.compile(r"placeholder|change[-_]?me|replace[-_]?me|your[-_]|dummy|x{4}", re.IGNORECASE)

_WORDS: Mapping[type[CredentialRefused], re.Pattern[str]] = {
    TokenExpired: re.compile(r"\bexpired\b"),
    WrongAudience: re.compile(r"\baud(iences?)?\b"),
    UnknownIssuer: re.compile(r"\biss(uers?)?\b|\bjwks?\b|\bkid\b"),
}
"""What descriptions of errors call it; none of them is normative (RFC 6750 section 3)."""

# Envoy ("Jwt is not in the form of Header.Payload.Signature"), jsonwebtoken ("jwt malformed"), PyJWT ("Not enough
# segments"), Go's ("invalid number of segments"), nimbus ("Missing dot delimiter"), jose ("Invalid Compact JWS").
# RFC 6750 section 3.1 says "expired, revoked, malformed, or invalid" of everything.
_MALFORMED = re.compile(
    r"malformed(?!,? or )|in the form of|segments|dot delimiter|invalid compact|not a (?:valid )?(?:jwt|jws|token)|"
    r"(?:parse|decode|decoding|parsing) .{0,20}(?:jwt|jws|token)",
    re.IGNORECASE,
)


class RefusedToken(msgspec.Struct, frozen=True):
    """A token as the server `name` saw it: `what` it is and the `place` that it comes from, in words; `resource` is
    what its `aud` should be as far as that is known: the configured one, else the server's URL.
    """

    token: str
    name: str
    what: str
    place: str
    resource: str


def why(shown: RefusedToken, refused: Refusal, now: float) -> CredentialRefused:
    """The error for a token that was refused although it is the newest that there is; `now` is Unix seconds."""
    claims = unverified(shown.token)
    kind, words = _of_jwt(shown, claims, refused, now) if claims else _of_opaque(shown.token, refused)
    told = f"{shown.name} refuses {shown.what} ({refused}): {words}"
    return kind(told, f"replace it: {shown.place}", facts=_facts(shown, claims, refused))


_Verdict = tuple[type[CredentialRefused], str]


def _of_jwt(shown: RefusedToken, claims: Mapping[str, Any], refused: Refusal, now: float) -> _Verdict:
    ends, named, says = expiry(shown.token), _audiences(claims), _server_says(refused)
    if ends is not None and ends <= now:
        return TokenExpired, f"it expired {ago(ends, now)}"
    if says is TokenExpired:
        return TokenExpired, "it has expired by the server's clock, and not by this machine's"
    if says is WrongAudience or (says is None and not _covers(named, shown.resource)):
        is_for = f"its aud is {quoted(' '.join(named), 100)}, not" if named else "it has no aud, which should be"
        return WrongAudience, f"{is_for} {quoted(shown.resource, 100)}"
    issuer = claims.get("iss")
    made_by = f"its issuer is {quoted(issuer, 100)}" if isinstance(issuer, str) else "it names no issuer"
    if says is UnknownIssuer:
        return UnknownIssuer, f"{made_by}, which the server does not know"
    right = "exp and aud look right" if "exp" in claims else "aud looks right"
    return UnknownIssuer, f"{made_by}, which the server may not know, for its {right}"


def _of_opaque(token: str, refused: Refusal) -> _Verdict:
    if not _TOKEN.fullmatch(token) or _PLACEHOLDER.search(token):
        return NotAToken, "it looks like a placeholder and not like a token"
    if token.startswith("ey") and token.count(".") < 4:  # five parts are an encrypted one (RFC 7516)
        return NotAToken, "it looks like a truncated or damaged JWT"
    if _MALFORMED.search(refused.said):
        return NotAToken, "it is not a JWT, and the server cannot read it"
    if _server_says(refused) is TokenExpired:
        return TokenExpired, "the server says that it has expired"
    return CredentialRefused, "it is opaque, so it cannot be seen why"


def _server_says(refused: Refusal) -> type[CredentialRefused] | None:
    """What the challenge's description or the body complains about, if it names one thing; it is not repeated."""
    described = refused.challenge.parameters.get("error_description", "") if refused.challenge else ""
    text = (described or refused.words).lower()
    kinds = [kind for kind, words in _WORDS.items() if words.search(text)]
    return kinds[0] if len(kinds) == 1 else None


def _facts(shown: RefusedToken, claims: Mapping[str, Any], refused: Refusal) -> dict[str, Any]:
    """What is known, for programs. Any: JSON."""
    facts: dict[str, Any] = {"status": refused.status}
    if isinstance(issuer := claims.get("iss"), str):
        facts["issuer"] = quoted(issuer)[1:-1]
    if claims:
        facts["audience_expected"] = shown.resource
        facts["audience_found"] = [quoted(each)[1:-1] for each in _audiences(claims)]
    if (ends := expiry(shown.token)) is not None:
        facts["expires_at"] = _clock(ends)
    return facts


def _audiences(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """RFC 7519 section 4.1.3: one, or an array of them."""
    named = claims.get("aud")
    return tuple(each for each in (named if isinstance(named, list) else [named]) if isinstance(each, str))


def _covers(named: tuple[str, ...], resource: str) -> bool:
    """Whether one of the audiences is the resource, its origin or a path above it, or its host: servers name
    themselves in each way.
    """
    wanted = resource.rstrip("/")
    host = re.sub(r"^[a-z]+://([^/?#:]+).*$", r"\1", wanted)
    bare = [each.rstrip("/") for each in named]
    return any(each in (wanted, host) or (each and wanted.startswith((f"{each}/", f"{each}?"))) for each in bare)


def _clock(seconds: float) -> str:
    """RFC 3339, whole seconds."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
