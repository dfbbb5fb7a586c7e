"""The audience of a token (RFC 7519 section 4.1.3, RFC 8707), compared with a resource as servers compare it."""

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mcp_auth_bridge.errors import quoted

# A host name, and not a name in reverse order as in com.acme.app.
_HOST = re.compile(
    r"(?:https?://)?(?!(?:com|org|net|io|dev)\.)((?:[a-z0-9_-]+\.)+[a-z]{2,}|localhost)(?![^:/?#])", re.IGNORECASE
)
_CLIENTS = (".apps.googleusercontent.com",)
"""The ends of client ids that look like host names: Google's ID tokens are made for a client."""


class Fit(enum.Enum):
    """How an audience fits a resource."""

    SAME = "same"
    """It is the resource. A slash at the end does not count."""

    WIDER = "wider"
    """It is the resource's origin, its host, or a path above it, by which many servers call themselves."""

    MISSING = "missing"
    """The token names no audience."""

    ANOTHER_HOST = "another host"
    """It names the host of another service."""

    ANOTHER_NAME = "another name"
    """It is something else, such as a client's id."""


def audiences_of(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The audiences of a token: `aud` is one, or an array of them. Any: a claim may be any JSON."""
    named = claims.get("aud")
    return tuple(each for each in (named if isinstance(named, list) else [named]) if isinstance(each, str))


def fit(audiences: Sequence[str], resource: str) -> Fit:
    """How the `audiences` of a token fit `resource`, the URL or another identifier of the server."""
    if not audiences:
        return Fit.MISSING
    if is_named(audiences, (resource,)):
        return Fit.SAME
    if is_named(audiences, _spellings(resource)):
        return Fit.WIDER
    return Fit.ANOTHER_HOST if foreign_host(audiences, resource) else Fit.ANOTHER_NAME


def is_named(audiences: Iterable[str], expected: Iterable[str]) -> bool:
    """Whether one of the `audiences` is one of the `expected` names. A slash at the end does not count."""
    return not {each.rstrip("/") for each in audiences}.isdisjoint(each.rstrip("/") for each in expected)


def foreign_host(audiences: Sequence[str], resource: str) -> str:
    """The host of another service that the `audiences` name, "" if one of them may be the server's own name."""
    hosts = [_host(each) for each in audiences]
    return hosts[0] if hosts and all(hosts) and _host(resource) not in hosts else ""


def describe_mismatch(audiences: Sequence[str], expected: str) -> str:
    """What is wrong with `audiences` that do not name the `expected` one ("" if that is not known): a clause."""
    if not audiences:
        return f"it has no aud, which should be {quoted(expected, 100)}" if expected else "it has no aud"
    if host := foreign_host(audiences, expected):
        return f"it was made for {quoted(host, 100)} (its aud), not for {quoted(expected, 100)}"
    return f"its aud is {quoted(' '.join(audiences), 100)}, not {quoted(expected, 100)}"


def _host(name: str) -> str:
    found = _HOST.match(name)
    host = found[1].lower() if found else ""
    return "" if host.endswith(_CLIENTS) else host


def _spellings(resource: str) -> Iterable[str]:
    """The names by which servers call themselves: the resource, its origin, a path above it, or its host."""
    wanted = resource.rstrip("/")
    host = re.sub(r"^[a-z]+://([^/?#:]+).*$", r"\1", wanted)
    return wanted, host, *(wanted[: end.start()] for end in re.finditer(r"[/?]", wanted) if end.start())
