"""An authorization server → the client that this bridge is there, in the order of MCP's "Client Registration":

configured, a client ID metadata document, known from an earlier login, registered now (RFC 7591), or an instruction.
"""

import math
import re

import msgspec

from mcp_auth_bridge.effects import Fetch, Flow, Response, ask
from mcp_auth_bridge.errors import (
    ConfigError,
    OAuthRefused,
    ProtocolError,
    TheirProtocolError,
    UrlRefused,
    offered,
    quoted,
)
from mcp_auth_bridge.oauth import client_auth, documents
from mcp_auth_bridge.oauth.authorization_server import Server
from mcp_auth_bridge.oauth.providers import advice, provider_of
from mcp_auth_bridge.oauth.registration_management import MANAGEMENT_TOKEN
from mcp_auth_bridge.oauth.scopes import named
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, Url, gate

CLIENT_NAME = "mcp-auth-bridge"
_REFUSED = 400
_LONGEST_ID = 2048
_LONGEST_SECRET = 16384
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


METADATA_PORTS = (33418, 33419, 33420)
"""The callback ports in the bridge's client ID metadata document (docs/client-metadata.json): a fixed few, because many
servers compare redirect URIs as strings."""

_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:(?P<port>[0-9]+|\*))?(?P<path>/[^?#]*)?")
_ABOUT_REDIRECTS = re.compile(rb"redirect[ _-]?uri|callback", re.IGNORECASE)
_ABOUT_SCOPES = re.compile(rb"\bscopes?\b|\binvalid_scope\b", re.IGNORECASE)
_ALLOW_LIST = re.compile(rb"allow-?list|white-?list|not (?:approved|allowed)|approved", re.IGNORECASE)


class _Registration(msgspec.Struct):
    """RFC 7591 section 3.2.1, RFC 7592 section 3. Some servers send null where they mean "not given"."""

    client_id: str
    client_secret: str | None = None
    client_secret_expires_at: float | str | None = None
    token_endpoint_auth_method: str | None = None
    redirect_uris: list[str] | None = None
    scope: object = None
    registration_client_uri: str | None = None
    registration_access_token: str | None = None


class RegistrationRequest(msgspec.Struct, frozen=True):
    """What the bridge says about itself when it registers; `auth_method` is "" for what the server accepts."""

    name: str = CLIENT_NAME
    auth_method: str = ""


_OWN = RegistrationRequest()


def register(
    server: Server,
    redirect_uri: str,
    scopes: tuple[str, ...],
    known: Client | None,
    introduction: RegistrationRequest = _OWN,
) -> Flow[Client]:
    """The configured client, or the registered one if it fits `redirect_uri`, else a new registration.

    Exactly `redirect_uri` is registered, although a server may prefer the other spelling of the loopback interface:
    some refuse a registration that holds `localhost` (RFC 8252 section 8.3), some one that holds an address, and a URI
    at which nobody listens would be worth nothing.

    Raises `ConfigError` where none can be had.
    """
    if known is not None and not known.registered:
        return _configured(known, redirect_uri, server)
    if known is not None and known.redirect_uri == redirect_uri:
        return known
    if server.registration_endpoint is None:
        raise ConfigError(
            f"the authorization server {quoted(server.issuer)} does not register clients by itself",
            f"{_known(server)}register one there by hand (a native app with the redirect URI"
            " http://127.0.0.1/callback) and set"
            f' auth = {{ kind = "browser", client_id = "…", issuer = "{offered(server.issuer)}" }} for this server',
        )
    request = _request(server, redirect_uri, scopes, introduction.name)
    if method := introduction.auth_method:
        request.token_endpoint_auth_method = client_auth.registered_as(method)
        made = yield from _register(server, server.registration_endpoint, request)
        # Configured is configured, but a secret that was not given cannot be shown.
        return msgspec.structs.replace(made, auth_method=method if made.secret else "none", other_methods=())
    return (yield from _register_somehow(server, server.registration_endpoint, request))


def _configured(client: Client, redirect_uri: str, server: Server) -> Client:
    """`client` with the method that stands in the configuration, else with those that the server may accept."""
    if client.auth_method:
        return msgspec.structs.replace(client, redirect_uri=redirect_uri)
    method = client_auth.choose(server.auth_methods, public=client.secret is None)
    chosen = msgspec.structs.replace(client, redirect_uri=redirect_uri, auth_method=method)
    return client_auth.with_others(chosen, server.auth_methods)


class _Request(msgspec.Struct, kw_only=True, omit_defaults=True):
    """RFC 7591 section 2. What no server needs is left out: what is not sent is not refused."""

    client_name: str
    application_type: str
    redirect_uris: list[str]
    grant_types: list[str]
    response_types: list[str]
    token_endpoint_auth_method: str
    scope: str = ""


def _request(server: Server, redirect_uri: str, scopes: tuple[str, ...], name: str) -> _Request:
    # Some servers refuse a grant type that they do not offer.
    more_grants = (DEVICE_GRANT,) if server.device_endpoint is not None else ()
    return _Request(
        client_name=name,
        application_type="native",  # without it OIDC servers assume "web" and refuse loopback redirects
        redirect_uris=[redirect_uri],
        grant_types=["authorization_code", "refresh_token", *more_grants],
        response_types=["code"],
        token_endpoint_auth_method="",
        scope=" ".join(scopes),
    )


def _register_somehow(server: Server, endpoint: Url, request: _Request) -> Flow[Client]:
    """By the first method that the server does not refuse to register; it has the same code for all metadata."""
    methods = client_auth.to_ask_for(server.auth_methods)
    for method in methods[:-1]:
        request.token_endpoint_auth_method = method
        try:
            return (yield from _register(server, endpoint, request))
        except OAuthRefused as refused:
            if refused.error != "invalid_client_metadata" or refused.status != _REFUSED:
                raise
    request.token_endpoint_auth_method = methods[-1]
    return (yield from _register(server, endpoint, request))


def _register(server: Server, endpoint: Url, request: _Request) -> Flow[Client]:
    response = yield from ask(Fetch(endpoint, document=msgspec.json.encode(request)))
    if response.status not in (200, 201):
        refused = _refused(response, endpoint, request)
        refused.hint = refused.hint and f"{_known(server)}{refused.hint}"
        raise refused
    registration = documents.read(response, _Registration, endpoint, "the registration")
    redirect_uri = request.redirect_uris[0]
    _check(registration, redirect_uri)
    management_uri, management_token = _management(registration, server, endpoint)
    client = Client(
        issuer=server.issuer,
        id=registration.client_id,
        secret=Secret(registration.client_secret) if registration.client_secret else None,
        auth_method=_auth_method(registration, request.token_endpoint_auth_method),
        redirect_uri=redirect_uri,
        management_uri=management_uri,
        management_token=management_token,
        secret_expires_at=_secret_expires_at(registration, response.at),
        scope=_scope(registration, request),
    )
    return client_auth.with_others(client, server.auth_methods)


def _refused(response: Response, endpoint: Url, request: _Request) -> ProtocolError:
    refused = documents.refusal(response, endpoint, "the registration of this bridge as a client")
    if response.status == 429:
        return refused
    if response.status in (400, 422) and _ABOUT_REDIRECTS.search(response.body):
        # Few servers use the code that RFC 7591 section 3.2.2 has for it.
        text = f"{endpoint.origin} refused the redirect URI of this bridge"
        refused = _meant(text, "invalid_redirect_uri", response)
    elif response.status in (400, 422) and request.scope and _speaks_of_scopes(response):
        text = f"{endpoint.origin} refused to register this bridge with these scopes"
        refused = _meant(text, "invalid_scope", response)
        refused.hint = advice(refused.error, "")
        return refused
    if documents.is_page(response):
        return refused  # of a firewall, not of the server
    refused.hint = "ask its operator for a client_id and set it under auth for this server"
    if request.scope and _speaks_of_scopes(response):  # Keycloak's policies do with 403
        refused.hint = "set scopes under auth for this server to those that a client may register with there"
    elif response.status in (401, 403) or _ALLOW_LIST.search(response.body):
        refused.hint = (
            f'it seems to register approved clients only: ask its operator to approve "{request.client_name}", or for a'
            " client_id, and set that, or the client_name that was approved, under auth for this server"
        )
    return refused


def _meant(text: str, error: str, response: Response) -> OAuthRefused:
    """The refusal that `response` stands for, whatever its code."""
    said = documents.said(response)
    text = f"{text}: {error} (HTTP {response.status}){said}"
    return OAuthRefused(text, error=error, status=response.status, said=said)


def _speaks_of_scopes(response: Response) -> bool:
    """RFC 7591 has no code for it: the MCP Python SDK (2.3.0) says `invalid_client_metadata` and explains it."""
    return _ABOUT_SCOPES.search(response.body) is not None and b"auth_method" not in response.body


def _known(server: Server) -> str:
    """What is known about registration at this operator, as the beginning of a hint."""
    known = provider_of(server).registration
    return f"{known}: " if known else ""


def _check(registration: _Registration, redirect_uri: str) -> None:
    """What the server made of our request must still be usable: it may change anything (RFC 7591 section 3.2.1).

    The ID stands in a URL, and ID and secret in the record.
    """
    if len(registration.client_secret or "") > _LONGEST_SECRET:
        raise TheirProtocolError("the authorization server registered this bridge with a client_secret without end")
    if not (0 < len(registration.client_id) <= _LONGEST_ID and registration.client_id.isprintable()):
        raise TheirProtocolError("the authorization server registered this bridge without a usable client_id")
    if registration.redirect_uris and not any(_is_ours(uri, redirect_uri) for uri in registration.redirect_uris):
        named = quoted(registration.redirect_uris[0])
        raise TheirProtocolError(
            f"the authorization server registered this bridge with another redirect URI: {named}",
            "ask its operator for a client_id whose redirect URI is http://127.0.0.1/callback,"
            " and set it under auth for this server",
        )


def _is_ours(registered: str, ours: str) -> bool:
    """Whether a `registered` redirect URI lets the browser come back to `ours`.

    The port of a loopback URI does not count (RFC 8252 section 7.3). nextcloud-mcp (#1067) registers every client with
    `http://localhost:*`, gateways (litellm #33756) leave the port out.
    """
    if registered == ours:
        return True
    theirs, wanted = _LOOPBACK.fullmatch(registered), _LOOPBACK.fullmatch(ours)
    if theirs is None or wanted is None:
        return False
    anywhere = theirs["port"] == "*" and theirs["path"] in (None, "/")
    return anywhere or theirs["path"] == wanted["path"]


def _auth_method(registration: _Registration, requested: str) -> str:
    """What the answer says, else what fits it.

    A secret that comes together with `none` is not to be shown: servers built with Authlib (canaille) refuse it. Figma
    returns one although `none` was asked for, and wants it: the other methods follow (`client_auth.with_others`).
    """
    method = registration.token_endpoint_auth_method or requested
    if registration.client_secret and not registration.token_endpoint_auth_method and method == "none":
        return "client_secret_post"
    if method not in client_auth.SUPPORTED:
        raise OAuthRefused(
            "the authorization server insists on a way to prove a client's identity that this bridge does not know",
            error="invalid_client_metadata",
            status=201,
        )
    return method if registration.client_secret else "none"


def _scope(registration: _Registration, request: _Request) -> str:
    """What was asked for too, although the answer may name less: another registration would bring no more."""
    answered = named(registration.scope) if isinstance(registration.scope, str) else ()
    return " ".join(dict.fromkeys((*request.scope.split(), *answered)))


def _management(registration: _Registration, server: Server, endpoint: Url) -> tuple[str, Secret | None]:
    """Where and with what the registration can be ended; ("", None) where that is not offered, or at a foreign place.

    A login needs neither: what cannot be used is as good as not offered.
    """
    uri, token = registration.registration_client_uri or "", registration.registration_access_token or ""
    try:
        place = gate(uri, Purpose.REGISTRATION)
        home = place.origin in (endpoint.origin, gate(server.issuer, Purpose.ISSUER).origin)
    except UrlRefused:
        return "", None
    return (str(place), Secret(token)) if home and MANAGEMENT_TOKEN.fullmatch(token) else ("", None)


def _secret_expires_at(registration: _Registration, now: float) -> float | None:
    """Unix seconds (RFC 7591 section 3.2.1). A secret that was born expired is a server's slip, and stays."""
    given = registration.client_secret_expires_at
    try:
        seconds = float(given or 0)
    except ValueError:
        return None
    usable = registration.client_secret and math.isfinite(seconds) and seconds > now
    return seconds if usable else None
