"""The device authorization grant (RFC 8628): the user signs in on any device while this machine polls."""

import msgspec

from mcp_auth_bridge.effects import Fetch, Flow, Response, Show, Sleep, ask
from mcp_auth_bridge.errors import AccessDenied, LoginRequired, OAuthRefused, TheirProtocolError, quoted
from mcp_auth_bridge.oauth import documents, error_meaning
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.client_auth import ClientAuthentication, Form
from mcp_auth_bridge.oauth.client_metadata import DEVICE_GRANT
from mcp_auth_bridge.oauth.grants import build_session, new_prover, resource_parameter
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.oauth.token_request import request_tokens
from mcp_auth_bridge.urls import Purpose, Url, gate

_SLOW_DOWN = 5.0
"""Seconds that "slow_down" adds to the interval (RFC 8628 section 3.5)."""

_LONGEST = 1800.0
"""Seconds after which polling ends, even if the code is still valid."""


class _DeviceAuthorization(msgspec.Struct):
    """The response to a device authorization request (RFC 8628 section 3.2)."""

    # The secret of this machine, with which it polls.
    device_code: str
    # The code that the user enters or confirms.
    user_code: str
    # Where the user goes.
    verification_uri: str
    # The same with the code in it, "" if the server offers none.
    verification_uri_complete: str = ""
    # Seconds for which the codes are valid.
    expires_in: float = 600.0
    # Seconds between two polls.
    interval: float = 5.0


def device_code(server: AuthorizationServer, client: Client, scopes: tuple[str, ...]) -> Flow[Session]:
    """Log in with the device grant. Raises `AccessDenied` if the user says no, `LoginRequired` if the code expires."""
    applicant = ClientAuthentication(client)
    device = yield from _start(server, applicant, scopes)
    yield from ask(Show(_printable(device.user_code), device.verification_uri_complete or device.verification_uri))
    form: Form = {"grant_type": DEVICE_GRANT, "device_code": device.device_code, **resource_parameter(server.resource)}
    prover = yield from new_prover(server)
    interval, waited = max(device.interval, 1.0), 0.0
    while waited < min(device.expires_in, _LONGEST):
        yield from ask(Sleep(interval))
        waited += interval
        try:
            issued = yield from request_tokens(server.token_endpoint, applicant, form, "the device's login", prover)
        except OAuthRefused as refused:
            interval += _added_interval(refused)
        else:
            return build_session(server, applicant.client, scopes, issued)
    raise _expired_error()


def _start(
    server: AuthorizationServer, applicant: ClientAuthentication, scopes: tuple[str, ...]
) -> Flow[_DeviceAuthorization]:
    if server.device_endpoint is None:
        raise TheirProtocolError(
            f"the authorization server {quoted(server.issuer)} offers no login on another device",
            "log in without --device; over SSH, --paste carries the browser's address over by hand",
        )
    form: Form = {"scope": " ".join(scopes)} if scopes else {}
    if audience := server.authorize_params.get("audience"):
        form["audience"] = audience  # Auth0 wants it here too; the other parameters are for browsers
    form |= resource_parameter(server.resource)
    response = yield from _request(server.device_endpoint, applicant, form)
    while applicant.learn(response):
        response = yield from _request(server.device_endpoint, applicant, form)
    if response.status != 200:
        raise error_meaning.token_request_error(response, server.device_endpoint, "the login on another device")
    device = documents.read(response, _DeviceAuthorization, server.device_endpoint, "the device's authorization")
    gate(device.verification_uri_complete or device.verification_uri, Purpose.AUTHORIZATION)
    return device


def _request(endpoint: Url, applicant: ClientAuthentication, form: Form) -> Flow[Response]:
    headers, authenticated = yield from applicant.authenticate(form)
    return (yield from ask(Fetch(endpoint, {"accept": "application/json", **headers}, form=authenticated)))


def _added_interval(refused: OAuthRefused) -> float:
    """Seconds to add to the interval between polls; raises the error that ends the polling (RFC 8628 section 3.5)."""
    match refused.error:
        case "authorization_pending":
            return 0.0
        case "slow_down":
            return _SLOW_DOWN
        case "access_denied":
            raise AccessDenied("the login was declined", "log in again to allow it") from None
        case "expired_token":
            raise _expired_error() from None
    raise refused


def _expired_error() -> LoginRequired:
    return LoginRequired("the code was not confirmed in time", "run the command again")


def _printable(user_code: str) -> str:
    """The code without characters that could control a terminal, and not longer than a user would type."""
    return "".join(char for char in user_code if char.isprintable())[:40]
