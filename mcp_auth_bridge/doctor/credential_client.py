"""The check of the client that a login was made with: whether its authorization server still knows it."""

import anyio

from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.doctor.discovery_result import trust_in
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, fail, ok, sign, skip, warn
from mcp_auth_bridge.doctor.subject import Depth
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import BridgeError, quoted
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.client import is_forgotten
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.oauth.trust import confine, same_issuer
from mcp_auth_bridge.shell.run_flow import run_flow_headless

PATIENCE = 6.0
"""Seconds for the authorization page."""


async def client(evidence: Evidence) -> Finding:
    """Whether the client of the login is still registered.

    With `--register` this begins an authorization request, which is not finished. The registration is not read (RFC
    7592): reading may renew its key, and the examination does not store the new one.
    """
    session = (await evidence.credential()).session
    if session is None or isinstance(evidence.bridge.profile.auth, MachineSettings):
        return skip("there is no login")
    named = f"the client {quoted(session.client.id, 100)}"
    if session.strikes.of_client:
        hint = f"run: {evidence.bridge.login_command}"
        return warn(f"at the last renewal the authorization server did not know {named}", hint)
    if evidence.subject.depth is not Depth.REGISTER:
        return skip(f"whether the authorization server still knows {named} is not asked without --register")
    server = (await evidence.discovery()).server
    if server is None or not same_issuer(server.issuer, session.issuer) or server.authorization_endpoint is None:
        return skip("the authorization server of the login was not found")
    with anyio.move_on_after(PATIENCE):
        return await _ask(evidence, server, session, named)
    return skip(f"the authorization page did not answer within {PATIENCE:g} seconds")


async def _ask(evidence: Evidence, server: AuthorizationServer, session: Session, named: str) -> Finding:
    flow = is_forgotten(server, session.client, tuple(session.scope.split()))
    try:
        forgotten = await run_flow_headless(evidence.bridge.network, confine(flow, trust_in(evidence.bridge, session)))
    except BridgeError as error:
        return skip(f"the authorization page could not be asked: {error.message}")
    if not forgotten:
        return ok(f"the authorization server does not say that it has forgotten {named}")
    issuer = quoted(session.issuer, 100)
    return fail(
        f"the authorization server no longer knows {named}",
        f"run: {evidence.bridge.login_command}",
        sign(Symptom.CLIENT_FORGOTTEN, authority=issuer),
    )
