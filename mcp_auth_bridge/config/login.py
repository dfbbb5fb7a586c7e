"""The kinds of `auth` with which a person logs in, and what must stand together in them."""

import re
from typing import Annotated
from typing import Literal as OneOf

import msgspec

from mcp_auth_bridge.config import toml
from mcp_auth_bridge.effects import CALLBACK_PATH
from mcp_auth_bridge.errors import ConfigError, UrlRefused, quoted
from mcp_auth_bridge.secret import reference
from mcp_auth_bridge.urls import Purpose, gate, shown

_LONGEST_CLIENT_NAME = 100
# draft-ietf-oauth-client-id-metadata-document section 3: https, a path without dot segments, no fragment, no user.
_METADATA_URL = re.compile(r"https://[^\s/?#@]+(?!.*/\.\.?(?:[/?]|$))/[^\s#]+", re.ASCII)

RESERVED_PARAMETERS = frozenset(
    {
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "dpop_jkt",
        "redirect_uri",
        "resource",
        "response_type",
        "scope",
        "state",
    }
)
"""Parameters of the authorization request that are the bridge's own (RFC 6749, 7636, 8707, 9449)."""


OMITTED = "none"
"""Written for a parameter that is not to be sent at all; no resource is called so, because they are URIs (RFC 8707)."""


class LoginSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """OAuth with a person. Everything is discovered unless it is given here.

    `trusted_issuer` is the issuer that this server's metadata may name although they were found under another;
    `resource_metadata` is where they are, if the server itself does not say it right.
    `client_metadata_url` is where a client ID metadata document for this bridge is published, if one is. `audience` is
    what Auth0 calls the resource; `token` is the one that the MCP server takes; `account` is who may sign in.
    `client_name` is what the bridge registers as, "" for its own; some authorization servers have a list of names.
    `offline_access` is whether that scope may be added to the others, or is left out wherever it comes from.
    `auth_method` is how the bridge proves itself at the token endpoint, "" for what works (`oauth/client_auth.py`).
    `issuer` is the authorization server where the MCP server names none; with `token_endpoint` beside it, its metadata
    are not looked up, and the endpoints are those that are given here. `pkce` says that S256 works although the
    metadata do not (RFC 7636).
    """

    scopes: tuple[str, ...] = ()
    offline_access: OneOf["auto", "never"] = "auto"
    resource: str = ""
    audience: str = ""
    token: OneOf["access", "id"] = "access"
    account: str = ""
    client_id: str = ""
    client_secret: str = ""
    auth_method: OneOf[
        "",
        "none",
        "client_secret_post",
        "client_secret_basic",
        "client_secret_basic_raw",
        "client_secret_basic_with_id",
    ] = ""
    issuer: str = ""
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    registration_endpoint: str = ""
    revocation_endpoint: str = ""
    device_authorization_endpoint: str = ""
    pkce: OneOf["", "S256"] = ""
    trusted_issuer: str = ""
    resource_metadata: str = ""
    client_metadata_url: str = ""
    client_name: str = ""


ENDPOINTS = {
    "authorization_endpoint": Purpose.AUTHORIZATION,
    "token_endpoint": Purpose.TOKEN,
    "registration_endpoint": Purpose.REGISTRATION,
    "revocation_endpoint": Purpose.REVOCATION,
    "device_authorization_endpoint": Purpose.DEVICE,
}
"""The keys of a `Login` that stand for what an authorization server's metadata say (RFC 8414), by purpose."""


class BrowserSettings(LoginSettings, frozen=True, tag="browser"):
    """By the way back of the browser on this machine: authorization code, PKCE, refresh.

    The `callback_…` keys are the parts of the redirect URI, for a client that somebody else has registered.
    """

    authorize_params: dict[str, str] = {}
    callback_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    callback_host: OneOf["127.0.0.1", "localhost"] = "127.0.0.1"
    callback_path: str = CALLBACK_PATH


class DeviceSettings(LoginSettings, frozen=True, tag="device"):
    """With a browser on any device (RFC 8628), as `login --device`; then as any other login."""


