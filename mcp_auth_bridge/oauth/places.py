"""Well-known places: asked one after the other, each with what came of it."""

from collections.abc import Mapping

from mcp_auth_bridge.effects import Fetch, Flow, Response, ask
from mcp_auth_bridge.errors import UpstreamFailed
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.urls import Url

# MCP 2025-03-26 asks for this header on the metadata request; later revisions do not mind it.
HEADERS: Mapping[str, str] = {"accept": "application/json", "mcp-protocol-version": "2025-11-25"}


class Trail:
    """The URLs that were tried, each with what came of it: the first thing that anybody needs when discovery fails."""

    def __init__(self) -> None:
        self._steps: list[str] = []

    def note(self, place: str, outcome: str) -> None:
        self._steps.append(f"{place}: {outcome}")

    def __str__(self) -> str:
        return "; ".join(self._steps)


def document_at(place: Url, trail: Trail) -> Flow[Response | None]:
    """The document at `place`, or None where there certainly is none."""
    response = yield from look(place, trail)
    return response if response.status == 200 and not is_page(response) else None


def look(place: Url, trail: Trail) -> Flow[Response]:
    """Any answer that says something about `place`. Raises `UpstreamFailed` on 5xx and 429, which do not."""
    response = yield from ask(Fetch(place, HEADERS))
    outcome = f"HTTP {response.status}{', a web page' if is_page(response) else ''}"
    trail.note(f"{place.origin}{place.path}", outcome)
    if response.status >= 500 or response.status == 429:
        raise UpstreamFailed(
            f"{place.origin} answered the discovery with {outcome}",
            f"try again later; tried: {trail}",
            status=response.status,
        )
    return response


def is_page(response: Response) -> bool:
    """A web page with status 200 is how single-page applications say "not found" for a well-known URL."""
    return documents.essence(response) == "text/html"
