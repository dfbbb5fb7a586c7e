"""Checks of the way of a login: the decision of its discovery, its client, its endpoints, and a trial."""

import re
from collections.abc import Iterator

from mcp_auth_bridge.config.auth import BearerSettings, HeaderSettings
from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.doctor.discovery_result import login_settings, trust_in
from mcp_auth_bridge.doctor.endpoints import Endpoint, State
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, Outcome, Sign, fail, ok, sign, skip, warn
from mcp_auth_bridge.doctor.login_obstacle import name_obstacle
from mcp_auth_bridge.doctor.oauth_need import Need
from mcp_auth_bridge.doctor.obstacle import Obstacle
from mcp_auth_bridge.doctor.published import cut_off, need_of
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import copyable_url, quoted, shell_quoted
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.providers import provider_of, resource_identifier
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.oauth.trust import same_issuer
from mcp_auth_bridge.urls import Purpose

_TRAIL = re.compile(r"[.;]? ?[Tt]ried: .*", re.DOTALL)
"""The addresses in a hint of the discovery, which another check lists with more about each."""


async def discovery(evidence: Evidence) -> Finding:
    """The authorization server that a login would use, or the error with which it would end."""
    if (unknown := await cut_off(evidence)) is not None:
        return unknown
    found, need = await evidence.discovery(), await need_of(evidence)
    if found.server is None:
        assert found.error is not None, "there is a server or an error"  # noqa: S101 - a fact, not a check
        hint = _TRAIL.sub("", found.error.hint)
        if need.need is Need.LATER:
            says = f"a new login would fail, although the server accepts the present one: {found.error.message}"
            return warn(says, "tell the server's operator before you have to log in again")
        if need.need is not Need.NEEDED:
            return skip(f"no login is offered, and none is needed: {need.reason}")
        held = await evidence.credential()
        auth = evidence.bridge.profile.auth
        obstacle = Obstacle(
            await evidence.documents(),
            found.error,
            trust_in(evidence.bridge, held.session),
            resource_identifier(getattr(auth, "resource", "")),
            (await evidence.answers()).challenge,
        )
        return fail(f"a login would fail: {found.error.message}", hint, *name_obstacle(obstacle))
    return await _decided(evidence, found.server)


async def _decided(evidence: Evidence, server: AuthorizationServer) -> Finding:
    found, held = await evidence.discovery(), await evidence.credential()
    scopes = ", ".join(server.scopes_supported or ())
    details = [
        f"the tokens are for {quoted(server.resource)}" if server.resource else "the tokens name no resource",
        *([f"the server lists the scopes {quoted(scopes)}"] if scopes else []),
        *(f"a login asks you first: {each.text}; to agree in advance: {each.options}" for each in found.questions),
    ]
    says = f"a login goes to {quoted(server.issuer)}"
    last = held.session
    if last is None or last.machine or same_issuer(server.issuer, last.issuer):
        return ok(says, *_renamed(server, last), details=tuple(details))
    moved = f"{says}; the last one was at {quoted(last.issuer)}"
    options = f"--trust {copyable_url(server.issuer)}"
    hint = f"if you trust the new place, run: {evidence.bridge.login_command} {options}"
    if held.error is None and (await evidence.answers()).credential_refusal is None:
        return warn(moved, hint, details=tuple(details))
    facts = {"issuer": quoted(server.issuer), "last": quoted(last.issuer), "options": options}
    return fail(moved, hint, sign(Symptom.ISSUER_CHANGED, **facts), details=tuple(details))


async def can_log_in(evidence: Evidence) -> bool:
    """Whether a login could work here: no check of its way fails."""
    for check in (discovery, registration, endpoints):
        if (await check(evidence)).outcome is Outcome.FAIL:
            return False
    return True


def _renamed(server: AuthorizationServer, last: Session | None) -> Iterator[Sign]:
    """The sign that the tokens of the next login are for another resource than those of the last one."""
    if last is not None and server.resource and last.resource and server.resource != last.resource:
        names = {"resource": quoted(server.resource), "last_resource": quoted(last.resource)}
        yield sign(Symptom.RESOURCE_RENAMED, **names)


async def registration(evidence: Evidence) -> Finding:
    """Which client the bridge would be there (MCP "Client Registration Approaches")."""
    if (unknown := await cut_off(evidence)) is not None:
        return unknown
    server, auth = (await evidence.discovery()).server, evidence.bridge.profile.auth
    if server is None:
        return skip("no authorization server was found")
    if (known := await _client_known(evidence)) is not None:
        return known
    advice = provider_of(server).registration and f"{provider_of(server).registration}; see docs/providers.md"
    if server.registration_endpoint is not None:
        return ok("the bridge registers by itself (RFC 7591)", details=(advice,) if advice else ())
    if (await need_of(evidence)).need is not Need.NEEDED:
        return ok("the authorization server registers no clients, and none is needed")
    return _unregistered(login_settings(auth), server, advice)


