"""The kinds of `auth` that do not need a person, and checks of keys that depend on each other.

Values that may be secret are references (`secret.parse_reference`), read again for each token request.
"""

from typing import Literal as OneOf

import msgspec

from mcp_auth_bridge.config import toml
from mcp_auth_bridge.errors import ConfigError, quoted
from mcp_auth_bridge.secret import parse_reference
from mcp_auth_bridge.urls import Purpose

_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:"
_TOKEN_TYPES = ("access_token", "refresh_token", "id_token", "saml1", "saml2", "jwt")

_VOUCHING = ("assertion", "subject_token", "identity_assertion")
_TYPES = ("subject_token_type", "actor_token_type", "requested_token_type", "identity_assertion_type")


class RegisteredClientSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client that the user has registered at an authorization server."""

    # The issuer identifier; "" if `token_endpoint` is given alone.
    issuer: str = ""
    # "" for the one in the issuer's metadata.
    token_endpoint: str = ""
    # The client's identifier there; "" if the grant needs none.
    client_id: str = ""
    # A secret reference; "" for none.
    client_secret: str = ""
    # How the secret is sent to the token endpoint; "" for the first method that works.
    auth_method: OneOf[
        "", "client_secret_post", "client_secret_basic", "client_secret_basic_raw", "client_secret_basic_with_id"
    ] = ""
    # A secret reference to the key that signs the client's assertions (RFC 7523 section 2.2), in place of a secret.
    private_key: str = ""
    # The signature algorithm; "" for the private key's own.
    algorithm: OneOf["", "RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"] = ""
    # "" for the `kid` of the private key.
    key_id: str = ""
    # The `aud` of these assertions; "" for the issuer.
    assertion_audience: str = ""


class MachineSettings(RegisteredClientSettings, frozen=True, tag_field="kind"):
    """The keys that every kind has: those of the client, and of the token to request, as in `LoginSettings`."""

    scopes: tuple[str, ...] = ()
    resource: str = ""
    audience: str = ""


class ClientCredentialsSettings(MachineSettings, frozen=True, kw_only=True, tag="client_credentials"):
    """RFC 6749 section 4.4: the client's own rights."""


class JwtBearerSettings(MachineSettings, frozen=True, kw_only=True, tag="jwt_bearer"):
    """RFC 7523 section 2.1: the `assertion` is a JWT that a platform issues and renews, mostly in a file."""

    assertion: str


class TokenExchangeSettings(MachineSettings, frozen=True, kw_only=True, tag="token_exchange"):
    """RFC 8693: the authorization server exchanges the `subject_token` for a token for the MCP server."""

    # A secret reference to the token that is exchanged.
    subject_token: str
    # Its type, as `token_type_uri` takes it; so are the other two types.
    subject_token_type: str = "access_token"
    # A secret reference to the acting party's token; "" for none.
    actor_token: str = ""
    # Ignored without `actor_token`.
    actor_token_type: str = "access_token"
    # "" for the authorization server's choice.
    requested_token_type: str = ""


class EnterpriseSettings(MachineSettings, frozen=True, kw_only=True, tag="enterprise"):
    """MCP's Enterprise-Managed Authorization.

    The identity provider (`idp`) takes its own assertion about a person and issues a grant (ID-JAG), which the
    authorization server of the MCP server, at `issuer`, accepts.
    """

    identity_assertion: str
    identity_assertion_type: str = "id_token"
    idp: RegisteredClientSettings


def token_type_uri(name: str) -> str:
    """The identifier of the token type `name` (RFC 8693 section 3), which may be written without its prefix."""
    return _TOKEN_TYPE + name if name in _TOKEN_TYPES else name


def check(auth: MachineSettings, where: str) -> None:
    """Check the rules that no type can express. `where` is the table. Raises `ConfigError`, which names the key."""
    _check_party(auth, where)
    for key in _TYPES:
        _check_type(getattr(auth, key, ""), f"{where}.{key}")
    for key in _VOUCHING:
        if getattr(auth, key, None) == "":
            raise ConfigError(f"{where}.{key} is empty", f'write it as {key} = "file:PATH"')
        parse_reference(getattr(auth, key, ""), f"{where}.{key}")
    parse_reference(getattr(auth, "actor_token", ""), f"{where}.actor_token")
    match auth:
        case ClientCredentialsSettings() if not (auth.client_id and (auth.client_secret or auth.private_key)):
            raise ConfigError(
                f"{where}: client_credentials needs a client_id, and a client_secret or private_key",
                'as in client_secret = "env:NAME" or private_key = "file:PATH"',
            )
        case EnterpriseSettings():
            _check_party(auth.idp, f"{where}.idp")
            if not auth.issuer:
                raise ConfigError(
                    f"{where}: enterprise needs the issuer of the MCP server's authorization server",
                    'add issuer = "https://…": the grant is issued for it',
                )
        case _:
            pass


def _check_party(party: RegisteredClientSettings, where: str) -> None:
    if not (party.issuer or party.token_endpoint):
        # A secret goes only to the server that the user names, not to one that the MCP server's metadata name.
        raise ConfigError(f"{where}: an issuer or a token_endpoint is needed", 'add issuer = "https://…"')
    for key, purpose in (("issuer", Purpose.ISSUER), ("token_endpoint", Purpose.TOKEN)):
        if text := getattr(party, key):
            toml.parse_url(text, purpose, f"{where}.{key}")
    if party.client_secret and party.private_key:
        raise ConfigError(f"{where}: client_secret and private_key are both given", "remove one of them")
    for key in ("client_secret", "private_key"):
        parse_reference(getattr(party, key), f"{where}.{key}")
    for key, needed in _GO_WITH.items():
        if getattr(party, key) and not getattr(party, needed):
            raise ConfigError(f"{where}: {key} without {needed}", f"add {needed}, or remove {key}")


_GO_WITH = {
    "client_secret": "client_id",
    "private_key": "client_id",
    "auth_method": "client_secret",
    "algorithm": "private_key",
    "key_id": "private_key",
    "assertion_audience": "private_key",
}


def _check_type(name: str, where: str) -> None:
    if name and ":" not in token_type_uri(name):
        raise ConfigError(
            f"{where}: {quoted(name)} is not a token type", f"one of: {', '.join(_TOKEN_TYPES)}, or a URN in full"
        )
