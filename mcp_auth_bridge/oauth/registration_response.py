"""A registration response → the client that the authorization server made (RFC 7591 section 3.2.1)."""

import math
import re

import msgspec

from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import OAuthRefused, TheirProtocolError, UrlRefused, quoted
from mcp_auth_bridge.oauth import client_auth, documents
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.client_metadata import ClientMetadata
from mcp_auth_bridge.oauth.registration_management import MANAGEMENT_TOKEN
from mcp_auth_bridge.oauth.scopes import parse_scopes
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, Url, gate

_LONGEST_ID = 2048
_LONGEST_SECRET = 16384

_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:(?P<port>[0-9]+|\*))?(?P<path>/[^?#]*)?")


class _ClientInformation(msgspec.Struct):
    """RFC 7591 section 3.2.1, RFC 7592 section 3. Some servers send null for a member that they leave out."""

    # The client identifier.
    client_id: str
    # The client secret, None for a public client.
    client_secret: str | None = None
    # Unix seconds, as a number or a string; 0 if the secret does not expire.
    client_secret_expires_at: float | str | None = None
    # The method to use at the token endpoint.
    token_endpoint_auth_method: str | None = None
    # The redirect URIs as the server registered them.
    redirect_uris: list[str] | None = None
    # The scopes of the registration. Some servers do not send a string.
    scope: object = None
    # Where the registration can be read and ended.
    registration_client_uri: str | None = None
    # The bearer token for that.
    registration_access_token: str | None = None


def read_client(response: Response, requested: ClientMetadata, server: AuthorizationServer, endpoint: Url) -> Client:
    """The client that `server` made of the `requested` metadata.

    Raises `TheirProtocolError` if it cannot be used, and `OAuthRefused` if the bridge does not know the method by which
    it would have to prove its identity.
    """
    information = documents.read(response, _ClientInformation, endpoint, "the registration")
    redirect_uri = requested.redirect_uris[0]
    _check(information, redirect_uri)
    management_uri, management_token = _management(information, server, endpoint)
    client = Client(
        issuer=server.issuer,
        id=information.client_id,
        secret=Secret(information.client_secret) if information.client_secret else None,
        auth_method=_auth_method(information, requested.token_endpoint_auth_method),
        redirect_uri=redirect_uri,
        management_uri=management_uri,
        management_token=management_token,
        secret_expires_at=_secret_expires_at(information, response.at),
        scope=_scope(information, requested),
    )
    return client_auth.with_other_methods(client, server.auth_methods)


def _check(information: _ClientInformation, redirect_uri: str) -> None:
    """Raise `TheirProtocolError` for an unusable registration: a server may change anything (RFC 7591 section 3.2.1).

    The ID goes into a URL, and ID and secret go into the record.
    """
    if len(information.client_secret or "") > _LONGEST_SECRET:
        raise TheirProtocolError(
            f"the authorization server registered this bridge with a client_secret of over {_LONGEST_SECRET} characters"
        )
    if not (0 < len(information.client_id) <= _LONGEST_ID and information.client_id.isprintable()):
        raise TheirProtocolError("the authorization server registered this bridge without a usable client_id")
    if information.redirect_uris and not any(_leads_to(uri, redirect_uri) for uri in information.redirect_uris):
        registered = quoted(information.redirect_uris[0])
        raise TheirProtocolError(
            f"the authorization server registered this bridge with another redirect URI: {registered}",
            "ask its operator for a client_id whose redirect URI is http://127.0.0.1/callback,"
            " and set it under auth for this server",
        )


def _leads_to(registered: str, ours: str) -> bool:
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


def _auth_method(information: _ClientInformation, requested: str) -> str:
    """The method that the response names, else the one that fits it.

    A secret that comes together with `none` must not be sent: servers built with Authlib (canaille) refuse it. But
    Figma returns a secret although `none` was asked for, and wants it: the other methods are tried next
    (`client_auth.with_other_methods`).
    """
    method = information.token_endpoint_auth_method or requested
    if information.client_secret and not information.token_endpoint_auth_method and method == "none":
        return "client_secret_post"
    if method not in client_auth.SUPPORTED:
        raise OAuthRefused(
            "the authorization server insists on a way to prove a client's identity that this bridge does not know",
            error="invalid_client_metadata",
            status=201,
        )
    return method if information.client_secret else "none"


def _scope(information: _ClientInformation, requested: ClientMetadata) -> str:
    """The scopes of the request and of the response.

    The response may name fewer, but another registration with the same scopes would not bring more.
    """
    answered = parse_scopes(information.scope) if isinstance(information.scope, str) else ()
    return " ".join(dict.fromkeys((*requested.scope.split(), *answered)))


def _management(
    information: _ClientInformation, server: AuthorizationServer, endpoint: Url
) -> tuple[str, Secret | None]:
    """The URL and the token with which the registration can be ended; ("", None) if there are none that can be used.

    The URL must be at one of the server's own origins. A login needs neither value, so unusable ones are not an error.
    """
    uri, token = information.registration_client_uri or "", information.registration_access_token or ""
    try:
        url = gate(uri, Purpose.REGISTRATION)
        home = url.origin in (endpoint.origin, gate(server.issuer, Purpose.ISSUER).origin)
    except UrlRefused:
        return "", None
    return (str(url), Secret(token)) if home and MANAGEMENT_TOKEN.fullmatch(token) else ("", None)


def _secret_expires_at(information: _ClientInformation, now: float) -> float | None:
    """The end of the secret in Unix seconds (RFC 7591 section 3.2.1), None if it does not expire.

    An end before `now` is a server's mistake, and counts as none.
    """
    given = information.client_secret_expires_at
    try:
        seconds = float(given or 0)
    except ValueError:
        return None
    usable = information.client_secret and math.isfinite(seconds) and seconds > now
    return seconds if usable else None
