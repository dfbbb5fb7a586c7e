"""The trial of `--register`: a client is registered and deleted again, or a machine's token obtained and revoked."""

from contextlib import suppress

import anyio

from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.doctor.discovery_result import login_plan, trust_in
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, fail, ok, sign, skip, warn
from mcp_auth_bridge.doctor.published import cut_off
from mcp_auth_bridge.doctor.subject import Depth
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.login import choose_scopes
from mcp_auth_bridge.oauth.registration import register
from mcp_auth_bridge.oauth.registration_management import unregister
from mcp_auth_bridge.oauth.revocation import revoke
from mcp_auth_bridge.oauth.trust import confine
from mcp_auth_bridge.shell.run_flow import run_flow_headless
from mcp_auth_bridge.urls import CALLBACK_PATH

PATIENCE = 8.0
"""Seconds for all requests of the trial."""

_REDIRECT_URI = f"http://127.0.0.1:33418{CALLBACK_PATH}"  # nothing listens there: no login follows


async def trial(evidence: Evidence) -> Finding:
    """Whether a registration, or a machine's token request, succeeds."""
    if (unknown := await cut_off(evidence)) is not None:
        return unknown
    if evidence.subject.depth is not Depth.REGISTER:
        return skip("no client is registered and no token is asked for without --register")
    server = (await evidence.discovery()).server
    if server is None:
        return skip("no authorization server was found")
    with anyio.move_on_after(PATIENCE):
        return await _try(evidence, server)
    return warn(f"the authorization server did not answer within {PATIENCE:g} seconds", "try again later")


async def _try(evidence: Evidence, server: AuthorizationServer) -> Finding:
    auth = evidence.bridge.profile.auth
    if isinstance(auth, MachineSettings):
        return await _obtain(evidence, auth)
    if not isinstance(auth, LoginSettings) or auth.client_id or server.registration_endpoint is None:
        return skip("there is nothing to register")
    return await _register(evidence, server)


async def _register(evidence: Evidence, server: AuthorizationServer) -> Finding:
    bridge, held = evidence.bridge, await evidence.credential()
    plan = login_plan(bridge, (await evidence.answers()).challenge, held.session)
    trust = trust_in(bridge, held.session)
    flow = register(server, _REDIRECT_URI, choose_scopes(plan, server), None, plan.registration)
    try:
        client = await run_flow_headless(bridge.network, confine(flow, trust))
    except BridgeError as refused:
        facts = {"error": refused.message, "hint": refused.hint}
        return fail(refused.message, refused.hint, sign(Symptom.REGISTRATION_REFUSED, **facts))
    gone = False
    with suppress(BridgeError):
        gone = await run_flow_headless(bridge.network, confine(unregister(client), trust))
    rest = "and deleted it again" if gone else "which stays there: it does not offer to delete it (RFC 7592)"
    return ok(f"the authorization server registered this bridge, {rest}")


async def _obtain(evidence: Evidence, auth: MachineSettings) -> Finding:
    from mcp_auth_bridge.oauth.machine import obtain

    bridge = evidence.bridge
    try:
        plan = await bridge.machine_plan(auth)
        session = await run_flow_headless(bridge.network, obtain(plan, (await evidence.answers()).challenge))
    except BridgeError as refused:
        return fail(
            refused.message, refused.hint, sign(Symptom.TOKEN_NOT_ISSUED, error=refused.message, hint=refused.hint)
        )
    with suppress(BridgeError):
        await run_flow_headless(bridge.network, revoke(session))
    return ok("the authorization server issued a token, which the examination did not keep")
