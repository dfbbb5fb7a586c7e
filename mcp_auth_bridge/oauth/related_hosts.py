"""Which hosts belong together, so far as names can tell."""

import re

from mcp_auth_bridge.oauth.address_zones import literal

# Issuer → endpoints, for operators whose metadata nobody else can write.
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
_SHARED = re.compile(r"(ac|co|com|edu|gov|ne|net|or|org)\.[a-z]{2}|[^.]*")


def akin(issuer: str, host: str) -> bool:
    """Whether endpoints at `host` are no surprise in the metadata of an issuer at the host `issuer`.

    They are none on the same host or below it: whoever owns a name decides about those below. Names that merely end
    alike may be two customers of one hosting company, and a name above may be the company's own: see `above`.
    """
    issuer, host = issuer.rstrip("."), host.rstrip(".")
    if issuer == host:
        return True
    if literal(issuer) or literal(host):
        return False
    return _below(host, issuer) or _is_known(issuer, host)


def above(issuer: str, host: str) -> bool:
    """Whether the issuer's name lies below `host`.

    That alone makes no kin. A customer of `host`, at an issuer of their own below it, could send people to the login
    page of `host` and have the code sent to themselves.
    """
    issuer, host = issuer.rstrip("."), host.rstrip(".")
    return not literal(issuer) and not literal(host) and _below(issuer, host)


def _below(child: str, parent: str) -> bool:
    return child.endswith(f".{parent}") and not _SHARED.fullmatch(parent)


def _is_known(issuer: str, host: str) -> bool:
    return any(ours.fullmatch(issuer) and theirs.fullmatch(host) for ours, theirs in _FAMILIES)
