"""Obstacles of a login at the authorization server: its addresses and its metadata."""

from collections.abc import Callable

from mcp_auth_bridge.doctor.documents import Issuer
from mcp_auth_bridge.doctor.finding import Sign, sign
from mcp_auth_bridge.doctor.obstacle import Obstacle, problem_of, wall
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import (
    ConfigError,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
    UrlRefused,
    printable,
    quoted,
)
from mcp_auth_bridge.oauth.metadata import (
    ServerMetadata,
)
from mcp_auth_bridge.oauth.trust import same_issuer
from mcp_auth_bridge.shell.net.connect_errors import Fault
from mcp_auth_bridge.shell.net.reachability import fault_of


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


def _wrong_issuer(obstacle: Obstacle) -> Sign | None:
    asked, metadata = obstacle.asked
    named = metadata.members.get("issuer") if metadata is not None else None
    if metadata is None or not isinstance(named, str) or same_issuer(named, asked):
        return None
    if "{" in named:
        return sign(Symptom.ISSUER_TEMPLATE, issuer=quoted(asked), named=quoted(named))
    facts = {"issuer": quoted(asked), "exact": printable(asked), "named": quoted(named), "place": metadata.place}
    return sign(Symptom.WRONG_ISSUER, **facts)


def _walled_issuer(obstacle: Obstacle) -> Sign | None:
    issuer = obstacle.issuer
    if (
        issuer is None
        or issuer.metadata is not None
        or not isinstance(obstacle.error, TheirProtocolError | ConfigError)
    ):
        return None
    return wall(Symptom.ISSUER_WALLED, issuer.answers)


def _no_server_metadata(obstacle: Obstacle) -> Sign | None:
    issuer = obstacle.issuer
    if issuer is None or issuer.metadata is not None or not issuer.answers or issuer.is_down:
        return None
    if not isinstance(obstacle.error, TheirProtocolError | ConfigError) or isinstance(obstacle.error, UpstreamFailed):
        return None
    facts = {"issuer": quoted(issuer.name), "exact": printable(issuer.name), "place": issuer.answers[0].place}
    return sign(Symptom.NO_SERVER_METADATA, **facts)


def _unusable_metadata(obstacle: Obstacle) -> Sign | None:
    asked, metadata = obstacle.asked
    if metadata is None or not isinstance(obstacle.error, TheirProtocolError):
        return None
    lacking = [name for name in ("token_endpoint", "authorization_endpoint") if not metadata.members.get(name)]
    if not lacking or metadata.members.get("device_authorization_endpoint"):
        return None
    return sign(Symptom.ENDPOINT_UNNAMED, issuer=quoted(asked), place=metadata.place, member=lacking[0])


def _malformed_issuer(obstacle: Obstacle) -> Sign | None:
    asked, metadata = obstacle.asked
    problem = problem_of(metadata, ServerMetadata) if metadata is not None else ""
    if metadata is None or not problem:
        return None
    return sign(Symptom.ISSUER_MALFORMED, issuer=quoted(asked), place=metadata.place, problem=problem)


def _no_s256(obstacle: Obstacle) -> Sign | None:
    asked, metadata = obstacle.asked
    if metadata is None or not isinstance(obstacle.error, TheirProtocolError):
        return None
    methods = metadata.members.get("code_challenge_methods_supported")
    lacking = not isinstance(methods, list) or "S256" not in methods
    return sign(Symptom.NO_S256, issuer=quoted(asked), place=metadata.place) if lacking else None


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

ISSUER_OBSTACLES: tuple[Callable[[Obstacle], Sign | None], ...] = (
    _refused_address,
    _down,
    _wrong_issuer,
    _walled_issuer,
    _no_server_metadata,
    _unusable_metadata,
    _malformed_issuer,
    _no_s256,
)
"""In the order in which they count."""
