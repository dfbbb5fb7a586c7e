"""Requests to well-known URLs, one after the other, with a trail of their outcomes."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from mcp_auth_bridge.effects import Fetch, Flow, Response, ask
from mcp_auth_bridge.errors import RedirectRefused, TheirProtocolError, UpstreamFailed
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.urls import Url

T = TypeVar("T")

# MCP 2025-03-26 asks for mcp-protocol-version on the metadata request; later revisions do not mind it.
DISCOVERY_HEADERS: Mapping[str, str] = {"accept": "application/json", "mcp-protocol-version": "2025-11-25"}


class Trail:
    """The URLs that were tried, each with its outcome: the first thing that a user needs when discovery fails."""

    def __init__(self) -> None:
        self._steps: list[str] = []
        self._responses: list[Response] = []

    def note(self, place: str, outcome: str) -> None:
        """Add one line: the URL, or a server's spelling of it, and the outcome."""
        self._steps.append(f"{place}: {outcome}")

    def note_response(self, url: Url, response: Response) -> str:
        """Add the outcome of a request, and return it in words."""
        self._responses.append(response)
        outcome = f"HTTP {response.status}{', a web page' if documents.is_page(response) else ''}"
        self.note(_short(url), outcome)
        return outcome

    @property
    def meets_a_firewall(self) -> bool:
        """Whether every response is a page with status 403, as firewalls answer programs (claude-code #72673)."""
        return bool(self._responses) and all(
            response.status == 403 and documents.is_page(response) for response in self._responses
        )

    def __str__(self) -> str:
        return "; ".join(self._steps)


def fetch_first_usable(urls: Iterable[Url], read: Callable[[Response, Url], T | None], trail: Trail) -> Flow[T | None]:
    """Return the result of `read` for the first of `urls` with a usable document; note the oddities of the others.

    Servers forward the URLs that they do not know, or answer them with a page for people or with the document of
    another resource (mike #344, elementor-mcp #130, copilot-cli #4769). The result is None if there is no document, or
    none that `read` accepts. If `read` raised `TheirProtocolError` for every document, the first of these is raised.
    """
    first: TheirProtocolError | None = None
    for url in dict.fromkeys(urls):
        response = yield from fetch_document(url, trail)
        if response is None:
            continue
        try:
            found = read(response, url)
        except TheirProtocolError as error:
            trail.note(_short(url), error.message)
            first = first or error
            continue
        if found is not None:
            return found
        trail.note(_short(url), "holds no metadata")
    if first is not None:
        first.hint = f"{first.hint or 'its operator has to correct them'}. Tried: {trail}"
        raise first
    return None


def fetch_document(url: Url, trail: Trail) -> Flow[Response | None]:
    """Return the document at `url`, or None if there certainly is none. Raises as `fetch_response`."""
    response = yield from fetch_response(url, trail)
    if response is None or response.status != 200 or documents.is_page(response):
        return None  # single-page applications answer every unknown URL with a page and status 200
    return response


def fetch_response(url: Url, trail: Trail) -> Flow[Response | None]:
    """Return the response for `url`, None for a redirect that is not followed.

    Raises `UpstreamFailed` for 5xx and 429, which say nothing about `url`, and what `Fetch` raises.
    """
    try:
        response = yield from ask(Fetch(url, DISCOVERY_HEADERS))
    except RedirectRefused as refused:
        trail.note(_short(url), refused.message)
        return None
    outcome = trail.note_response(url, response)
    if response.status >= 500 or response.status == 429:
        raise UpstreamFailed(
            f"{url.origin} answered the discovery with {outcome}",
            f"try again later; tried: {trail}",
            status=response.status,
        )
    return response


def _short(url: Url) -> str:
    return f"{url.origin}{url.path}"
