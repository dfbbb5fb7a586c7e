"""The redirects of MCP requests: they may lead only to the same origin, and must keep the method."""

import re
from urllib.parse import urljoin, urlsplit

from mcp_auth_bridge.errors import UpstreamFailed, UrlRefused, copyable_url
from mcp_auth_bridge.urls import Purpose, Url, gate, redacted_url

MOST_REDIRECTS = 3

_SAME_METHOD = (307, 308)  # RFC 9110 section 15.4: with the others a client may turn a POST into a GET
_ANY = (301, 302, 303, 307, 308)
_LOGIN_PAGE = r"(?<![a-z])(?:log[-_]?in|sign[-_]?in|sso|saml2?|authorize)(?![a-z])"


def redirect_target(verb: str, url: Url, status: int, location: str) -> Url | None:
    """The URL to which a request to `url` has to be sent next, None if its response is not a redirect.

    `verb` is that of the request; `status` and `location` are those of the response. A redirect from https to http at
    the same host leads to its https twin: a server behind a proxy that ends TLS does not know its own scheme (togomcp
    #175, python-sdk #3397). Raises `UpstreamFailed` for another origin, which must get neither the credentials nor the
    body, and for a redirect that may change the method of a POST.
    """
    if status not in _ANY or not location or (status not in _SAME_METHOD and verb not in ("GET", "POST")):
        return None
    target = _https_twin(url, location, status) or _acceptable(url, location, status)
    if target.origin != url.origin:
        raise UpstreamFailed(
            f"the server redirects to another origin, {target.origin}, which gets no request with credentials",
            f"if that is right, put {_shown(target)} into the configuration; for a portal or single sign-on, sign in"
            " first",
            status=status,
        )
    if verb == "POST" and status not in _SAME_METHOD:
        raise UpstreamFailed(
            f"the server answered with a redirect (HTTP {status}) to {_shown(target)}, which a POST does not follow",
            f"put {_shown(target)} into the configuration",
            status=status,
        )
    return target


def _https_twin(url: Url, location: str, status: int) -> Url | None:
    """The URL of `location` with https and at the origin of `url`, None if it is not the http URL of the same host."""
    try:
        parts = urlsplit(urljoin(str(url), location))
        same_host = parts.hostname == url.host and "@" not in parts.netloc and parts.port in (None, 80, url.port)
        if url.scheme != "https" or parts.scheme != "http" or not same_host:
            return None
        target = gate(f"{url.origin}{parts.path}{f'?{parts.query}' if parts.query else ''}", Purpose.LOCATION, url)
    except (ValueError, UrlRefused):
        return None
    if target == url:
        raise UpstreamFailed(
            "the server redirects from https to http, and so to itself",
            "contact the server's operator: behind its proxy it takes https for http",
            status=status,
        )
    return target


def _acceptable(url: Url, location: str, status: int) -> Url:
    try:
        return gate(urljoin(str(url), location), Purpose.LOCATION, url)
    except (ValueError, UrlRefused):
        # The refused URL is quoted without its query: a single sign-on's redirect carries secrets there.
        place = re.split(r"[?#]", location, maxsplit=1)[0]
        raise UpstreamFailed(
            f"the server redirects to a URL that is not acceptable, {redacted_url(place)}",
            "if it is the server, put its https URL into the configuration",
            status=status,
        ) from None


def _shown(target: Url) -> str:
    """`target` for a message, without its query, in which a single sign-on carries secrets."""
    return copyable_url(str(target.with_path(target.path)))


def leads_to_login(location: str) -> bool:
    """Whether the host and the path of `location` look like those of a login page."""
    try:
        target = urlsplit(location)
        host_and_path = f"{target.hostname or ''}{target.path}"
    except ValueError:
        return False
    return re.search(_LOGIN_PAGE, host_and_path, re.IGNORECASE) is not None


def redirect_loop_error(status: int) -> UpstreamFailed:
    """The error for a request that was redirected too often."""
    return UpstreamFailed(f"the server redirects more than {MOST_REDIRECTS} times", "check the url", status=status)
