"""Every well-known address of an MCP server and of its authorization servers, and the documents found there."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import anyio
import msgspec

from mcp_auth_bridge.doctor.archive import Archive, Fetched
from mcp_auth_bridge.effects import Fetch, Flow, Response, ask
from mcp_auth_bridge.errors import UrlRefused
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.metadata import (
    resource_metadata_urls,
    well_known_resource_urls,
    well_known_server_urls,
)
from mcp_auth_bridge.oauth.trust import Trust, confine
from mcp_auth_bridge.oauth.well_known import DISCOVERY_HEADERS, Trail
from mcp_auth_bridge.urls import Purpose, Url, gate

_MOST_ISSUERS = 3

_TELLING = {"resource", "authorization_servers", "issuer", "token_endpoint"}
"""A document without any of these members is not metadata."""


class Published(msgspec.Struct, frozen=True):
    """A metadata document. The members are as the server sent them: raw JSON."""

    url: Url
    members: Mapping[str, Any]  # Any: the server's JSON

    @property
    def place(self) -> str:
        return f"{self.url.origin}{self.url.path}"


class Issuer(msgspec.Struct, frozen=True):
    """One authorization server: the answers of its addresses, and the metadata found there."""

    # The issuer identifier, as the MCP server's metadata or the configuration spell it.
    name: str
    # In the order in which a login asks.
    answers: tuple[Fetched, ...] = ()
    # The first document, None if there is none.
    metadata: Published | None = None
    # Why no address was asked, "" if they were.
    refused: str = ""

    @property
    def is_down(self) -> bool:
        """Whether none of its addresses says anything about its metadata."""
        return bool(self.answers) and all(answer.is_down for answer in self.answers)


class Documents(msgspec.Struct, frozen=True):
    """All that was asked for, and what was found."""

    # The addresses for the MCP server's own metadata: the one that the challenge names, and the well-known ones.
    resource_answers: tuple[Fetched, ...]
    # The addresses for an authorization server's metadata at the MCP server's own host.
    own_answers: tuple[Fetched, ...]
    # The authorization servers that the configuration and the MCP server's metadata name, at most three.
    issuers: tuple[Issuer, ...] = ()

    @property
    def resources(self) -> tuple[Published, ...]:
        """The documents about the MCP server, in the order in which a login asks for them."""
        return tuple(filter(None, map(read, self.resource_answers)))

    @property
    def own(self) -> Published | None:
        """The metadata of an authorization server at the MCP server's own host."""
        return next(filter(None, map(read, self.own_answers)), None)

    @property
    def answers(self) -> tuple[Fetched, ...]:
        """Every answer, each address once."""
        named = (
            *self.resource_answers,
            *self.own_answers,
            *(each for issuer in self.issuers for each in issuer.answers),
        )
        return tuple({str(answer.url): answer for answer in named}.values())


def named_issuers(members: Mapping[str, Any]) -> list[str]:
    """The authorization servers that a protected resource's metadata name."""
    listed = members.get("authorization_servers")
    return [each for each in listed if isinstance(each, str) and each] if isinstance(listed, list) else []


def read(answer: Fetched) -> Published | None:
    """The JSON object of `answer`, None if there is none: an error object is not metadata."""
    response = answer.document
    if response is None or response.status != 200 or documents.is_page(response):
        return None
    try:
        members: Any = msgspec.json.decode(response.body)  # Any: the server's JSON
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    known = isinstance(members, dict) and _TELLING & members.keys()
    return Published(answer.url, members) if known else None


async def visit_all(archive: Archive, trust: Trust, challenge: Challenge | None) -> Documents:
    """Ask every address. It takes twice as long as one document may take. Raises nothing."""
    found: dict[str, Sequence[Fetched]] = {}

    async def note(name: str, urls: Iterable[Url]) -> None:
        found[name] = await _ask_all(archive, trust, urls)

    async with anyio.create_task_group() as group:
        group.start_soon(note, "resource", _resource_urls(trust, challenge))
        group.start_soon(note, "own", _own_urls(trust.server))
    asked = Documents(tuple(found["resource"]), tuple(found["own"]))
    configured = (trust.issuer, trust.trusted_issuer)
    published = (issuer for document in asked.resources for issuer in named_issuers(document.members))
    names = list(dict.fromkeys(filter(None, (*configured, *published))))[:_MOST_ISSUERS]
    issuers: dict[str, Issuer] = {}

    async def visit(name: str) -> None:
        issuers[name] = await _visit(archive, trust, name)

    async with anyio.create_task_group() as group:
        for name in names:
            group.start_soon(visit, name)
    return msgspec.structs.replace(asked, issuers=tuple(issuers[name] for name in names))


async def ask_one(archive: Archive, trust: Trust, effect: Fetch) -> Fetched:
    """The answer to `effect`, for which the rules of trust are those of a login. Raises nothing."""

    def flow() -> Flow[Response]:
        return (yield from ask(effect))

    confined = confine(flow(), trust)
    try:
        checked = next(confined)
    except UrlRefused as refused:
        return Fetched(effect.url, error=refused)
    confined.close()
    assert isinstance(checked, Fetch), "confine keeps the kind"  # noqa: S101 - a fact, not a check
    return await archive.answer(checked)


async def _visit(archive: Archive, trust: Trust, name: str) -> Issuer:
    try:
        url = gate(name, Purpose.ISSUER, trust.server)
    except UrlRefused as refused:
        return Issuer(name, refused=f"{refused.message}: {refused.hint}")
    answers = await _ask_all(archive, trust, well_known_server_urls(url))
    return Issuer(name, tuple(answers), next(filter(None, map(read, answers)), None))


async def _ask_all(archive: Archive, trust: Trust, urls: Iterable[Url]) -> list[Fetched]:
    order = list(dict.fromkeys(urls))
    answers: dict[Url, Fetched] = {}

    async def note(url: Url) -> None:
        answers[url] = await ask_one(archive, trust, Fetch(url, DISCOVERY_HEADERS))

    async with anyio.create_task_group() as group:
        for url in order:
            group.start_soon(note, url)
    return [answers[url] for url in order]


def _resource_urls(trust: Trust, challenge: Challenge | None) -> Iterable[Url]:
    yield from resource_metadata_urls(trust, challenge.resource_metadata if challenge is not None else "", Trail())
    yield from well_known_resource_urls(trust.server)


def _own_urls(server: Url) -> Iterable[Url]:
    yield from well_known_server_urls(server)
    yield from well_known_server_urls(server.with_path("/"))
