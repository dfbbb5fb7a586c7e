"""Checks of the way of a login: the decision of its discovery, its client, its endpoints, and a trial."""

import re

from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.doctor.discovery_result import login_settings, trust_in
from mcp_auth_bridge.doctor.endpoints import Endpoint, State
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, Sign, fail, ok, sign, skip, warn
from mcp_auth_bridge.doctor.login_obstacle import Obstacle, name_obstacle
from mcp_auth_bridge.doctor.oauth_need import Need
from mcp_auth_bridge.doctor.published import cut_off, need_of
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import copyable_url, quoted
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.providers import provider_of, resource_identifier
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
        named = name_obstacle(obstacle)
        hint = _TRAIL.sub("", found.error.hint)
        return fail(f"a login would end: {found.error.message}", hint, *filter(None, (named,)))
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
        return ok(says, details=tuple(details))
    moved = f"{says}; the last one was at {quoted(last.issuer)}"
    options = f"--trust {copyable_url(server.issuer)}"
    hint = f"if you trust the new place, run: {evidence.bridge.login_command} {options}"
    if held.error is None:
        return warn(moved, hint, details=tuple(details))
    facts = {"issuer": quoted(server.issuer), "last": quoted(last.issuer), "options": options}
    return fail(moved, hint, sign(Symptom.ISSUER_CHANGED, **facts), details=tuple(details))


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
        return ok("every endpoint that a login needs is there", details=details)
    says = f"{broken[0].purpose.value}: {_line(broken[0])}"
    if (await need_of(evidence)).need is not Need.NEEDED:
        return ok(f"{says}; it is not needed", details=details)
    return fail(says, "", _sign(broken[0]), details=details)


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
