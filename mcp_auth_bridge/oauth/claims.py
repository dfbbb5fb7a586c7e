"""The claims of a JWT (RFC 7519): the account that it names, and its lifetime.

Nothing is verified: the signature is for the resource server to verify. Why a server refuses a token is in
`token_diagnosis.py`.
"""

from typing import Any, TypeGuard

import msgspec

from mcp_auth_bridge.http_syntax import from_base64url

_NAMES = ("email", "preferred_username", "upn", "unique_name", "name", "sub")
_LONGEST_NAME = 254  # characters of the longest email address (RFC 5321 section 4.5.3.1.3)
_END_OF_TIME = 1e11  # Unix seconds, in the year 5138
_LONGEST_NUMBER = 16  # digits


def names_of(*tokens: str | None) -> tuple[str, ...]:
    """The printable names of the account in the readable tokens, the most familiar first; () if there are none.

    The signatures are not verified: the tokens came from their issuer over TLS (OpenID Connect Core 3.1.3.7).
    """
    every = [unverified_claims(token) for token in tokens if token]
    found = [claims[name] for claims in every for name in _NAMES if isinstance(claims.get(name), str)]
    shown = ("".join(char for char in name if char.isprintable())[:_LONGEST_NAME] for name in found)
    return tuple(dict.fromkeys(name for name in shown if name))


def account_of(*tokens: str | None) -> str:
    """The most familiar name of the account in the tokens, at most 80 characters; "" if there is none."""
    return next(iter(names_of(*tokens)), "")[:80]


def is_account(expected: str, names: tuple[str, ...]) -> bool | None:
    """Whether an account with these `names` is the `expected` one; None if they do not say.

    A token that names the account by a number only cannot contradict an email address.
    """
    if expected.casefold() in (name.casefold() for name in names):
        return True
    comparable = [name for name in names if "@" in name] if "@" in expected else names
    return False if comparable else None


def unverified_claims(token: str) -> dict[str, Any]:
    """The claims of a JWT (RFC 7519), {} for an opaque token. Any: a claim may be any JSON."""
    if token.count(".") != 2:
        return {}
    try:
        claims = msgspec.json.decode(from_base64url(token.split(".")[1]))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def expiry(token: str) -> float | None:
    """The `exp` of a JWT (RFC 7519 section 4.1.4), in Unix seconds; None if it has none."""
    return numeric_date(unverified_claims(token).get("exp"))


def numeric_date(value: Any) -> float | None:  # Any: a member of foreign JSON
    """A NumericDate (RFC 7519 section 2) or a number of seconds, also as text of digits; None for anything else."""
    if isinstance(value, str) and value.isdecimal() and len(value) < _LONGEST_NUMBER:
        value = int(value)
    return float(value) if is_time(value) else None


def lifetime(token: str) -> float | None:
    """Seconds from a token's `iat` to its `exp`, None if it lacks one of them."""
    claims = unverified_claims(token)
    begins, ends = claims.get("iat"), claims.get("exp")
    return float(ends - begins) if is_time(begins) and is_time(ends) else None


def is_time(claim: Any) -> TypeGuard[float]:  # Any: a claim may be any JSON
    """Whether `claim` is a NumericDate (RFC 7519 section 2) that a clock could show."""
    return isinstance(claim, int | float) and not isinstance(claim, bool) and 0 <= claim <= _END_OF_TIME
