"""The rules for a protected resource's metadata (RFC 9728, MCP "Authorization Server Location")."""

from mcp_auth_bridge.doctor.documents import named_issuers
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
from mcp_auth_bridge.oauth.metadata import ResourceMetadata, covers
from mcp_auth_bridge.urls import Purpose

_PLACE = "/.well-known/oauth-protected-resource"


def _without_resource(view: View) -> str:
    return "" if view.string("resource") else "it names no resource"


def _resource_of_parent(view: View) -> str:
    named = view.string("resource")
    if view.resource or named in ("", view.server.resource) or not covers(named, view.server):
        return ""
    return f"its resource is {quoted(named)}, above the URL of the MCP server"


def _foreign_resource(view: View) -> str:
    named = view.string("resource")
    if not named or named == view.resource or (not view.resource and covers(named, view.server)):
        return ""
    return f"its resource is {quoted(named)}, not {view.resource or view.server.resource}"


def _without_issuers(view: View) -> str:
    return "" if named_issuers(view.members) else "it names no authorization server"


def _plain_issuers(view: View) -> str:
    plain = [issuer for issuer in named_issuers(view.members) if not is_acceptable(issuer, Purpose.ISSUER)]
    return f"the authorization server {quoted(plain[0])} is not an https URL" if plain else ""


def _without_header(view: View) -> str:
    methods = view.strings("bearer_methods_supported")
    return "it does not list “header” among its bearer_methods_supported" if methods and "header" not in methods else ""


def _only_at_root(view: View) -> str:
    if view.url.path != _PLACE or view.server.path == "/":
        return ""
    return f"it is not at {_PLACE}{view.server.path}, but at the root"


def _bound_tokens(view: View) -> str:
    bound = view.members.get("dpop_bound_access_tokens_required") is True
    return "it takes tokens only with a proof of possession" if bound else ""


def _listed_endpoints(view: View) -> str:
    listed = view.members.get("mcp_endpoints")
    return f"it lists mcp_endpoints: {shown(listed)}" if listed else ""


_RESOURCE = '"resource": "{url}"'

RESOURCE_RULES = (
    MetadataRule("RFC 9728 section 2", unlike(ResourceMetadata), Weight.STOPS, "does not use this document"),
    MetadataRule(
        "RFC 9728 section 3.3",
        _foreign_resource,
        Weight.STOPS,
        "does not use this document, unless resource under auth for this server has that identifier",
        _RESOURCE,
    ),
    MetadataRule(
        "RFC 9728 section 2, MCP “Authorization Server Location”",
        _without_issuers,
        Weight.STOPS,
        "cannot find the login, unless issuer under auth for this server names it",
        '"authorization_servers": ["https://YOUR-AUTHORIZATION-SERVER"]',
    ),
    MetadataRule(
        "RFC 8414 section 2",
        _plain_issuers,
        Weight.STOPS,
        "does not log in where nothing is encrypted",
        '"authorization_servers": ["https://YOUR-AUTHORIZATION-SERVER"]',
    ),
    MetadataRule(
        "RFC 9728 section 2", _without_resource, Weight.COPES, "takes the document for that of this server", _RESOURCE
    ),
    MetadataRule(
        "RFC 9728 section 3.3", _resource_of_parent, Weight.COPES, "accepts it and asks for tokens for it", _RESOURCE
    ),
    MetadataRule("RFC 9728 section 3.1", _only_at_root, Weight.COPES, "looks there too"),
    MetadataRule("RFC 9728 section 3.2", foreign_kind, Weight.COPES, "reads it all the same"),
    MetadataRule(
        "RFC 9728 section 2, MCP “Access Token Usage”",
        _without_header,
        Weight.COPES,
        "sends the token in the Authorization header all the same",
        '"bearer_methods_supported": ["header"]',
    ),
    MetadataRule("RFC 9449 section 7", _bound_tokens, Weight.TELLS, "sends one"),
    MetadataRule("no specification", _listed_endpoints, Weight.TELLS, "names them where the URL turns out to be wrong"),
)
"""In the order in which they count."""
