"""The device authorization grant (RFC 8628): the person signs in on any device, this machine asks until it is done."""

import msgspec

from mcp_auth_bridge.effects import Fetch, Flow, Response, Show, Sleep, ask
from mcp_auth_bridge.errors import AccessDenied, LoginRequired, OAuthRefused, TheirProtocolError, quoted
from mcp_auth_bridge.oauth import documents, error_meaning
from mcp_auth_bridge.oauth.authorization_server import Server
from mcp_auth_bridge.oauth.client_auth import ClientAuthentication, Form
from mcp_auth_bridge.oauth.client_metadata import DEVICE_GRANT
from mcp_auth_bridge.oauth.grants import prover_for, resource_of, session_of
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.oauth.token_request import request_tokens
from mcp_auth_bridge.urls import Purpose, Url, gate

_SLOWER = 5.0
_LONGEST = 1800.0


class _Device(msgspec.Struct):
    """RFC 8628 section 3.2."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str = ""
    expires_in: float = 600.0
    interval: float = 5.0


def device_code(server: Server, client: Client, scopes: tuple[str, ...]) -> Flow[Session]:
    """Raises `AccessDenied` when the person says no, `LoginRequired` when the code expires."""
    applicant = ClientAuthentication(client)
    device = yield from _start(server, applicant, scopes)
    yield from ask(Show(_shown(device), device.verification_uri_complete or device.verification_uri))
    form: Form = {"grant_type": DEVICE_GRANT, "device_code": device.device_code, **resource_of(server.resource)}
    prover = yield from prover_for(server)
    interval, waited = max(device.interval, 1.0), 0.0
    while waited < min(device.expires_in, _LONGEST):
        yield from ask(Sleep(interval))
        waited += interval
        try:
            issued = yield from request_tokens(server.token_endpoint, applicant, form, "the device's login", prover)
        except OAuthRefused as refused:
            interval += _slower(refused)
        else:
            return session_of(server, applicant.client, scopes, issued)
    raise LoginRequired("nobody confirmed the code in time", "run the command again")


def _start(server: Server, applicant: ClientAuthentication, scopes: tuple[str, ...]) -> Flow[_Device]:
    if server.device_endpoint is None:
        raise TheirProtocolError(
            f"the authorization server {quoted(server.issuer)} offers no login on another device",
            "log in without --device; over SSH, --paste carries the browser's address over by hand",
        )
    wanted: Form = {"scope": " ".join(scopes)} if scopes else {}
    if audience := server.authorize_params.get("audience"):
        wanted["audience"] = audience  # Auth0 wants it here too; the other parameters are for browsers
    wanted |= resource_of(server.resource)
    response = yield from _ask(server.device_endpoint, applicant, wanted)
    while applicant.learn(response):
        response = yield from _ask(server.device_endpoint, applicant, wanted)
    if response.status != 200:
        raise error_meaning.of_token_request(response, server.device_endpoint, "the login on another device")
    device = documents.read(response, _Device, server.device_endpoint, "the device's authorization")
    gate(device.verification_uri_complete or device.verification_uri, Purpose.AUTHORIZATION)
    return device


def _ask(endpoint: Url, applicant: ClientAuthentication, wanted: Form) -> Flow[Response]:
    headers, form = yield from applicant.authenticate(wanted)
    return (yield from ask(Fetch(endpoint, {"accept": "application/json", **headers}, form=form)))


def _slower(refused: OAuthRefused) -> float:
    """Seconds by which to ask less often; raises what ends the waiting (RFC 8628 section 3.5)."""
    match refused.error:
        case "authorization_pending":
            return 0.0
        case "slow_down":
            return _SLOWER
        case "access_denied":
            raise AccessDenied("the login was declined", "log in again to allow it") from None
        case "expired_token":
            raise LoginRequired("nobody confirmed the code in time", "run the command again") from None
    raise refused


def _shown(device: _Device) -> str:
    return "".join(char for char in device.user_code if char.isprintable())[:40]
