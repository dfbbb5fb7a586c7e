"""What stops a login before it begins: the error of the discovery and the documents → one symptom."""

from collections.abc import Callable

import msgspec

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
from mcp_auth_bridge.oauth.metadata import covers, same_origin_url, well_known_resource_urls
from mcp_auth_bridge.oauth.trust import Trust, same_issuer


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
        named = found.members.get("resource") or ""
        if not isinstance(named, str):
            return False
        return named in ("", self.resource) or (not self.resource and covers(named, self.trust.server))

    @property
    def issuer(self) -> Issuer | None:
        """The authorization server that the login would use, None if none is named."""
        return next(iter(self.documents.issuers), None)


def name_obstacle(obstacle: Obstacle) -> Sign | None:
    """The symptom, None if it is not certain."""
    return next(filter(None, (find(obstacle) for find in _CAUSES)), None)


def _walled(obstacle: Obstacle) -> Sign | None:
    answers = [answer for answer in obstacle.documents.answers if answer.response is not None]
    if answers and all(answer.is_walled for answer in answers):
        return sign(Symptom.METADATA_WALLED, place=answers[0].place, host=answers[0].url.origin)
    return None


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
    if issuer is None or not isinstance(obstacle.error, Unreachable | UpstreamFailed) or not issuer.is_down:
        return None
    if any(answer.is_down for answer in obstacle.documents.resource_answers):
        return None  # the MCP server too: the fault may be the network's
    facts = {"issuer": quoted(issuer.name), "error": issuer.answers[0].in_words}
    return sign(Symptom.AUTHORIZATION_SERVER_DOWN, **facts)


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
    members = metadata.members
    needed = ("issuer", "authorization_endpoint", "token_endpoint")
    if not all(isinstance(members.get(name), str) for name in needed):
        return None
    methods = members.get("code_challenge_methods_supported")
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
    _down,
    _foreign_resource,
    _no_authorization_server,
    _wrong_issuer,
    _no_server_metadata,
    _unusable_metadata,
    _no_s256,
)
"""The first that fits counts."""
