"""The kinds of `auth` that need no person, and what must stand together in them.

Values that may be secret are references (`secret.reference`), read anew for each token request.
"""

from typing import Literal as OneOf

import msgspec

from mcp_auth_bridge.config import toml
from mcp_auth_bridge.errors import ConfigError, quoted
from mcp_auth_bridge.secret import reference
from mcp_auth_bridge.urls import Purpose

_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:"
_TOKEN_TYPES = ("access_token", "refresh_token", "id_token", "saml1", "saml2", "jwt")

_VOUCHING = ("assertion", "subject_token", "identity_assertion")
_TYPES = ("subject_token_type", "actor_token_type", "requested_token_type", "identity_assertion_type")


class RegisteredClientSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bridge as a client that was registered by hand at an authorization server, whose metadata name the
    `token_endpoint` if that is not given. `auth_method` is "" for what works, `algorithm` and `key_id` for
    what the private key says, `assertion_audience` for the issuer.
    """

    issuer: str = ""
    token_endpoint: str = ""
    client_id: str = ""
    client_secret: str = ""
    auth_method: OneOf[
        "", "client_secret_post", "client_secret_basic", "client_secret_basic_raw", "client_secret_basic_with_id"
    ] = ""
    private_key: str = ""
    algorithm: OneOf["", "RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"] = ""
    key_id: str = ""
    assertion_audience: str = ""


class MachineSettings(RegisteredClientSettings, frozen=True, tag_field="kind"):
    """What every kind may say about the token it wants; `scopes`, `resource` and `audience` are as in
    `BrowserSettings`.
    """

    scopes: tuple[str, ...] = ()
    resource: str = ""
    audience: str = ""


class ClientCredentialsSettings(MachineSettings, frozen=True, kw_only=True, tag="client_credentials"):
    """RFC 6749 section 4.4: the client's own rights."""


class JwtBearerSettings(MachineSettings, frozen=True, kw_only=True, tag="jwt_bearer"):
    """RFC 7523 section 2.1: the `assertion` is a JWT that a platform issues and renews, in a file most often."""

    assertion: str


class TokenExchangeSettings(MachineSettings, frozen=True, kw_only=True, tag="token_exchange"):
    """RFC 8693: the token of somebody, for a token for this server; the `actor_token` is whose hands it is in."""

    subject_token: str
    subject_token_type: str = "access_token"
    actor_token: str = ""
    actor_token_type: str = "access_token"
    requested_token_type: str = ""


class EnterpriseSettings(MachineSettings, frozen=True, kw_only=True, tag="enterprise"):
    """MCP's Enterprise-Managed Authorization: what the `idp` says of a person is exchanged there for a grant (ID-JAG)
    that the authorization server of the MCP server, at `issuer`, takes.
    """

    identity_assertion: str
    identity_assertion_type: str = "id_token"
    idp: RegisteredClientSettings


def token_type(name: str) -> str:
    """The identifier of a token type (RFC 8693 section 3), which may be written without its beginning."""
    return _TOKEN_TYPE + name if name in _TOKEN_TYPES else name


def check(auth: MachineSettings, where: str) -> None:
    """Raise `ConfigError` for what msgspec cannot see, naming the line; `where` is the table."""
    _check_party(auth, where)
    for key in _TYPES:
        _check_type(getattr(auth, key, ""), f"{where}.{key}")
    for key in _VOUCHING:
        if getattr(auth, key, None) == "":
            raise ConfigError(f"{where}.{key} is empty", f'write it as {key} = "file:PATH"')
        reference(getattr(auth, key, ""), f"{where}.{key}")
    reference(getattr(auth, "actor_token", ""), f"{where}.actor_token")
    match auth:
        case ClientCredentialsSettings() if not (auth.client_id and (auth.client_secret or auth.private_key)):
            raise ConfigError(
                f"{where}: client_credentials need a client_id, and a client_secret or private_key",
                'as in client_secret = "env:NAME" or private_key = "file:PATH"',
            )
        case EnterpriseSettings():
            _check_party(auth.idp, f"{where}.idp")
            if not auth.issuer:
                raise ConfigError(
                    f"{where}: enterprise needs the issuer of the MCP server's authorization server",
                    'add issuer = "https://…": the grant is made out to it',
                )
        case _:
            pass


def _check_party(party: RegisteredClientSettings, where: str) -> None:
    if not (party.issuer or party.token_endpoint):
        # A secret goes to the one server that the user names, whatever the MCP server's metadata say.
        raise ConfigError(f"{where}: an issuer or a token_endpoint is needed", 'add issuer = "https://…"')
    for key, purpose in (("issuer", Purpose.ISSUER), ("token_endpoint", Purpose.TOKEN)):
        if text := getattr(party, key):
            toml.parse_url(text, purpose, f"{where}.{key}")
    if party.client_secret and party.private_key:
        raise ConfigError(f"{where}: client_secret and private_key say the same thing", "remove one of them")
    for key in ("client_secret", "private_key"):
        reference(getattr(party, key), f"{where}.{key}")
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
    if name and ":" not in token_type(name):
        raise ConfigError(
            f"{where}: {quoted(name)} is no token type", f"one of: {', '.join(_TOKEN_TYPES)}, or a URN in full"
        )
