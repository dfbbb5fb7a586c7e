"""`WWW-Authenticate` → challenges (RFC 9110 section 11.6.1), and which of them a token answers (RFC 6750)."""

import re
from collections.abc import Iterable, Mapping

import msgspec

from mcp_auth_bridge.http_syntax import TOKEN
from mcp_auth_bridge.oauth.scopes import parse_scopes

# An unquoted value may hold more than a token may: servers leave URLs and scopes unquoted.
_PARAMETER = re.compile(rf'\s*({TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+))\s*')
_SCHEME = re.compile(rf"\s*({TOKEN})(?=\s|,|$)")
_TOKEN68 = re.compile(r"\s+[A-Za-z0-9._~+/-]+=*\s*(?=,|$)")
_SEPARATORS = re.compile(r"[\s,]*")

HEADER_LIMIT = 8192
"""How many characters of a header field are read: no server needs more."""


class Challenge(msgspec.Struct, frozen=True):
    """One challenge. The scheme and the names of parameters are in lower case; the values are unescaped."""

    scheme: str
    parameters: Mapping[str, str] = {}

    @property
    def error(self) -> str:
        """The error code (RFC 6750 section 3.1), or ""."""
        return self.parameters.get("error", "")

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the resource wants (RFC 6750 section 3), within the limits of `oauth/scopes.py`."""
        return parse_scopes(self.parameters.get("scope", ""))

    @property
    def resource_metadata(self) -> str:
        """The URL of the protected-resource metadata (RFC 9728 section 5.1), or ""."""
        return self.parameters.get("resource_metadata", "")


def parse_challenges(fields: Iterable[str]) -> list[Challenge]:
    """Parse every challenge of every field, in order. Unreadable parts are skipped, never guessed."""
    return [challenge for field in fields for challenge in _parse_field(field[:HEADER_LIMIT])]


def choose_challenge(fields: Iterable[str]) -> Challenge | None:
    """Choose the challenge that a token answers: the first `Bearer`, else the first `DPoP` (RFC 9449), else one
    that names metadata, else None.

    A challenge of any scheme may name the metadata (RFC 9728 section 5.1), as at Cloudflare Access (open-seo #47). The
    chosen challenge takes over that URL.
    """
    challenges = parse_challenges(fields)
    naming = next((challenge for challenge in challenges if challenge.resource_metadata), None)
    for scheme in ("bearer", "dpop"):
        for challenge in challenges:
            if challenge.scheme == scheme:
                return _add_metadata(challenge, naming)
    return naming


def _add_metadata(challenge: Challenge, naming: Challenge | None) -> Challenge:
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
    """The parameters from `position` on, and the position after them, where the next challenge may start."""
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