async def _client_known(evidence: Evidence) -> Finding | None:
    """The finding where the bridge need not register, None if a login would register it."""
    server, auth = (await evidence.discovery()).server, evidence.bridge.profile.auth
    assert server is not None, "the caller looked"  # noqa: S101 - a fact, not a check
    if isinstance(auth, MachineSettings):
        return skip("a machine's client is the one that you have configured")
    if not isinstance(auth, LoginSettings):
        return skip("the bridge does not log in there")
    if auth.client_id:
        return _configured(auth, server)
    if auth.client_metadata_url and server.takes_metadata_documents:
        return ok("the bridge is known by its client ID metadata document")
    last = (await evidence.credential()).session
    if last is not None and same_issuer(server.issuer, last.client.issuer):
        return ok("the bridge registered at an earlier login")
    return None


def _configured(auth: LoginSettings, server: AuthorizationServer) -> Finding:
    if same_issuer(server.issuer, auth.issuer):
        return ok("the bridge is the client that you have configured")
    facts = {"configured": quoted(auth.issuer), "named": quoted(server.issuer)}
    return fail(
        f"the configured client belongs to {facts['configured']}, but the login goes to {facts['named']}",
        "set the client_id and the issuer of a client there, under auth for this server",
        sign(Symptom.CLIENT_DIFFERS, **facts),
    )


def _unregistered(auth: LoginSettings, server: AuthorizationServer, advice: str) -> Finding:
    provider = provider_of(server)
    port, host, path = (getattr(auth, f"callback_{name}", "") for name in ("port", "host", "path"))
    callback = f"http://{host or '127.0.0.1'}{f':{port}' if port else ''}{path or '/callback'}"
    keys = provider.keys or f'kind = "browser", client_id = "…", issuer = "{copyable_url(server.issuer)}"'
    facts = {
        "issuer": quoted(server.issuer),
        "advice": advice or "as a native app without a secret, by hand or by asking its operator",
        "callback": callback,
        "settings": f"auth = {{ {keys} }}",
    }
    return fail(
        f"{facts['issuer']} registers no clients by itself, and no client_id is configured",
        f"register one there ({facts['advice']}) with the redirect URI {callback}, and set {facts['settings']}",
        sign(Symptom.NO_REGISTRATION, **facts),
    )


async def endpoints(evidence: Evidence) -> Finding:
    """Whether the endpoints are there."""
    if (unknown := await cut_off(evidence)) is not None:
        return unknown
    found = await evidence.endpoints()
    if not found:
        return skip("no authorization server was found")
    details = tuple(f"{each.purpose.value}, {each.url.origin}{each.url.path}: {_line(each)}" for each in found)
    registers = (await _client_known(evidence)) is None
    broken = [each for each in found if each.is_broken and (registers or each.purpose is not Purpose.REGISTRATION)]
    if not broken:
        return ok("every endpoint that a login needs is there", *await _offer(evidence), details=details)
    says = f"{broken[0].purpose.value}: {_line(broken[0])}"
    need = await need_of(evidence)
    if need.need is Need.LATER:
        facts = {"what": broken[0].purpose.value, "place": str(broken[0].url), "answer": broken[0].answer}
        later = sign(Symptom.ENDPOINT_WANTED_LATER, **facts)
        return warn(f"{says}; {need.reason}, but a new one needs that endpoint", "", later, details=details)
    if need.need is not Need.NEEDED:
        return ok(f"{says}; it is not needed", details=details)
    return fail(says, "", _sign(broken[0]), details=details)


async def _offer(evidence: Evidence) -> tuple[Sign, ...]:
    """The sign of a login that would work if no token or key were configured."""
    server, bridge = (await evidence.discovery()).server, evidence.bridge
    if not isinstance(bridge.profile.auth, BearerSettings | HeaderSettings):
        return ()
    if server is None or server.registration_endpoint is None:
        return ()
    given = "the option --auth" if bridge.profile.auth_argument else f"auth from [servers.{bridge.profile.name}]"
    words = ("mcp-auth-bridge", "login", bridge.profile.name, *bridge.header_options)
    return (sign(Symptom.LOGIN_OFFERED, way=f"remove {given}, then run: {' '.join(map(shell_quoted, words))}"),)


def _line(each: Endpoint) -> str:
    if each.state is not State.REDIRECTS:
        return f"{each.state.value} ({each.answer})"
    follows = "which the bridge follows" if each.is_followed else "where no client may send secrets"
    return f"it redirects to {quoted(each.location)}, {follows} (HTTP {each.status})"


def _sign(each: Endpoint) -> Sign:
    what, place = each.purpose.value, f"{each.url.origin}{each.url.path}"
    match each.state:
        case State.MISSING:
            return sign(Symptom.ENDPOINT_MISSING, what=what, place=place, answer=each.answer)
        case State.WALLED:
            return sign(Symptom.ENDPOINT_WALLED, what=what, place=place, host=each.url.origin)
        case State.REDIRECTS:
            return sign(Symptom.ENDPOINT_MOVED, what=what, place=place, location=quoted(each.location))
    return sign(Symptom.ENDPOINT_DOWN, what=what, place=place, answer=each.answer)
