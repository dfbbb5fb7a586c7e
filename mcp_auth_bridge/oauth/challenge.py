"""`WWW-Authenticate` → challenges (RFC 9110 section 11.6.1), and which scopes one asks for (RFC 6750 section 3)."""

import re
from collections.abc import Iterable, Mapping

import msgspec

from mcp_auth_bridge.http_syntax import TOKEN
from mcp_auth_bridge.oauth.scopes import named

# An unquoted value ends where it must: servers write URLs and scopes bare, which are no tokens.
_PARAMETER = re.compile(rf'\s*({TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+))\s*')
_SCHEME = re.compile(rf"\s*({TOKEN})(?=\s|,|$)")
_TOKEN68 = re.compile(r"\s+[A-Za-z0-9._~+/-]+=*\s*(?=,|$)")
_SEPARATORS = re.compile(r"[\s,]*")

HEADER_LIMIT = 8192
"""Characters of a header field that are looked at; the rest is somebody's joke."""


class Challenge(msgspec.Struct, frozen=True):
    """One challenge. `scheme` and the parameter names are lower case; the values are unescaped."""

    scheme: str
    parameters: Mapping[str, str] = {}

    @property
    def error(self) -> str:
        return self.parameters.get("error", "")

    @property
    def scopes(self) -> tuple[str, ...]:
        return named(self.parameters.get("scope", ""))

    @property
    def resource_metadata(self) -> str:
        """The URL of the protected-resource metadata (RFC 9728 section 5.1), or ""."""
        return self.parameters.get("resource_metadata", "")


def parse(fields: Iterable[str]) -> list[Challenge]:
    """Every challenge of every field, in order. What cannot be read is passed over, never guessed at."""
    return [challenge for field in fields for challenge in _parse_field(field[:HEADER_LIMIT])]


def bearer(fields: Iterable[str]) -> Challenge | None:
    """The challenge that a token answers: the first `BearerSettings`, else the first `DPoP` (RFC 9449), else None.

    The metadata may stand in a challenge of any scheme (RFC 9728 section 5.1), as at Cloudflare Access (open-seo #47):
    they count for the one that is taken, and one that names them is taken if there is no other.
    """
    challenges = parse(fields)
    naming = next((challenge for challenge in challenges if challenge.resource_metadata), None)
    for scheme in ("bearer", "dpop"):
        for challenge in challenges:
            if challenge.scheme == scheme:
                return _with_metadata(challenge, naming)
    return naming


def _with_metadata(challenge: Challenge, naming: Challenge | None) -> Challenge:
    if naming is None or challenge.resource_metadata:
        return challenge
    return Challenge(challenge.scheme, {**challenge.parameters, "resource_metadata": naming.resource_metadata})


def _parse_field(field: str) -> list[Challenge]:
    found: list[Challenge] = []
    position = 0
    while (scheme := _SCHEME.match(field, _skip(field, position))) is not None:
        parameters, position = _parse_parameters(field, scheme.end())
        found.append(Challenge(scheme[1].lower(), parameters))
    return found


def _parse_parameters(field: str, position: int) -> tuple[dict[str, str], int]:
    """The parameters from `position` on, up to whatever starts the next challenge."""
    if (token68 := _TOKEN68.match(field, position)) is not None:
        return {}, token68.end()
    parameters: dict[str, str] = {}
    while (parameter := _PARAMETER.match(field, _skip(field, position))) is not None:
        name, in_quotes, plain = parameter.groups()
        value = re.sub(r"\\(.)", r"\1", in_quotes) if in_quotes is not None else plain
        parameters.setdefault(name.lower(), value)
        position = parameter.end()
    return parameters, position


def _skip(field: str, position: int) -> int:
    separators = _SEPARATORS.match(field, position)
    return separators.end() if separators else position


def scopes_to_ask(
    configured: tuple[str, ...],
    challenge: Challenge | None,
    supported: tuple[str, ...] | None,
    *,
    offline_access: bool,
) -> tuple[str, ...]:
    """The configured scopes, else the challenge's, else all that the resource supports, else none.

    That is MCP's "Scope Selection Strategy". `offline_access` is whether the authorization server lists that scope:
    then it is added (SEP-2207), but only to others: asked for alone, it takes the place of the server's own default
    scopes, with which most tools work (DollhouseMCP #2793).
    """
    chosen = configured or (challenge.scopes if challenge else ()) or supported or ()
    wanted = (*chosen, "offline_access") if offline_access and chosen else chosen
    return tuple(dict.fromkeys(wanted))
