"""The kinds of `auth` with which a person logs in, and checks of keys that depend on each other."""

import re
from typing import Annotated
from typing import Literal as OneOf

import msgspec

from mcp_auth_bridge.config import toml
from mcp_auth_bridge.errors import ConfigError, UrlRefused, quoted
from mcp_auth_bridge.secret import parse_reference
from mcp_auth_bridge.urls import CALLBACK_PATH, Purpose, gate, redacted_url

_LONGEST_CLIENT_NAME = 100
# draft-ietf-oauth-client-id-metadata-document section 3: https, a path without dot segments, no fragment, no user.
_METADATA_URL = r"https://[^\s/?#@]+(?!.*/\.\.?(?:[/?]|$))/[^\s#]+"

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
"""Parameters of the authorization request that the bridge itself sets (RFC 6749, 7636, 8707, 9449)."""

OMITTED = "none"
"""The value for a parameter that must not be sent. It cannot be a resource, which is a URI (RFC 8707)."""


class LoginSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """A login of a person with OAuth. The bridge discovers the settings that are not given here."""

    # Scopes to request, in place of those that the server asks for.
    scopes: tuple[str, ...] = ()
    # Whether that scope may be added to the others ("auto"), or is left out wherever it comes from ("never").
    offline_access: OneOf["auto", "never"] = "auto"
    # The identifier of the resource (RFC 8707), in place of the one in the metadata; "none" to send none.
    resource: str = ""
    # Auth0's name for the resource.
    audience: str = ""
    # The token that the MCP server accepts.
    token: OneOf["access", "id"] = "access"
    # The only account that may sign in.
    account: str = ""
    # A client that the user has registered at `issuer`.
    client_id: str = ""
    # The secret of that client: a reference (`secret.parse_reference`).
    client_secret: str = ""
    # How the bridge authenticates at the token endpoint; "" for the first method that works (`oauth/client_auth.py`).
    auth_method: OneOf[
        "",
        "none",
        "client_secret_post",
        "client_secret_basic",
        "client_secret_basic_raw",
        "client_secret_basic_with_id",
    ] = ""
    # The authorization server, if the MCP server does not name one.
    issuer: str = ""
    # Where the user's browser is sent (RFC 6749 section 3.1).
    authorization_endpoint: str = ""
    # Where tokens are requested. If it is given, the issuer's metadata are not looked up: it has these endpoints only.
    token_endpoint: str = ""
    # Where the bridge registers (RFC 7591).
    registration_endpoint: str = ""
    # Where tokens are revoked (RFC 7009).
    revocation_endpoint: str = ""
    # Where a login on another device begins (RFC 8628).
    device_authorization_endpoint: str = ""
    # "S256" if the authorization server supports it although its metadata do not say so (RFC 7636).
    pkce: OneOf["", "S256"] = ""
    # The issuer that the authorization server's metadata may name, although they were found at another one's URL.
    trusted_issuer: str = ""
    # The URL of the protected resource metadata, if the MCP server names none or a wrong one.
    resource_metadata: str = ""
    # The URL at which a client ID metadata document for this bridge is published.
    client_metadata_url: str = ""
    # The name under which the bridge registers, "" for its own: some authorization servers have a list of names.
    client_name: str = ""


ENDPOINTS = {
    "authorization_endpoint": Purpose.AUTHORIZATION,
    "token_endpoint": Purpose.TOKEN,
    "registration_endpoint": Purpose.REGISTRATION,
    "revocation_endpoint": Purpose.REVOCATION,
    "device_authorization_endpoint": Purpose.DEVICE,
}
"""The keys of `LoginSettings` that replace members of the server's metadata (RFC 8414), with their purposes."""


class BrowserSettings(LoginSettings, frozen=True, tag="browser"):
    """A login with a browser on this machine: authorization code and PKCE.

    The `callback_…` keys are the parts of the redirect URI, for a client that is registered with a fixed one.
    """

    authorize_params: dict[str, str] = {}
    callback_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    callback_host: OneOf["127.0.0.1", "localhost"] = "127.0.0.1"
    callback_path: str = CALLBACK_PATH


class DeviceSettings(LoginSettings, frozen=True, tag="device"):
    """A login with a browser on any device (RFC 8628), as with `login --device`."""


def check(auth: LoginSettings, where: str) -> None:
    """Check the rules that no type can express. `where` is the table. Raises `ConfigError`, which names the key."""
    for key in ("issuer", "trusted_issuer", "resource_metadata"):
        if text := getattr(auth, key):
            toml.parse_url(text, Purpose.ISSUER, f"{where}.{key}")
    if auth.client_id and not auth.issuer:
        # A client's credentials go only to the issuer that knows them, not to an issuer that the metadata name.
        raise ConfigError(f"{where}: client_id without issuer", 'add issuer = "https://…" of that client')
    _check_endpoints(auth, where)
    if auth.client_secret and not auth.client_id:
        raise ConfigError(f"{where}: client_secret without client_id", "add client_id")
    if auth.client_id and auth.auth_method and (auth.auth_method == "none") == bool(auth.client_secret):
        fix = "remove one of them" if auth.client_secret else "add client_secret, or remove auth_method"
        raise ConfigError(f"{where}: auth_method and client_secret contradict each other", fix)
    parse_reference(auth.client_secret, f"{where}.client_secret")
    if auth.offline_access == "never" and "offline_access" in auth.scopes:
        fix = "remove the key, or offline_access from the scopes"
        raise ConfigError(f'{where}: scopes and offline_access = "never" contradict each other', fix)
    if isinstance(auth, BrowserSettings):
        _check_parameters(auth, where)
        _check_callback(auth.callback_path, f"{where}.callback_path")
    _check_client(auth, where)
    account = auth.account
    if not (account.isprintable() and account == account.strip()):
        raise ConfigError(f"{where}.account: {quoted(account)} is not an account", 'write it as "mia@acme.example"')


def _check_endpoints(auth: LoginSettings, where: str) -> None:
    """Raise `ConfigError` if endpoints are given, but not all that a login needs: no others are looked up then."""
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
            raise ConfigError(f"{where}: {key} and authorize_params.{name} are both given", "remove one of them")


def _check_callback(path: str, where: str) -> None:
    """Raise `ConfigError` for a `path` that browsers change: they resolve dot segments and encode some characters."""
    dots = {".", ".."} & set(path.lower().replace("%2e", ".").split("/"))
    try:
        plain = path.startswith("/") and gate(f"http://127.0.0.1{path}", Purpose.REDIRECT).target == path
    except UrlRefused:
        plain = False
    if dots or not plain or "?" in path:
        raise ConfigError(
            f"{where}: {quoted(path)} cannot be the path of a redirect URI",
            'write it as "/oauth/callback": the part after the port of the registered redirect URI',
        )


def _check_client(auth: LoginSettings, where: str) -> None:
    name = auth.client_name
    if not name.isprintable() or name != name.strip() or len(name) > _LONGEST_CLIENT_NAME:
        raise ConfigError(
            f"{where}.client_name: {quoted(name)} cannot be the name of a client",
            f"write at most {_LONGEST_CLIENT_NAME} printable characters, as the authorization server lists it",
        )
    if auth.client_metadata_url and not re.fullmatch(_METADATA_URL, auth.client_metadata_url, re.ASCII):
        raise ConfigError(
            f"{where}.client_metadata_url: {redacted_url(auth.client_metadata_url)} cannot be a client's identifier",
            "write an https URL with a path and without a fragment, as https://example.com/client-metadata.json",
        )
