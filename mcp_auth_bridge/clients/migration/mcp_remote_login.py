"""A login of mcp-remote, as its files hold it: plain JSON below `~/.mcp-auth`, by a digest of the entry's settings.

mcp-remote 0.15.1, dist: `getServerUrlHash`, `OAuthTokensWithExpiresAtSchema`; read on 2026-11-30.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from mcp_auth_bridge.secret import Secret


class RivalLogin(msgspec.Struct, frozen=True):
    """A login that can be renewed."""

    # The issuer of the authorization server that the tokens came from.
    issuer: str
    # The client_id of the registration.
    client_id: str
    # Its secret, None for a public client.
    client_secret: Secret | None
    # Its redirect URI, "" if it is not known.
    redirect_uri: str
    # Its `token_endpoint_auth_method`.
    auth_method: str
    # The access token.
    access: Secret
    # The refresh token.
    refresh: Secret
    # The scopes that were granted.
    scope: str
    # When the access token expires, in Unix seconds; None if that is not known.
    expires_at: float | None


def login_digest(table: Mapping[str, Any], headers: Mapping[str, Secret]) -> str:
    """The digest in the names of the files, for a converted entry: its `table` (any: TOML), and its headers."""
    auth = table.get("auth", {})
    parts = [table["url"], auth.get("resource", ""), auth.get("authorize_params")]
    parts += [{name: value.reveal() for name, value in headers.items()}, auth.get("client_metadata_url", "")]
    texts = [part if isinstance(part, str) else _sorted(part) for part in parts if part and part != "none"]
    return hashlib.md5("|".join(texts).encode(), usedforsecurity=False).hexdigest()


def _sorted(members: Any) -> str:
    """`members` (any: JSON) as JavaScript's `JSON.stringify` writes them, with their names sorted."""
    return json.dumps({name: members[name] for name in sorted(members)}, separators=(",", ":"), ensure_ascii=False)


def read_login(client_info: str, tokens: str) -> RivalLogin | None:
    """The login in the texts of two files; None if one is damaged, or the login cannot be renewed.

    Without the issuer it cannot be: the refresh token may go only to the server that issued it.
    """
    try:
        client, told = msgspec.json.decode(client_info, type=_Client), msgspec.json.decode(tokens, type=_Tokens)
    except msgspec.DecodeError:
        return None
    if not (told.refresh_token and told.issuer):
        return None
    return RivalLogin(
        told.issuer,
        client.client_id,
        Secret(client.client_secret) if client.client_secret else None,
        next(iter(client.redirect_uris), ""),
        client.token_endpoint_auth_method or ("client_secret_post" if client.client_secret else "none"),
        Secret(told.access_token),
        Secret(told.refresh_token),
        told.scope,
        told.expires_at / 1000 if told.expires_at is not None else None,
    )


class _Client(msgspec.Struct):
    client_id: str
    client_secret: str = ""
    redirect_uris: list[str] = []
    token_endpoint_auth_method: str = ""


class _Tokens(msgspec.Struct):
    access_token: str
    refresh_token: str = ""
    scope: str = ""
    issuer: str = ""
    expires_at: float | None = None
