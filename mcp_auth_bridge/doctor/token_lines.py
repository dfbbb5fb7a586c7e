"""The claims of a JWT (RFC 7519), a line each, beside what the server wants. Nothing is verified."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from mcp_auth_bridge.errors import quoted
from mcp_auth_bridge.oauth.audience import Fit, audiences_of, fit
from mcp_auth_bridge.oauth.claims import is_time, numeric_date
from mcp_auth_bridge.oauth.time_words import ago, ahead, span
from mcp_auth_bridge.oauth.token_diagnosis import SKEW, scopes_of

_LONGEST = 100  # characters of a claim that is shown
_MOST_NAMES = 12

_SHOWN = ("iss", "aud", "exp", "nbf", "iat", "scope", "scp", "azp", "client_id", "cid")


class Wanted(msgspec.Struct, frozen=True):
    """What the server wants of a token, as far as it is known."""

    # The names by which the server may call itself: the configured resource, that of its metadata, its URL.
    resources: tuple[str, ...]
    # The issuers of the authorization servers that it trusts, as far as they are known.
    issuers: tuple[str, ...] = ()
    # The scopes that it asks for.
    scopes: tuple[str, ...] = ()
    # The client that the token was issued to, "" if that is not known.
    client: str = ""
    # The scopes that were granted, "" if that is not known.
    granted: str = ""

    def fit(self, claims: Mapping[str, Any]) -> tuple[Fit, str]:
        """How the audience fits the server, and the name of the server that it fits best. Any: any JSON."""
        fits = [(fit(audiences_of(claims), resource), resource) for resource in self.resources]
        return min(fits, key=lambda found: _BEST.index(found[0]))


_BEST = (Fit.SAME, Fit.WIDER, Fit.MISSING, Fit.ANOTHER_NAME, Fit.ANOTHER_HOST)


def describe_claims(claims: Mapping[str, Any], wanted: Wanted, now: float) -> tuple[str, ...]:
    """The lines. Any: a claim may be any JSON. `now` is in Unix seconds."""
    return (
        _issuer(claims, wanted.issuers),
        _audience(claims, wanted),
        _expiry(claims, now),
        *_begin(claims, now),
        *_scopes(claims, wanted),
        *_client(claims, wanted.client),
        *_others(claims),
    )


def begins_in_future(claims: Mapping[str, Any], now: float) -> float | None:
    """When the token begins (`nbf`, else `iat`), if that is not yet, in Unix seconds. Any: any JSON."""
    begins = claims.get("nbf", claims.get("iat"))
    return float(begins) if is_time(begins) and begins > now + SKEW else None


def _issuer(claims: Mapping[str, Any], issuers: Sequence[str]) -> str:
    found = claims.get("iss")
    if not isinstance(found, str):
        return "iss: there is none; it names who made the token"
    line = f"iss {quoted(found, _LONGEST)}"
    if not issuers:
        return f"{line}: who made the token; the server does not say whom it trusts"
    if found.rstrip("/") in (issuer.rstrip("/") for issuer in issuers):
        return f"{line}: the server's authorization server"
    return f"{line}: not the server's authorization server, {' or '.join(quoted(each, _LONGEST) for each in issuers)}"


def _audience(claims: Mapping[str, Any], wanted: Wanted) -> str:
    found, resource = wanted.fit(claims)
    named = quoted(" ".join(audiences_of(claims)), _LONGEST)
    match found:
        case Fit.MISSING:
            return f"aud: there is none; it names the server that the token is for, {quoted(resource, _LONGEST)}"
        case Fit.SAME:
            return f"aud {named}: this server"
        case Fit.WIDER:
            return f"aud {named}: this server's host or origin, by which many servers call themselves"
        case Fit.ANOTHER_HOST:
            return f"aud {named}: another service, and not {quoted(wanted.resources[0], _LONGEST)}"
        case Fit.ANOTHER_NAME:
            return f"aud {named}: not {quoted(wanted.resources[0], _LONGEST)}, unless the server calls itself so"


def _expiry(claims: Mapping[str, Any], now: float) -> str:
    ends = numeric_date(claims.get("exp"))
    if ends is None:
        return "exp: there is none, so the token does not expire by itself"
    return f"exp: it expired {ago(ends, now)}" if ends <= now else f"exp: valid {ahead(ends, now)}"


def _begin(claims: Mapping[str, Any], now: float) -> Iterator[str]:
    if is_time(begins := claims.get("nbf")):
        past = f"it began {ago(begins, now)}"
        yield f"nbf: {past if begins <= now else f'it is not valid yet: it becomes valid in {span(begins - now)}'}"
    if is_time(issued := claims.get("iat")):
        future = f"{span(issued - now)} in the future, so a clock is wrong"
        yield f"iat: issued {ago(issued, now) if issued <= now else future}"


def _scopes(claims: Mapping[str, Any], wanted: Wanted) -> Iterator[str]:
    found = scopes_of(claims, wanted.granted)
    missing = [scope for scope in wanted.scopes if scope not in found]
    lacks = f"; the server asks for {quoted(' '.join(missing), _LONGEST)} too" if missing else ""
    if found or lacks:
        name = next((name for name in ("scope", "scp") if name in claims), "scope")
        yield f"{name} {quoted(' '.join(found), _LONGEST)}{lacks}"


def _client(claims: Mapping[str, Any], client: str) -> Iterator[str]:
    for name in ("azp", "client_id", "cid"):  # OpenID Connect Core section 2, RFC 9068 section 2.2, Okta
        if isinstance(found := claims.get(name), str):
            other = f", which is not this bridge's, {quoted(client, _LONGEST)}" if client not in ("", found) else ""
            yield f"{name} {quoted(found, _LONGEST)}: the client that it was issued to{other}"


def _others(claims: Mapping[str, Any]) -> Iterator[str]:
    names = [name for name in claims if name not in _SHOWN][:_MOST_NAMES]
    if names:
        yield f"also: {quoted(' '.join(names), _LONGEST)}"
