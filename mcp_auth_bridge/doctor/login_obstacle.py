"""What stops a login before it begins: the error of the discovery and the documents → one symptom."""

from collections.abc import Callable, Iterable

import msgspec

from mcp_auth_bridge.doctor.archive import Fetched
from mcp_auth_bridge.doctor.documents import Documents, Issuer, Published, named_issuers
from mcp_auth_bridge.doctor.finding import Sign, sign
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import (
    BridgeError,
    ConfigError,
    NoLoginOffered,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
    UrlRefused,
    copyable_url,
    printable,
    quoted,
)
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.metadata import (
    ResourceMetadata,
    ServerMetadata,
    covers,
    same_origin_url,
    well_known_resource_urls,
)
from mcp_auth_bridge.oauth.trust import Trust, same_issuer
from mcp_auth_bridge.shell.net.connect_errors import Fault
from mcp_auth_bridge.shell.net.reachability import fault_of


class Obstacle(msgspec.Struct, frozen=True):
    """A discovery that ended with an error."""

    documents: Documents
    error: BridgeError
    trust: Trust
    # The resource identifier that is configured, "" for the URL of the MCP server.
    resource: str = ""
    # The challenge of the MCP server, None if it sent none.
    challenge: Challenge | None = None

    @property
    def usable(self) -> list[Published]:
        """The metadata of this MCP server, without those of other resources."""
        return [found for found in self.documents.resources if self.is_of_this_server(found)]

    def is_of_this_server(self, found: Published) -> bool:
        """Whether the metadata are of this MCP server (RFC 9728 section 3.3)."""
        named = str(found.members.get("resource") or "")
        return named in ("", self.resource) or (not self.resource and covers(named, self.trust.server))

    @property
    def issuer(self) -> Issuer | None:
        """The authorization server that the login would use, None if none is named."""
        return next(iter(self.documents.issuers), None)


def name_obstacle(obstacle: Obstacle) -> Sign | None:
    """The symptom, None if it is not certain."""
    return next(filter(None, (find(obstacle) for find in _CAUSES)), None)


def _walled(obstacle: Obstacle) -> Sign | None:
    documents = obstacle.documents
    if documents.resources or documents.own or not isinstance(obstacle.error, TheirProtocolError):
        return None
    return _wall(Symptom.METADATA_WALLED, documents.resource_answers)


def _walled_issuer(obstacle: Obstacle) -> Sign | None:
    issuer = obstacle.issuer
    if (
        issuer is None
        or issuer.metadata is not None
        or not isinstance(obstacle.error, TheirProtocolError | ConfigError)
    ):
        return None
    return _wall(Symptom.ISSUER_WALLED, issuer.answers)


def _wall(symptom: Symptom, answers: Iterable[Fetched]) -> Sign | None:
    walled = next((answer for answer in answers if answer.is_walled), None)
    return sign(symptom, place=walled.place, host=walled.url.origin) if walled is not None else None


def _elsewhere(obstacle: Obstacle) -> Sign | None:
    named = obstacle.challenge.resource_metadata if obstacle.challenge is not None else ""
    server = obstacle.trust.server
    if not named or obstacle.documents.resources or not isinstance(obstacle.error, TheirProtocolError):
        return None
    if same_origin_url(named, server) is not None:
        return None
    place = next(iter(well_known_resource_urls(server)))
    return sign(Symptom.METADATA_ELSEWHERE, named=quoted(named), place=str(place))


def _nothing(obstacle: Obstacle) -> Sign | None:
    if not isinstance(obstacle.error, NoLoginOffered):
        return None
    place = next(iter(well_known_resource_urls(obstacle.trust.server)))
    return sign(Symptom.NO_METADATA, place=str(place))


def _foreign_resource(obstacle: Obstacle) -> Sign | None:
    published = obstacle.documents.resources
    if not published or obstacle.usable or obstacle.trust.issuer or obstacle.documents.own:
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


def _other_than_configured(obstacle: Obstacle) -> Sign | None:
    named = [name for each in obstacle.usable for name in named_issuers(each.members)]
    configured = obstacle.trust.issuer
    if not isinstance(obstacle.error, ConfigError) or not named or not configured:
        return None
    if any(same_issuer(name, configured) for name in named):
        return None
    return sign(Symptom.ISSUER_DIFFERS, configured=quoted(configured), named=quoted(", ".join(named)))


def _refused_address(obstacle: Obstacle) -> Sign | None:
    if not isinstance(obstacle.error, UrlRefused):
        return None
    facts = {"error": obstacle.error.message, "hint": obstacle.error.hint}
    issuer = obstacle.issuer
    if issuer is not None and (issuer.refused or _all_refused(issuer)):
        return sign(Symptom.ISSUER_REFUSED, **facts)
    return sign(Symptom.ENDPOINT_REFUSED, **facts) if issuer is not None or obstacle.documents.own else None


def _all_refused(issuer: Issuer) -> bool:
    return bool(issuer.answers) and all(isinstance(answer.error, UrlRefused) for answer in issuer.answers)


