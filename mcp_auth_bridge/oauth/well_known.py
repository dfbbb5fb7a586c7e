"""Well-known places: asked one after the other, each with what came of it."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from mcp_auth_bridge.effects import Fetch, Flow, Response, ask
from mcp_auth_bridge.errors import RedirectRefused, TheirProtocolError, UpstreamFailed
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.urls import Url

T = TypeVar("T")

# MCP 2025-03-26 asks for this header on the metadata request; later revisions do not mind it.
HEADERS: Mapping[str, str] = {"accept": "application/json", "mcp-protocol-version": "2025-11-25"}


class Trail:
    """The URLs that were tried, each with what came of it: the first thing that anybody needs when discovery fails."""

    def __init__(self) -> None:
        self._steps: list[str] = []
        self._answers: list[Response] = []

    def note(self, place: str, outcome: str) -> None:
        self._steps.append(f"{place}: {outcome}")

    def answered(self, place: Url, response: Response) -> str:
        """Note the answer itself; the words for it."""
        self._answers.append(response)
        outcome = f"HTTP {response.status}{', a web page' if documents.is_page(response) else ''}"
        self.note(_name(place), outcome)
        return outcome

    @property
    def meets_a_firewall(self) -> bool:
        """Whether every place answered with a page that forbids: firewalls do so to programs (claude-code #72673)."""
        return bool(self._answers) and all(
            answer.status == 403 and documents.is_page(answer) for answer in self._answers
        )

    def __str__(self) -> str:
        return "; ".join(self._steps)


def first_usable(places: Iterable[Url], read: Callable[[Response, Url], T | None], trail: Trail) -> Flow[T | None]:
    """What `read` makes of the first of `places` that holds something usable; the others' oddities are noted.

    Servers forward the places that they do not know, answer them with a page for people, or with the document of
    another resource (mike #344, elementor-mcp #130, copilot-cli #4769). None where nothing is found, or nothing that
    `read` takes for a document; where it refused all there was, its first `TheirProtocolError` is raised.
    """
    odd: TheirProtocolError | None = None
    for place in dict.fromkeys(places):
        response = yield from document_at(place, trail)
        if response is None:
            continue
        try:
            found = read(response, place)
        except TheirProtocolError as error:
            trail.note(_name(place), error.message)
            odd = odd or error
            continue
        if found is not None:
            return found
        trail.note(_name(place), "holds no metadata")
    if odd is not None:
        odd.hint = f"{odd.hint or 'its operator has to mend them'}. Tried: {trail}"
        raise odd
    return None


def document_at(place: Url, trail: Trail) -> Flow[Response | None]:
    """The document at `place`, or None where there certainly is none."""
    response = yield from look(place, trail)
    if response is None or response.status != 200 or documents.is_page(response):
        return None  # with a page and status 200 single-page applications say that there is nothing
    return response


def look(place: Url, trail: Trail) -> Flow[Response | None]:
    """Any answer that says something about `place`; None for a redirect that is not followed.

    Raises `UpstreamFailed` on 5xx and 429, which say nothing.
    """
    try:
        response = yield from ask(Fetch(place, HEADERS))
    except RedirectRefused as refused:
        trail.note(_name(place), refused.message)
        return None
    outcome = trail.answered(place, response)
    if response.status >= 500 or response.status == 429:
        raise UpstreamFailed(
            f"{place.origin} answered the discovery with {outcome}",
            f"try again later; tried: {trail}",
            status=response.status,
        )
    return response


def _name(place: Url) -> str:
    return f"{place.origin}{place.path}"
