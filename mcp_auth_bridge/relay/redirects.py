"""The redirects of MCP requests: they may lead only to the same origin, and must keep the method."""

import re
from urllib.parse import urljoin, urlsplit

from mcp_auth_bridge.errors import UpstreamFailed, UrlRefused
from mcp_auth_bridge.urls import Purpose, Url, gate

MOST_REDIRECTS = 3

_SAME_METHOD = (307, 308)  # RFC 9110 section 15.4: with the others a client may turn a POST into a GET
_ANY = (301, 302, 303, 307, 308)
_LOGIN_PAGE = re.compile(r"(?<![a-z])(?:log[-_]?in|sign[-_]?in|sso|saml2?|authorize)(?![a-z])", re.IGNORECASE)


def redirect_target(verb: str, url: Url, status: int, location: str) -> Url | None:
    """The URL to which a request to `url` has to be sent next, None if its response is not a redirect to follow.

    `verb` is GET or POST; `status` and `location` are those of the response. Raises `UpstreamFailed` for another
    origin, which must get neither the credentials nor the body.
    """
    if status not in (_ANY if verb == "GET" else _SAME_METHOD) or not location:
        return None
    try:
        target = gate(urljoin(str(url), location), Purpose.LOCATION, url)
    except (ValueError, UrlRefused):
        # The refused URL is not quoted: a single sign-on's redirect carries secrets in its query.
        hint = "put the URL that it leads to into the configuration"
        raise UpstreamFailed("the server redirects to a URL that is not acceptable", hint, status=status) from None
    if target.origin != url.origin:
        raise UpstreamFailed(
            f"the server redirects to another origin, {target.origin}, which gets no request with credentials",
            "if that is right, put its URL into the configuration; for a portal or single sign-on, sign in first",
            status=status,
        )
    return target


def leads_to_login(location: str) -> bool:
    """Whether the host and the path of `location` look like those of a login page."""
    try:
        target = urlsplit(location)
        host_and_path = f"{target.hostname or ''}{target.path}"
    except ValueError:
        return False
    return _LOGIN_PAGE.search(host_and_path) is not None


def redirect_loop_error(status: int) -> UpstreamFailed:
    """The error for a request that was redirected too often."""
    return UpstreamFailed(f"the server redirects more than {MOST_REDIRECTS} times", "check the url", status=status)
