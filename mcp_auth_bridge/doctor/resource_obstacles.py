"""Obstacles of a login at the MCP server: what it publishes, and where."""

from collections.abc import Callable

from mcp_auth_bridge.doctor.documents import named_issuers
from mcp_auth_bridge.doctor.finding import Sign, sign
from mcp_auth_bridge.doctor.obstacle import Obstacle, problem_of, wall
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import (
    ConfigError,
    NoLoginOffered,
    TheirProtocolError,
    UpstreamFailed,
    copyable_url,
    quoted,
)
from mcp_auth_bridge.oauth.metadata import (
    ResourceMetadata,
    same_origin_url,
    well_known_resource_urls,
)
from mcp_auth_bridge.oauth.trust import same_issuer


def _walled(obstacle: Obstacle) -> Sign | None:
    documents = obstacle.documents
    if documents.resources or documents.own or not isinstance(obstacle.error, TheirProtocolError):
        return None
    return wall(Symptom.METADATA_WALLED, documents.resource_answers)


def _elsewhere(obstacle: Obstacle) -> Sign | None:
    named = obstacle.challenge.resource_metadata if obstacle.challenge is not None else ""
    server = obstacle.trust.server
    if not named or obstacle.documents.resources or not isinstance(obstacle.error, TheirProtocolError):
        return None
    if same_origin_url(named, server) is not None:
        return None
    place = next(iter(well_known_resource_urls(server)))
    return sign(Symptom.METADATA_ELSEWHERE, named=quoted(named), place=str(place))


def _redirected(obstacle: Obstacle) -> Sign | None:
    """Addresses that redirect to another origin, to metadata (copilot-cli #4769) or to a page where people sign in."""
    asked = (*obstacle.documents.resource_answers, *obstacle.documents.own_answers)
    away = [(each, each.response.header("location")) for each in asked if each.response and each.document is None]
    if not away or not isinstance(obstacle.error, NoLoginOffered):
        return None
    for answer, location in away:
        host, well_known, rest = location.partition("/.well-known/")
        if well_known:
            issuer = copyable_url(host + rest[rest.find("/") :] if "/" in rest else host)
            return sign(Symptom.METADATA_MOVED, place=answer.place, location=quoted(location), issuer=issuer)
    answer, location = away[0]
    return sign(Symptom.METADATA_GUARDED, place=answer.place, location=quoted(location))


def nothing_published(obstacle: Obstacle) -> Sign | None:
    """The sign that no login is offered, whatever the reason is."""
    if not isinstance(obstacle.error, NoLoginOffered):
        return None
    place = next(iter(well_known_resource_urls(obstacle.trust.server)))
    return sign(Symptom.NO_METADATA, place=str(place))


def _failing(obstacle: Obstacle) -> Sign | None:
    """An address of the MCP server fails, where a login must not go on to the next one."""
    asked = (*obstacle.documents.resource_answers, *(() if obstacle.issuer else obstacle.documents.own_answers))
    failing = next((answer for answer in asked if answer.is_down and answer.response is not None), None)
    if failing is None or not isinstance(obstacle.error, UpstreamFailed):
        return None
    return sign(Symptom.METADATA_FAILING, place=failing.place, answer=failing.in_words)


def _other_than_configured(obstacle: Obstacle) -> Sign | None:
    named = [name for each in obstacle.usable for name in named_issuers(each.members)]
    configured = obstacle.trust.issuer
    if not isinstance(obstacle.error, ConfigError) or not named or not configured:
        return None
    if any(same_issuer(name, configured) for name in named):
        return None
    return sign(Symptom.ISSUER_DIFFERS, configured=quoted(configured), named=quoted(", ".join(named)))


def _malformed_resource(obstacle: Obstacle) -> Sign | None:
    problems = [(each.place, problem_of(each, ResourceMetadata)) for each in obstacle.documents.resources]
    if not problems or not all(problem for _, problem in problems):
        return None
    return sign(Symptom.RESOURCE_MALFORMED, place=problems[0][0], problem=problems[0][1])


def _foreign_resource(obstacle: Obstacle) -> Sign | None:
    published = obstacle.documents.resources
    if not published or obstacle.usable:
        return None
    named = str(published[0].members.get("resource"))
    facts = {"resource": quoted(named), "named": copyable_url(named), "place": published[0].place}
    return sign(Symptom.RESOURCE_FOREIGN, **facts)


def _no_authorization_server(obstacle: Obstacle) -> Sign | None:
    if (
        not obstacle.usable
        or obstacle.documents.issuers
        or any(named_issuers(each.members) for each in obstacle.usable)
    ):
        return None
    return sign(Symptom.NO_AUTHORIZATION_SERVER, place=obstacle.usable[0].place)


RESOURCE_OBSTACLES: tuple[Callable[[Obstacle], Sign | None], ...] = (
    _walled,
    _elsewhere,
    _redirected,
    nothing_published,
    _failing,
    _other_than_configured,
    _malformed_resource,
    _foreign_resource,
    _no_authorization_server,
)
"""In the order in which they count."""
