"""The meaning of refusals in a server's own codes and words, such as that the bridge's registration is gone."""

import re

from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import BridgeError, OAuthRefused, ProtocolError
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.urls import Url

_SUSPICIOUS = (400, 401, 403, 404, 422)
"""Statuses with which servers have been seen to refuse a client that they no longer know (peers.md, pain 6)."""

_OF_CLIENT = ("invalid_client", "unauthorized_client")

# Seen at Supabase ("Unrecognized client_id"), FastMCP ("Client ID '…' is not registered"), Figma ("client id doesn't
# exist"), Keycloak ("Client not found") and Auth0 ("Unknown client"). Words about a client's secret or metadata do not
# count, nor does the next element of a page or the next member of a document.
_NO_SUCH_CLIENT = re.compile(
    rb"(?:unknown|unrecogni[sz]ed|unregistered|unauthorized|invalid|no such|deleted|disabled)[ _-](?:oauth[ _-])?"
    rb"client(?:[ _-]?id)?(?![\w-]| secret)"
    rb"|\bclient(?:[ _-]?id)?\b(?:[^<>{}\"]|\"(?!\s*[,:])){0,80}?"
    rb"(?:\bnot (?:be )?(?:found|known|registered|recogni[sz]ed|exist)|n[^ ]{1,6}t exist|\bis (?:invalid|unknown))",
    re.IGNORECASE,
)
# context7 ("Client credentials missing or malformed"), the MCP Python SDK ("Missing client_id").
_ABOUT_CLIENT = re.compile(rb"\bclient[ _-]?(?:id|secret|credentials|authentication)\b", re.IGNORECASE)
# supabase/auth says this instead of `invalid_grant` (its issue 2829).
_NO_SUCH_GRANT = re.compile(rb"\brefresh_token_(?:not_found|already_used)\b")


def token_request_error(response: Response, url: Url, what: str) -> ProtocolError:
    """The error for a refused token request, with the code of RFC 6749 that the server's own words mean.

    A code of the RFC is believed, except `invalid_request`: servers use it for everything (peers.md, pain 19).
    """
    refused = documents.refusal_error(response, url, what)
    code = refused.error if isinstance(refused, OAuthRefused) else ""
    vague = code == "invalid_request" or documents.known_error(code) != code
    meant = _meaning(response) if vague else ""
    if not meant:
        return refused
    said = documents.said(response)
    text = f"{url.origin} refused {what}: {meant}, in its own words (HTTP {response.status}){said}"
    return OAuthRefused(text, error=meant, status=response.status, said=said)


def refuses_client(response: Response) -> bool:
    """Whether a token, device or revocation request was refused for its client or for the client's authentication.

    `invalid_client` is the code for it (RFC 6749 section 5.2). Some servers send 401 without a code, some say
    `unauthorized_client`, and some `invalid_request` with words about the client. `invalid_grant` never means it.
    """
    if response.status not in _SUSPICIOUS:
        return False
    code = documents.error_code(response)
    if code in _OF_CLIENT or (response.status == 401 and documents.known_error(code) != code):
        return True
    vague = code == "invalid_request" or documents.known_error(code) != code
    return vague and (_meaning(response) == "invalid_client" or _ABOUT_CLIENT.search(response.body) is not None)


def wants_client_secret(response: Response) -> bool:
    """Whether a request was refused because the parameter `client_secret` is missing."""
    return response.status == 400 and b"client_secret" in response.body


def client_forgotten(error: BridgeError) -> bool:
    """Whether the error of a token request says that the server no longer knows the bridge's registration.

    One such response is not a proof: servers have sent it while their storage was unavailable (hermes-agent 109853,
    pomerium 6786). Ask twice before a good grant is given up for it.
    """
    return isinstance(error, OAuthRefused) and error.error in _OF_CLIENT


def scopes_refused(error: BridgeError) -> bool:
    """Whether a registration, an authorization or a token request failed for its scopes (RFC 6749 section 5.2).

    Keycloak's policy for registrations, "Allowed Client Scopes", calls it `insufficient_scope` (its issue 43654).
    """
    return isinstance(error, OAuthRefused) and error.error in ("invalid_scope", "insufficient_scope")


def mentions_unknown_client(response: Response) -> bool:
    """Whether a page or document says that the client is not known: a hint, not a proof."""
    return response.status in _SUSPICIOUS and _NO_SUCH_CLIENT.search(response.body) is not None


def _meaning(response: Response) -> str:
    if mentions_unknown_client(response):
        return "invalid_client"
    return "invalid_grant" if response.status in _SUSPICIOUS and _NO_SUCH_GRANT.search(response.body) else ""
