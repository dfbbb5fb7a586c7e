"""Scopes that a server names, within limits (RFC 6749 section 3.3).

They go into a record, a URL and a sentence, and a server may name others at each request: what it says is taken for a
scope only if it can be one, is bounded in number and length, and never repeats what is secret.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote

from mcp_auth_bridge.secret import Secret

OFFLINE_ACCESS = "offline_access"
"""The scope for a refresh token (OpenID Connect Core section 11), which some servers list and refuse."""

MOST = 100
"""Scopes of a server's that are kept: Slack and Google have apps with some dozens."""

LONGEST = 4096
"""Characters that they may take in a URL, which the gate lets through up to twice that."""

_LONGEST_SCOPE = 512
_TOKEN = re.compile(rf"[\x21\x23-\x5b\x5d-\x7e]{{1,{_LONGEST_SCOPE}}}")
_TELLING = 16
"""Characters of a secret that are worth something to whoever reads them. No scope holds so many by chance."""

_SHORTEST = 8
"""Characters of the shortest text that is looked for: what is shorter is a part of many words."""


def named(text: str) -> tuple[str, ...]:
    """The scopes in a server's `text`, in its order and within the limits.

    Slack separates them by commas, which a scope may hold: so only where there is no space.
    """
    text = text.strip()
    return fitting(text.split() if " " in text else text.split(","))


def fitting(scopes: Iterable[str]) -> tuple[str, ...]:
    """The first of `scopes` that are scopes and fit, each once."""
    found: dict[str, None] = {}
    length = 0
    for scope in scopes:
        if scope in found or not _TOKEN.fullmatch(scope):
            continue
        length += len(quote(scope, safe="")) + 1
        if len(found) == MOST or length > LONGEST:
            break
        found[scope] = None
    return tuple(found)


def added(newer: Iterable[str], older: str) -> str:
    """A record's `older` scopes with the `newer` ones before them, which stay when there is no room for all."""
    return " ".join(fitting((*newer, *older.split())))


def without(scopes: Iterable[str], secrets: Iterable[Secret | None]) -> tuple[str, ...]:
    """`scopes` without those that hold one of the `secrets`, or a part of one that tells something."""
    values = [secret.reveal() for secret in secrets if secret is not None]
    telling = {piece for value in values if len(value) >= _SHORTEST for piece in _pieces(value)}
    sizes = {len(piece) for piece in telling}
    return tuple(scope for scope in scopes if not any(telling.intersection(_pieces(scope, size)) for size in sizes))


def _pieces(text: str, size: int = _TELLING) -> set[str]:
    """What stands in `text` in `size` characters in a row, or the whole where it is shorter."""
    return {text[start : start + size] for start in range(max(len(text) - size, 0) + 1)}
