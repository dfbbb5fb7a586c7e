"""A refused registration → the error for it, with a hint on what the user can do (RFC 7591 section 3.2.2)."""

import re

from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import OAuthRefused, ProtocolError
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.client_metadata import ClientMetadata
from mcp_auth_bridge.oauth.providers import advice, provider_of
from mcp_auth_bridge.urls import Url

_ABOUT_REDIRECTS = re.compile(rb"redirect[ _-]?uri|callback", re.IGNORECASE)
_ABOUT_SCOPES = re.compile(rb"\bscopes?\b|\binvalid_scope\b", re.IGNORECASE)
_ALLOW_LIST = re.compile(rb"allow-?list|white-?list|not (?:approved|allowed)|approved", re.IGNORECASE)


def registration_error(
    response: Response, requested: ClientMetadata, server: AuthorizationServer, endpoint: Url
) -> ProtocolError:
    """The error for `response`, from its body if its code says too little."""
    error = _error(response, requested, endpoint)
    error.hint = error.hint and f"{provider_hint(server)}{error.hint}"
    return error


def provider_hint(server: AuthorizationServer) -> str:
    """The beginning of a hint: how clients are registered at this operator, "" if that is not known."""
    known = provider_of(server).registration
    return f"{known}: " if known else ""


def _error(response: Response, requested: ClientMetadata, endpoint: Url) -> ProtocolError:
    error = documents.refusal_error(response, endpoint, "the registration of this bridge as a client")
    if response.status == 429:
        return error
    if response.status in (400, 422) and _ABOUT_REDIRECTS.search(response.body):
        # Few servers use the code that RFC 7591 section 3.2.2 defines for it.
        text = f"{endpoint.origin} refused the redirect URI of this bridge"
        error = _with_code(text, "invalid_redirect_uri", response)
    elif response.status in (400, 422) and requested.scope and _is_about_scopes(response):
        text = f"{endpoint.origin} refused to register this bridge with these scopes"
        error = _with_code(text, "invalid_scope", response)
        error.hint = advice(error.error, "")
        return error
    if documents.is_page(response):
        return error  # the page is a firewall's, not the server's
    error.hint = "ask its operator for a client_id and set it under auth for this server"
    if requested.scope and _is_about_scopes(response):  # Keycloak's policies answer with 403
        error.hint = "set scopes under auth for this server to scopes that a client may register with there"
    elif response.status in (401, 403) or _ALLOW_LIST.search(response.body):
        error.hint = (
            f'it seems to register approved clients only: ask its operator to approve "{requested.client_name}", or for'
            " a client_id, and set that, or the client_name that was approved, under auth for this server"
        )
    return error


def _with_code(text: str, code: str, response: Response) -> OAuthRefused:
    """The error with the `code` that `response` means, whichever code it holds."""
    said = documents.said(response)
    text = f"{text}: {code} (HTTP {response.status}){said}"
    return OAuthRefused(text, error=code, status=response.status, said=said)


def _is_about_scopes(response: Response) -> bool:
    """Whether the refusal is about scopes. RFC 7591 has no code for that.

    The MCP Python SDK (2.3.0) says `invalid_client_metadata` and explains it in the text.
    """
    return _ABOUT_SCOPES.search(response.body) is not None and b"auth_method" not in response.body