def _down(obstacle: Obstacle) -> Sign | None:
    issuer = obstacle.issuer
    if issuer is None or not isinstance(obstacle.error, Unreachable | UpstreamFailed):
        return None
    failing = [answer for answer in issuer.answers if answer.is_down]
    if not failing or any(answer.is_down for answer in obstacle.documents.resource_answers):
        return None  # if the MCP server fails too, the fault may be the network's
    away = failing[0].error is not None and fault_of(failing[0].error) in _ON_THE_WAY
    symptom = Symptom.AUTHORIZATION_SERVER_UNREACHED if away else Symptom.AUTHORIZATION_SERVER_DOWN
    return sign(symptom, issuer=quoted(issuer.name), error=failing[0].in_words)


_ON_THE_WAY = (
    Fault.NAME_UNKNOWN,
    Fault.NAME_SERVER_SILENT,
    Fault.SILENT,
    Fault.NO_ROUTE,
    Fault.FORBIDDEN,
    Fault.PROXY_WANTS_LOGIN,
    Fault.PROXY_REFUSES,
    Fault.PROXY_FAILS,
    Fault.SELF_SIGNED,
    Fault.UNKNOWN_ISSUER,
    Fault.CERTIFICATE_REFUSED,
)
"""The faults that a network causes: a name or a route of another network, a firewall, a proxy, an interception."""


def _failing(obstacle: Obstacle) -> Sign | None:
    """An address of the MCP server fails, where a login must not go on to the next one."""
    asked = (*obstacle.documents.resource_answers, *(() if obstacle.issuer else obstacle.documents.own_answers))
    failing = next((answer for answer in asked if answer.is_down and answer.response is not None), None)
    if failing is None or not isinstance(obstacle.error, UpstreamFailed):
        return None
    return sign(Symptom.METADATA_FAILING, place=failing.place, answer=failing.in_words)


def _malformed_resource(obstacle: Obstacle) -> Sign | None:
    problems = [(each.place, _problem(each, ResourceMetadata)) for each in obstacle.documents.resources]
    if not problems or not all(problem for _, problem in problems):
        return None
    return sign(Symptom.RESOURCE_MALFORMED, place=problems[0][0], problem=problems[0][1])


def _malformed_issuer(obstacle: Obstacle) -> Sign | None:
    asked, metadata = _asked(obstacle)
    problem = _problem(metadata, ServerMetadata) if metadata is not None else ""
    if metadata is None or not problem:
        return None
    return sign(Symptom.ISSUER_MALFORMED, issuer=quoted(asked), place=metadata.place, problem=problem)


def _problem(found: Published, shape: type[object]) -> str:
    try:
        msgspec.convert(found.members, shape)
    except msgspec.ValidationError as error:
        return quoted(str(error))
    return ""


def _wrong_issuer(obstacle: Obstacle) -> Sign | None:
    asked, metadata = _asked(obstacle)
    named = metadata.members.get("issuer") if metadata is not None else None
    if metadata is None or not isinstance(named, str) or same_issuer(named, asked):
        return None
    if "{" in named:
        return sign(Symptom.ISSUER_TEMPLATE, issuer=quoted(asked), named=quoted(named))
    facts = {"issuer": quoted(asked), "exact": printable(asked), "named": quoted(named), "place": metadata.place}
    return sign(Symptom.WRONG_ISSUER, **facts)


def _asked(obstacle: Obstacle) -> tuple[str, Published | None]:
    """The issuer that was asked for, and the first metadata at its addresses."""
    if obstacle.issuer is not None:
        return obstacle.issuer.name, obstacle.issuer.metadata
    return obstacle.trust.server.origin, obstacle.documents.own


def _no_server_metadata(obstacle: Obstacle) -> Sign | None:
    issuer = obstacle.issuer
    if issuer is None or issuer.metadata is not None or not issuer.answers or issuer.is_down:
        return None
    if not isinstance(obstacle.error, TheirProtocolError | ConfigError) or isinstance(obstacle.error, UpstreamFailed):
        return None
    facts = {"issuer": quoted(issuer.name), "exact": printable(issuer.name), "place": issuer.answers[0].place}
    return sign(Symptom.NO_SERVER_METADATA, **facts)


def _no_s256(obstacle: Obstacle) -> Sign | None:
    asked, metadata = _asked(obstacle)
    if metadata is None or not isinstance(obstacle.error, TheirProtocolError):
        return None
    methods = metadata.members.get("code_challenge_methods_supported")
    lacking = not isinstance(methods, list) or "S256" not in methods
    return sign(Symptom.NO_S256, issuer=quoted(asked), place=metadata.place) if lacking else None


def _unusable_metadata(obstacle: Obstacle) -> Sign | None:
    asked, metadata = _asked(obstacle)
    if metadata is None or not isinstance(obstacle.error, TheirProtocolError):
        return None
    lacking = [name for name in ("token_endpoint", "authorization_endpoint") if not metadata.members.get(name)]
    if not lacking or metadata.members.get("device_authorization_endpoint"):
        return None
    return sign(Symptom.ENDPOINT_UNNAMED, issuer=quoted(asked), place=metadata.place, member=lacking[0])


_CAUSES: tuple[Callable[[Obstacle], Sign | None], ...] = (
    _walled,
    _elsewhere,
    _nothing,
    _other_than_configured,
    _refused_address,
    _failing,
    _down,
    _malformed_resource,
    _foreign_resource,
    _no_authorization_server,
    _wrong_issuer,
    _walled_issuer,
    _no_server_metadata,
    _unusable_metadata,
    _malformed_issuer,
    _no_s256,
)
"""The first that fits counts."""