def check(auth: LoginSettings, where: str) -> None:
    """Raise `ConfigError` for what msgspec cannot see, naming the line; `where` is the table."""
    for key in ("issuer", "trusted_issuer", "resource_metadata"):
        if text := getattr(auth, key):
            toml.parse_url(text, Purpose.ISSUER, f"{where}.{key}")
    if auth.client_id and not auth.issuer:
        # A client's credentials go to the one issuer that knows them, whatever the server's metadata say.
        raise ConfigError(f"{where}: client_id without issuer", 'add issuer = "https://…", the client\'s own')
    _check_endpoints(auth, where)
    if auth.client_secret and not auth.client_id:
        raise ConfigError(f"{where}: client_secret without client_id", "add client_id")
    if auth.client_id and auth.auth_method and (auth.auth_method == "none") == bool(auth.client_secret):
        fix = "remove one of them" if auth.client_secret else "add client_secret, or remove auth_method"
        raise ConfigError(f"{where}: auth_method and client_secret contradict each other", fix)
    reference(auth.client_secret, f"{where}.client_secret")
    if auth.offline_access == "never" and "offline_access" in auth.scopes:
        fix = "remove the key, or offline_access from the scopes"
        raise ConfigError(f'{where}: scopes and offline_access = "never" contradict each other', fix)
    if isinstance(auth, BrowserSettings):
        _check_parameters(auth, where)
        _check_callback(auth.callback_path, f"{where}.callback_path")
    _check_client(auth, where)
    if not (auth.account.isprintable() and auth.account == auth.account.strip()):
        raise ConfigError(f"{where}.account: {quoted(auth.account)} is no account", 'write it as "mia@acme.example"')


def _check_endpoints(auth: LoginSettings, where: str) -> None:
    """All of a login's way is given, or nothing: half of it would be looked up where the other half is not."""
    given = [key for key in ENDPOINTS if getattr(auth, key)]
    for key, purpose in ENDPOINTS.items():
        if text := getattr(auth, key):
            toml.parse_url(text, purpose, f"{where}.{key}")
    begins = "device_authorization_endpoint" if isinstance(auth, DeviceSettings) else "authorization_endpoint"
    lacking = [key for key in ("issuer", begins, "token_endpoint") if not getattr(auth, key)]
    if given and lacking:
        raise ConfigError(f"{where}: {given[0]} without {' and '.join(lacking)}", f"add {', '.join(lacking)}")


def _check_parameters(auth: BrowserSettings, where: str) -> None:
    if taken := RESERVED_PARAMETERS.intersection(auth.authorize_params):
        raise ConfigError(f"{where}.authorize_params: {', '.join(sorted(taken))} is set by the bridge", "remove it")
    for key, name, value in (("audience", "audience", auth.audience), ("account", "login_hint", auth.account)):
        if value and name in auth.authorize_params:
            raise ConfigError(f"{where}: {key} and authorize_params.{name} say the same thing", "remove one of them")


def _check_callback(path: str, where: str) -> None:
    """A browser asks for exactly `path`: no dot segments, which it resolves, and nothing that it would encode."""
    dots = {".", ".."} & set(path.lower().replace("%2e", ".").split("/"))
    try:
        plain = path.startswith("/") and gate(f"http://127.0.0.1{path}", Purpose.REDIRECT).target == path
    except UrlRefused:
        plain = False
    if dots or not plain or "?" in path:
        raise ConfigError(
            f"{where}: {quoted(path)} cannot be the path of a redirect URI",
            'write it as "/oauth/callback": what follows the port in the redirect URI that is registered',
        )


def _check_client(auth: LoginSettings, where: str) -> None:
    name = auth.client_name
    if not name.isprintable() or name != name.strip() or len(name) > _LONGEST_CLIENT_NAME:
        raise ConfigError(
            f"{where}.client_name: {quoted(name)} is no name to register as",
            f"at most {_LONGEST_CLIENT_NAME} printable characters, as the authorization server knows it",
        )
    if auth.client_metadata_url and not _METADATA_URL.fullmatch(auth.client_metadata_url):
        raise ConfigError(
            f"{where}.client_metadata_url: {shown(auth.client_metadata_url)} cannot be a client's identifier",
            "it is an https URL with a path and without fragment, as https://example.com/client-metadata.json",
        )
