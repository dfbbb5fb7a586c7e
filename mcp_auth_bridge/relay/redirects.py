"""Where a redirect of an MCP request may lead: to the same origin, by the same method, and nowhere else."""

import re
from urllib.parse import urljoin, urlsplit

from mcp_auth_bridge.errors import UpstreamFailed, UrlRefused
from mcp_auth_bridge.urls import Purpose, Url, gate

MOST_REDIRECTS = 3

_SAME_METHOD = (307, 308)  # RFC 9110 section 15.4: the others let a client turn a POST into a GET
_ANY = (301, 302, 303, 307, 308)
_SIGN_IN = re.compile(r"(?<![a-z])(?:log[-_]?in|sign[-_]?in|sso|saml2?|authorize)(?![a-z])", re.IGNORECASE)


def onward(verb: str, url: Url, status: int, location: str) -> Url | None:
    """Where to send a request to `url` next, None if its answer is no redirect to follow.

    Raises `UpstreamFailed` for another origin, which must have neither credentials nor the body.
    """
    if status not in (_ANY if verb == "GET" else _SAME_METHOD) or not location:
        return None
    try:
        target = gate(urljoin(str(url), location), Purpose.LOCATION, url)
    except (ValueError, UrlRefused):
        # The refused URL is not quoted: a single sign-on's redirect carries secrets in its query.
        hint = "put the URL that it should go to into the configuration"
        raise UpstreamFailed("the server redirects to a URL that is not acceptable", hint, status=status) from None
    if target.origin != url.origin:
        raise UpstreamFailed(
            f"the server redirects to another origin, {target.origin}, which gets no request with credentials",
            "put the URL there into the configuration if that is right; for a portal or single sign-on, sign in first",
            status=status,
        )
    return target


def leads_to_sign_in(location: str) -> bool:
    """Whether a redirect seems to lead to a page where people sign in, by the words of its host and path."""
    try:
        target = urlsplit(location)
        place = f"{target.hostname or ''}{target.path}"
    except ValueError:
        return False
    return _SIGN_IN.search(place) is not None


def circles(status: int) -> UpstreamFailed:
    """The error for one redirect too many."""
    return UpstreamFailed(f"the server redirects more than {MOST_REDIRECTS} times", "check the url", status=status)
