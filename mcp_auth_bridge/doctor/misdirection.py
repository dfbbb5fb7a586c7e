"""A redirect in place of an answer: where it leads, and what that says about the server, its proxy or the network."""

from urllib.parse import urljoin

from mcp_auth_bridge.doctor.answer import Answer, without_query
from mcp_auth_bridge.doctor.finding import sign
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.trouble import Trouble
from mcp_auth_bridge.errors import UrlRefused, copyable_url
from mcp_auth_bridge.urls import Purpose, Url, gate

_PERMANENT = (301, 308)


def target_of(answer: Answer, url: Url) -> Url | None:
    """Where the redirect `answer` to a request for `url` leads, without its query; None if that is not a URL."""
    location = answer.field("location")
    try:
        return gate(without_query(urljoin(str(url), location)), Purpose.PLAIN_SERVER) if location else None
    except (ValueError, UrlRefused):
        return None


def leads_to_portal(url: Url, target: Url) -> bool:
    """Whether only a captive portal sends a request for `url` to the page `target`: both without TLS, on two hosts.

    No network is between the bridge and a server on this machine.
    A single sign-on would not take a password over plain http.
    """
    return url.scheme == "http" and not url.is_loopback and target.is_plain and target.host != url.host


def misdirection(answer: Answer, url: Url) -> Trouble | None:
    """What is wrong with a redirect that the bridge does not follow, None for any other answer."""
    if not 300 <= answer.status < 400:
        return None
    target = target_of(answer, url)
    if target is None:
        return _circle(answer, "to nowhere")
    if (url.scheme, target.scheme, target.host) == ("https", "http", url.host):
        return Trouble(
            sign(Symptom.SCHEME_LOST),
            f"it redirects from https to http (HTTP {answer.status}), and so to itself",
            "contact its operator: behind its proxy it takes https for http",
        )
    if target.origin == url.origin and (target.path == url.path or answer.redirects):
        return _circle(answer, "in a circle")
    if _has_moved(answer, url, target):
        place = copyable_url(str(target))
        return Trouble(
            sign(Symptom.MOVED, place=place, status=str(answer.status)),
            f"it has moved to {place} (HTTP {answer.status})",
            "put that URL into the configuration",
        )
    return _at_another_place(answer, url, target)


def _at_another_place(answer: Answer, url: Url, target: Url) -> Trouble:
    if leads_to_portal(url, target):
        return Trouble(
            sign(Symptom.PORTAL),
            f"the network sends the request to a page of its own, at {target.origin} (HTTP {answer.status})",
            "open any page in a browser, and sign in to the network there",
        )
    return Trouble(
        sign(Symptom.SENT_ELSEWHERE, page=target.origin, status=str(answer.status)),
        f"it sends the request to a page at another place, {target.origin} (HTTP {answer.status})",
        "if that is a portal of your network, or a single sign-on, sign in there in a browser first",
    )


def _has_moved(answer: Answer, url: Url, target: Url) -> bool:
    """Whether the same server is meant: a page for people is neither permanent, nor at the same host or path."""
    return answer.status in _PERMANENT or target.host == url.host or (target.path == url.path and url.path != "/")


def _circle(answer: Answer, where: str) -> Trouble:
    return Trouble(
        sign(Symptom.REDIRECTS_NOWHERE, where=where, status=str(answer.status)),
        f"it redirects {where} (HTTP {answer.status})",
        "check the URL; if it is right, contact the server's operator",
    )
