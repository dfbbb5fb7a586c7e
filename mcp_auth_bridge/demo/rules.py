"""The rules for registrations, authorization requests and token requests at the demo's authorization server.

Every refusal is an `OAuthRefused` with an error code of RFC 6749 sections 4.1.2.1 and 5.2 or RFC 7591 section 3.2.2.
Its message becomes `error_description`, which is ASCII without quotation marks or backslashes.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping

import msgspec

from mcp_auth_bridge.errors import OAuthRefused, UrlRefused
from mcp_auth_bridge.urls import Purpose, gate

SCOPES = ("tools", "offline_access")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # a SHA-256 in base64url without padding (RFC 7636 section 4.2)


class RegisteredClient(msgspec.Struct, frozen=True):
    id: str
    name: str
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """A valid authorization request (RFC 6749 section 4.1.1)."""

    # The client that sent it.
    client: RegisteredClient
    # Where the response goes, one of the client's redirect URIs.
    redirect_uri: str
    # The client's own value, which the response repeats; None if it sent none.
    state: str | None
    # The scopes that it asks for, separated by spaces.
    scope: str
    # The PKCE challenge, made with S256 (RFC 7636 section 4.2).
    challenge: str


def error_members(refusal: OAuthRefused) -> dict[str, str]:
    """The members of an OAuth error response."""
    return {"error": refusal.error, "error_description": refusal.message}


def oauth_error(error: str, message: str, *, status: int = 400) -> OAuthRefused:
    return OAuthRefused(message, error=error, status=status)


def required_parameter(parameters: Mapping[str, str], name: str) -> str:
    value = parameters.get(name, "")
    if not value:
        raise oauth_error("invalid_request", f"the parameter {name} is missing")
    return value


def parse_authorization_request(client: RegisteredClient, parameters: Mapping[str, str]) -> AuthorizationRequest:
    """The authorization request in `parameters` (RFC 6749 section 4.1.1, RFC 7636 section 4.3).

    The caller has checked that the redirect URI belongs to the client.
    """
    if required_parameter(parameters, "response_type") != "code":
        raise oauth_error("unsupported_response_type", "only codes are issued here")
    challenge = required_parameter(parameters, "code_challenge")
    if parameters.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise oauth_error("invalid_request", "PKCE with S256 is required")
    scope = check_scope(parameters.get("scope", SCOPES[0]), SCOPES)
    return AuthorizationRequest(client, parameters["redirect_uri"], parameters.get("state"), scope, challenge)


def parse_redirect_uris(value: object) -> tuple[str, ...]:
    uris = value if isinstance(value, list) else []
    if not uris or not all(isinstance(uri, str) and "#" not in uri for uri in uris):
        raise oauth_error("invalid_redirect_uri", "redirect_uris must be a list of one or more URLs without fragment")
    try:
        for uri in uris:
            gate(uri, Purpose.REDIRECT)
    except UrlRefused:
        raise oauth_error("invalid_redirect_uri", "a redirect URI is https, or http to a loopback address") from None
    return tuple(uris)


def parse_grant_types(value: object) -> tuple[str, ...]:
    kinds = value if isinstance(value, list) else []
    if "authorization_code" not in kinds:
        raise oauth_error("invalid_client_metadata", "grant_types must hold authorization_code")
    return tuple(kind for kind in ("authorization_code", "refresh_token") if kind in kinds)


def check_scope(wanted: str, allowed: Iterable[str]) -> str:
    if not set(wanted.split()) <= set(allowed):
        raise oauth_error("invalid_scope", f"the scopes that can be granted are: {' '.join(allowed)}")
    return wanted


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
