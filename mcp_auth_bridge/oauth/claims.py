"""What a token says about itself: for display and diagnosis. Its signature is the resource server's to verify."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeGuard

import msgspec

from mcp_auth_bridge.errors import quoted
from mcp_auth_bridge.http_syntax import from_base64url
from mcp_auth_bridge.oauth.session import Session

_NAMES = ("email", "preferred_username", "upn", "unique_name", "name", "sub")
_LONGEST_NAME = 254  # an email address has no more (RFC 5321 section 4.5.3.1.3)
_END_OF_TIME = 1e11
_LONGEST_NUMBER = 16
_SKEW = 30.0
"""Seconds by which two honest clocks may differ."""

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def names_of(*tokens: str | None) -> tuple[str, ...]:
    """What the readable tokens call their account, best known first, fit to be shown; () if none names anybody.

    The signatures are not verified: the tokens came from their issuer over TLS (OpenID Connect Core 3.1.3.7).
    """
    every = [unverified(token) for token in tokens if token]
    found = [claims[name] for claims in every for name in _NAMES if isinstance(claims.get(name), str)]
    shown = ("".join(char for char in name if char.isprintable())[:_LONGEST_NAME] for name in found)
    return tuple(dict.fromkeys(name for name in shown if name))


def account_of(*tokens: str | None) -> str:
    """Whom the tokens name, in at most 80 characters; "" if they name nobody."""
    return next(iter(names_of(*tokens)), "")[:80]


def is_account(expected: str, names: tuple[str, ...]) -> bool | None:
    """Whether an account with these `names` is the `expected` one; None where they cannot tell.

    A token that knows only a number cannot deny an address.
    """
    if expected.casefold() in (name.casefold() for name in names):
        return True
    comparable = [name for name in names if "@" in name] if "@" in expected else names
    return False if comparable else None


def unverified(token: str) -> dict[str, Any]:
    """The claims of a JWT (RFC 7519), {} for an opaque token. Any: a claim may be any JSON."""
    if token.count(".") != 2:
        return {}
    try:
        claims = msgspec.json.decode(from_base64url(token.split(".")[1]))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def expiry(token: str) -> float | None:
    """When a JWT ends by its own `exp` (RFC 7519 section 4.1.4), in Unix seconds; None where it does not say."""
    return numeric_date(unverified(token).get("exp"))


def numeric_date(value: Any) -> float | None:  # Any: a member of foreign JSON
    """A NumericDate (RFC 7519 section 2) or a number of seconds, also as digits in a text; None for anything else."""
    if isinstance(value, str) and value.isdecimal() and len(value) < _LONGEST_NUMBER:
        value = int(value)
    return float(value) if _is_time(value) else None


def lifetime(token: str) -> float | None:
    """Seconds from a token's issue to its end by its own claims, None where they do not say."""
    claims = unverified(token)
    begins, ends = claims.get("iat"), claims.get("exp")
    return float(ends - begins) if _is_time(begins) and _is_time(ends) else None


def suspicions(session: Session, wanted: tuple[str, ...], now: float) -> str:
    """What looks wrong with the token of `session`, which the MCP server refuses although it is new.

    One clause, from the token's own words. `wanted` are the scopes that the refusal names, `now` is in Unix seconds.
    """
    claims = unverified(session.access.reveal())
    if not claims:
        return (
            "the token is opaque, so it cannot be seen why; where the authorization server is Auth0 or Okta, that often"
            " means that it was asked for no audience"
        )
    found = [*_wrong_place(claims, session), *_wrong_scope(claims, session, wanted), *_wrong_time(claims, now)]
    right = [name for name in ("iss", "aud", "scope", "scp", "exp", "nbf") if name in claims]
    return ", and ".join(found) or f"its {_listed(right)} right, so the reason is with the server"


def _listed(names: Sequence[str]) -> str:
    """With a verb."""
    return f"{', '.join(names[:-1])} and {names[-1]} look" if len(names) > 1 else f"{names[0]} looks"


def _wrong_place(claims: Mapping[str, Any], session: Session) -> list[str]:
    found = []
    issuer = claims.get("iss")
    if isinstance(issuer, str) and issuer.rstrip("/") != session.issuer.rstrip("/"):
        found.append(f"its iss is {quoted(issuer, 100)}, not {quoted(session.issuer, 100)}")
    named = claims.get("aud")
    audiences = [each for each in (named if isinstance(named, list) else [named]) if isinstance(each, str)]
    expected = session.resource
    if not audiences:
        found.append(f"it has no aud, which should be {quoted(expected, 100)}" if expected else "it has no aud")
    elif expected and expected.rstrip("/") not in [each.rstrip("/") for each in audiences]:
        # Where no resource was sent, the server chose, and what it means by its choice is its own affair.
        found.append(f"its aud is {quoted(' '.join(audiences), 100)}, not {quoted(expected, 100)}")
    return found


def _wrong_scope(claims: Mapping[str, Any], session: Session, wanted: tuple[str, ...]) -> list[str]:
    # `scp` is what Entra ID and Okta call it; they and others make it a list.
    named = claims.get("scope", claims.get("scp", session.scope))
    scopes = named.split() if isinstance(named, str) else named if isinstance(named, list) else []
    missing = [scope for scope in wanted if scope not in scopes]
    return [f"its scope lacks {quoted(' '.join(missing), 100)}"] if missing else []


def _wrong_time(claims: Mapping[str, Any], now: float) -> list[str]:
    found = []
    expires, begins = claims.get("exp"), claims.get("nbf", claims.get("iat"))
    if _is_time(expires) and expires <= now:
        found.append(f"it expired {ago(expires, now)} by this machine's clock")
    if _is_time(begins) and begins > now + _SKEW:
        found.append(f"it begins in {_span(begins - now)} by this machine's clock, which may be slow")
    return found


def ago(moment: float, now: float) -> str:
    """How long ago a `moment` was, and when that was (both in Unix seconds): `3 days ago (2026-11-27 02:42 UTC)`."""
    return f"{_span(now - moment)} ago ({datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC)"


def _span(seconds: float) -> str:
    """In the largest unit of which there are two, rounded down."""
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= 2 * size), _UNITS[-1])
    count = int(seconds // size)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _is_time(claim: Any) -> TypeGuard[float]:  # Any: a claim may be any JSON
    """A NumericDate (RFC 7519 section 2) that a clock could show."""
    return isinstance(claim, int | float) and not isinstance(claim, bool) and 0 <= claim <= _END_OF_TIME
