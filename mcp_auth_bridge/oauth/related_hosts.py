"""Hosts of one operator, as far as their names can tell."""

import re

from mcp_auth_bridge.oauth.address_zones import parse_address

# Issuer → endpoints, at hosts where only the operator can publish metadata, and customers cannot.
_FAMILIES = tuple(
    (re.compile(issuer), re.compile(endpoint))
    for issuer, endpoint in (
        (r"accounts\.google\.com", r"oauth2\.googleapis\.com"),
        (r"cognito-idp\.[a-z0-9-]+\.amazonaws\.com", r"[a-z0-9-]+\.auth\.[a-z0-9-]+\.amazoncognito\.com"),
        (r"sts\.windows\.net", r"login\.microsoftonline\.com"),
        (r"[a-z0-9-]+\.ciamlogin\.com", r"[a-z0-9-]+\.ciamlogin\.com"),  # by the tenant's number, and by its name
        (r"(api|www)\.figma\.com", r"(api|www)\.figma\.com"),
        (r"mcp\.facebook\.com", r"(www|graph)\.facebook\.com"),
        (r"cf\.mcp\.atlassian\.com", r"mcp\.atlassian\.com"),  # its login page lies above, its token endpoint does not
    )
)
_PUBLIC_SUFFIX = re.compile(r"(ac|co|com|edu|gov|ne|net|or|org)\.[a-z]{2}|[^.]*")
"""Domains below which unrelated customers register names: the top-level ones
and the usual ones of countries, without the whole Public Suffix List."""


def are_related(issuer: str, host: str) -> bool:
    """Whether the metadata of an issuer at the host `issuer` may name endpoints at `host` without asking the user.

    They may name the same host and those below it: the owner of a name decides about the names below it. Two names
    with the same ending may belong to two customers of a hosting company, and a name above may be the company's own:
    see `is_subdomain`.
    """
    issuer, host = issuer.rstrip("."), host.rstrip(".")
    if issuer == host:
        return True
    if parse_address(issuer) or parse_address(host):
        return False
    return _is_below(host, issuer) or _are_known(issuer, host)


def is_subdomain(issuer: str, host: str) -> bool:
    """Whether the issuer's name lies below `host`.

    That alone does not relate them. A customer of `host` with an issuer below it could send people to the login page of
    `host`, and have the code sent to that issuer.
    """
    issuer, host = issuer.rstrip("."), host.rstrip(".")
    return not parse_address(issuer) and not parse_address(host) and _is_below(issuer, host)


def _is_below(child: str, parent: str) -> bool:
    return child.endswith(f".{parent}") and not _PUBLIC_SUFFIX.fullmatch(parent)


def _are_known(issuer: str, host: str) -> bool:
    return any(ours.fullmatch(issuer) and theirs.fullmatch(host) for ours, theirs in _FAMILIES)
