"""The rules for an authorization server's metadata (RFC 8414, 7591, 7636 and 9207, MCP "Authorization")."""

from functools import partial

from mcp_auth_bridge.doctor.metadata_rules import (
    MetadataRule,
    View,
    Weight,
    foreign_kind,
    is_acceptable,
    shown,
    unlike,
)
from mcp_auth_bridge.errors import quoted
from mcp_auth_bridge.oauth.metadata import ServerMetadata
from mcp_auth_bridge.oauth.trust import same_issuer
from mcp_auth_bridge.urls import Purpose


def _template_issuer(view: View) -> str:
    issuer = view.string("issuer")
    return f"its issuer {quoted(issuer)} stands for many tenants" if "{" in issuer else ""


def _other_issuer(view: View) -> str:
    issuer = view.string("issuer")
    if not issuer or "{" in issuer or same_issuer(issuer, view.issuer):
        return ""
    return f"its issuer is {quoted(issuer)}, but {quoted(view.issuer)} was asked for"


def _other_slash(view: View) -> str:
    issuer = view.string("issuer")
    differs = issuer != view.issuer and same_issuer(issuer, view.issuer)
    return f"its issuer {quoted(issuer)} differs from {quoted(view.issuer)} by the slash at the end" if differs else ""


def _without_login(view: View) -> str:
    named = view.string("authorization_endpoint") or view.string("device_authorization_endpoint")
    return "" if named else "it has no endpoint where a user could log in"


def _without_s256(view: View) -> str:
    methods = view.strings("code_challenge_methods_supported")
    return "" if methods and "S256" in methods else "it does not list “S256” among its code_challenge_methods_supported"


def _without_response_types(view: View) -> str:
    types = view.strings("response_types_supported")
    if types is None:
        return "it has no response_types_supported"
    return "" if any(kind.split() == ["code"] for kind in types) else "its response_types_supported do not list “code”"


def _without_grant(name: str, view: View) -> str:
    types = view.strings("grant_types_supported")
    return f"its grant_types_supported do not list “{name}”" if types and name not in types else ""


_METHODS = {"none", "client_secret_post", "client_secret_basic"}


def _without_method(view: View) -> str:
    methods = view.strings("token_endpoint_auth_methods_supported")
    if not methods or _METHODS & {*methods}:
        return ""
    return f"its token_endpoint_auth_methods_supported are {quoted(', '.join(methods))}"


def _without_registration(view: View) -> str:
    offered = view.string("registration_endpoint") or view.members.get("client_id_metadata_document_supported")
    return "" if offered else "it registers no clients by itself"


def _without_iss(view: View) -> str:
    promised = view.members.get("authorization_response_iss_parameter_supported") is True
    return "" if promised else "it does not promise to name its issuer in authorization responses"


def _resource_parameter(view: View) -> str:
    value = view.members.get("resource_parameter_supported")
    return "" if value is None else f"it says resource_parameter_supported: {shown(value)}"


_ENDPOINTS = {
    "authorization_endpoint": Purpose.AUTHORIZATION,
    "token_endpoint": Purpose.TOKEN,
    "registration_endpoint": Purpose.REGISTRATION,
    "revocation_endpoint": Purpose.REVOCATION,
    "device_authorization_endpoint": Purpose.DEVICE,
}


def _plain_endpoints(view: View) -> str:
    for name, purpose in _ENDPOINTS.items():
        text = view.string(name)
        if text and not is_acceptable(text, purpose):
            return f"its {name} {quoted(text)} is not an acceptable https URL"
    return ""


_ISSUER = '"issuer": "{issuer}"'

ISSUER_RULES = (
    MetadataRule(
        "RFC 8414 section 2",
        unlike(ServerMetadata),
        Weight.STOPS,
        "does not use this document",
        '"issuer": "{issuer}", "authorization_endpoint": "https://…", "token_endpoint": "https://…"',
    ),
    MetadataRule(
        "RFC 8414 section 3.3",
        _template_issuer,
        Weight.STOPS,
        "does not use this document: set issuer under auth for this server to that of your own tenant",
    ),
    MetadataRule(
        "RFC 8414 section 3.3",
        _other_issuer,
        Weight.STOPS,
        "does not use this document, unless trusted_issuer under auth for this server names that issuer",
        _ISSUER,
    ),
    MetadataRule("RFC 8414 section 2", _without_login, Weight.STOPS, "cannot send a user anywhere"),
    MetadataRule(
        "RFC 8414 section 2, MCP “Communication Security”", _plain_endpoints, Weight.STOPS, "does not use such a URL"
    ),
    MetadataRule(
        "RFC 8414 section 2, MCP “Authorization Code Protection”",
        _without_s256,
        Weight.STOPS,
        'logs in only at servers that are known to support it, or with pkce = "S256" under auth for this server',
        '"code_challenge_methods_supported": ["S256"]',
    ),
    MetadataRule(
        "RFC 7591, MCP “Client Registration Approaches”",
        _without_registration,
        Weight.STOPS,
        "needs a client_id that you register",
        '"registration_endpoint": "https://…", or "client_id_metadata_document_supported": true',
    ),
    MetadataRule("RFC 8414 section 3.3", _other_slash, Weight.COPES, "takes the two for equal", _ISSUER),
    MetadataRule(
        "RFC 8414 section 2",
        _without_response_types,
        Weight.COPES,
        "asks for a code all the same",
        '"response_types_supported": ["code"]',
    ),
    MetadataRule(
        "RFC 8414 section 2",
        partial(_without_grant, "authorization_code"),
        Weight.COPES,
        "asks for a code all the same",
        '"grant_types_supported": ["authorization_code", "refresh_token"]',
    ),
    MetadataRule(
        "RFC 8414 section 2",
        partial(_without_grant, "refresh_token"),
        Weight.COPES,
        "uses a refresh token if it gets one; else you log in again when the access token expires",
        '"grant_types_supported": ["authorization_code", "refresh_token"]',
    ),
    MetadataRule(
        "RFC 8414 section 2",
        _without_method,
        Weight.COPES,
        "tries each method that it knows",
        '"token_endpoint_auth_methods_supported": ["none"]',
    ),
    MetadataRule("RFC 8414 section 3.2", foreign_kind, Weight.COPES, "reads it all the same"),
    MetadataRule(
        "RFC 9207 section 3",
        _without_iss,
        Weight.TELLS,
        "accepts a response without it",
        '"authorization_response_iss_parameter_supported": true, with iss in each response',
    ),
    MetadataRule("no specification", _resource_parameter, Weight.TELLS, "always sends that parameter"),
)
"""In the order in which they count."""
