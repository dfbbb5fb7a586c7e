"""Scopes (RFC 6749 section 3.3): those that a login asks for, and the words of a server that count as scopes.

Scopes go into a record, a URL and a sentence, and a server may name others at each request. A server's word counts
as a scope only if it has the syntax of one. Scopes are bounded in number and length, and never repeat a secret.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote

from mcp_auth_bridge.secret import Secret

OFFLINE_ACCESS = "offline_access"
"""The scope for a refresh token (OpenID Connect Core section 11), which some servers list and refuse."""

MOST = 100
"""How many of a server's scopes are kept: Slack and Google have apps with some dozens."""

LONGEST = 4096
"""The characters that all scopes together may take in a URL. The gate accepts URLs of up to twice that."""

_LONGEST_SCOPE = 512
_TOKEN = rf"[\x21\x23-\x5b\x5d-\x7e]{{1,{_LONGEST_SCOPE}}}"
_PIECE = 16
"""How many characters of a secret in a row would help an attacker. No scope holds as many by chance."""

_SHORTEST_SECRET = 8
"""The length of the shortest secret that is searched for, in characters: a shorter text is a part of many words."""


def select_scopes(
    configured: tuple[str, ...],
    challenged: tuple[str, ...],
    supported: tuple[str, ...] | None,
    *,
    offline_access: bool,
) -> tuple[str, ...]:
    """Return the configured scopes, else those of the challenge, else all that the resource supports, else none.

    That is MCP's "Scope Selection Strategy". `offline_access` says whether the authorization server lists that scope.
    If so, it is added (SEP-2207), but only to other scopes: alone it would replace the server's own default scopes,
    with which most tools work (DollhouseMCP #2793).
    """
    selected = configured or challenged or supported or ()
    wanted = (*selected, OFFLINE_ACCESS) if offline_access and selected else selected
    return tuple(dict.fromkeys(wanted))


def parse_scopes(text: str) -> tuple[str, ...]:
    """Parse the scopes in a server's `text`, in their order and within the limits.

    Slack separates them by commas. A scope may hold a comma, so commas separate only in a text without spaces.
    """
    text = text.strip()
    return limit_scopes(text.split() if " " in text else text.split(","))


def limit_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return the first of `scopes` that have the syntax of one and are within the limits, each once."""
    found: dict[str, None] = {}
    length = 0
    for scope in scopes:
        if scope in found or not re.fullmatch(_TOKEN, scope):
            continue
        length += len(quote(scope, safe="")) + 1
        if len(found) == MOST or length > LONGEST:
            break
        found[scope] = None
    return tuple(found)


def merge_scopes(newer: Iterable[str], older: str) -> str:
    """Put the `newer` scopes before a record's `older` ones, which are dropped first if there is not enough room."""
    return " ".join(limit_scopes((*newer, *older.split())))


def drop_secret_scopes(scopes: Iterable[str], secrets: Iterable[Secret | None]) -> tuple[str, ...]:
    """Drop the `scopes` that hold one of the `secrets`, or 16 characters in a row of a longer one."""
    values = [secret.reveal() for secret in secrets if secret is not None]
    telling = {piece for value in values if len(value) >= _SHORTEST_SECRET for piece in _pieces(value)}
    sizes = {len(piece) for piece in telling}
    return tuple(scope for scope in scopes if not any(telling.intersection(_pieces(scope, size)) for size in sizes))


def _pieces(text: str, size: int = _PIECE) -> set[str]:
    """Every run of `size` characters in `text`, or the whole text if it is shorter."""
    return {text[start : start + size] for start in range(max(len(text) - size, 0) + 1)}
