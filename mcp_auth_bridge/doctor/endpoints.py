"""Whether the endpoints of an authorization server are there. No client is registered, and no token is asked for."""

import enum
from urllib.parse import urljoin

import anyio
import msgspec

from mcp_auth_bridge.doctor.archive import Archive, Fetched, describe
from mcp_auth_bridge.doctor.documents import ask_one
from mcp_auth_bridge.effects import Fetch, Response
from mcp_auth_bridge.errors import OutcomeUnknown, Overdue, UrlRefused
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.trust import Trust
from mcp_auth_bridge.urls import Purpose, Url, gate

_GONE = (404, 410)
_AWAY = (502, 503, 504)  # a 500 may be the server's answer to a request without parameters
_NO_POST = 405
_FORBIDDEN = 403
_REDIRECTS = range(300, 400)


class State(enum.Enum):
    """The meaning of an endpoint's answer."""

    ALIVE = "it is there"
    MISSING = "there is nothing at this address"
    WALLED = "a firewall answers in its place"
    REDIRECTS = "it redirects"
    DOWN = "it does not answer"
    UNCLEAR = "it ends the connection instead of an answer to a request without content, which may be a mistake of it"


class Endpoint(msgspec.Struct, frozen=True):
    """One endpoint and its state."""

    # What it is for.
    purpose: Purpose
    url: Url
    state: State
    # The answer that decided, in words.
    answer: str
    # Where it redirects to; foreign text, "" if it does not.
    location: str = ""
    # The HTTP status, 0 if there was no response.
    status: int = 0

    @property
    def is_followed(self) -> bool:
        """Whether the bridge follows the redirect, as it does for a registration only (scenario S5)."""
        if self.purpose is not Purpose.REGISTRATION or self.status not in (307, 308):
            return False
        try:
            return gate(urljoin(str(self.url), self.location), Purpose.LOCATION, self.url).origin == self.url.origin
        except (ValueError, UrlRefused):
            return False

    @property
    def is_broken(self) -> bool:
        """Whether a login cannot use it."""
        return self.state not in (State.ALIVE, State.UNCLEAR) and not self.is_followed


async def visit_endpoints(archive: Archive, trust: Trust, server: AuthorizationServer) -> tuple[Endpoint, ...]:
    """The states of the endpoints of `server`, side by side. Raises nothing."""
    named = {
        Purpose.AUTHORIZATION: server.authorization_endpoint,
        Purpose.TOKEN: server.token_endpoint,
        Purpose.REGISTRATION: server.registration_endpoint,
    }
    found: dict[Purpose, Endpoint] = {}

    async def look(purpose: Purpose, url: Url) -> None:
        found[purpose] = await _LOOKS[purpose](archive, trust, purpose, url)

    async with anyio.create_task_group() as group:
        for purpose, url in named.items():
            if url is not None:
                group.start_soon(look, purpose, url)
    return tuple(found[purpose] for purpose in named if purpose in found)


async def _page(archive: Archive, trust: Trust, purpose: Purpose, url: Url) -> Endpoint:
    """A page for people: any answer but "not found" and "away" comes from it, because the request lacks parameters."""
    answer = await ask_one(archive, trust, Fetch(url, {"accept": "text/html"}, redirects=0))
    response = answer.response
    if response is None:
        return _endpoint(purpose, answer, _without_response(answer))
    if response.status in _AWAY:
        return _endpoint(purpose, answer, State.DOWN)
    return _endpoint(purpose, answer, State.MISSING if response.status in _GONE else State.ALIVE)


async def _token(archive: Archive, trust: Trust, purpose: Purpose, url: Url) -> Endpoint:
    """An empty form is not a token request, because it names no grant (RFC 6749 section 5.2).

    Only a POST shows a firewall that lets other methods pass (scenario S1), and whether there is anything at all: Hono,
    Fastify and Rails answer GET and OPTIONS with 404 where only POST is served.
    """
    answer = await ask_one(archive, trust, Fetch(url, form={}))
    response = answer.response
    state = _without_response(answer) if response is None else _decided_by_post(response)
    return _endpoint(purpose, answer, state)


async def _registration(archive: Archive, trust: Trust, purpose: Purpose, url: Url) -> Endpoint:
    """A POST only where OPTIONS and GET do not tell, and one without content: that registers nothing (RFC 7591)."""
    attempts = (
        (Fetch(url, method="OPTIONS", redirects=0), _decided_by_options),
        (Fetch(url, {"accept": "application/json"}, redirects=0), _decided_by_get),
        (Fetch(url, form={}), _decided_by_post),
    )
    for effect, decide in attempts:
        answer = await ask_one(archive, trust, effect)
        state = _without_response(answer) if answer.response is None else decide(answer.response)
        if state is not None:
            return _endpoint(purpose, answer, state)
    raise AssertionError  # the last attempt decides


_LOOKS = {Purpose.AUTHORIZATION: _page, Purpose.TOKEN: _token, Purpose.REGISTRATION: _registration}


def _without_response(answer: Fetched) -> State:
    cut = isinstance(answer.error, OutcomeUnknown) and not isinstance(answer.error, Overdue)
    return State.UNCLEAR if cut else State.DOWN


def _decided_by_options(response: Response) -> State | None:
    if response.status in range(200, 300):
        methods = response.header("allow").replace(",", " ").split()
        return State.ALIVE if "POST" in methods else None
    return None if response.status in _GONE else _state(response)


def _decided_by_get(response: Response) -> State | None:
    if response.status in _GONE or response.status in range(200, 300):
        return None  # single-page applications answer every unknown URL with a page
    return _state(response)


def _decided_by_post(response: Response) -> State:
    return State.MISSING if response.status in (*_GONE, _NO_POST) else _state(response)


def _state(response: Response) -> State:
    if response.status in _REDIRECTS:
        return State.REDIRECTS
    if response.status == _FORBIDDEN and documents.is_page(response):
        return State.WALLED
    return State.DOWN if response.status in _AWAY else State.ALIVE


def _endpoint(purpose: Purpose, answer: Fetched, state: State) -> Endpoint:
    if answer.response is None:
        return Endpoint(purpose, answer.url, state, answer.in_words)
    return Endpoint(
        purpose,
        answer.url,
        state,
        describe(answer.response),
        answer.response.header("location"),
        answer.response.status,
    )
