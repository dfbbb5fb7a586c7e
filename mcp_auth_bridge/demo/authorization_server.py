"""The HTTP endpoints of the demo's authorization server. They parse requests; `Grants` makes the decisions."""

from typing import Any, cast
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from mcp_auth_bridge.demo import pages
from mcp_auth_bridge.demo.grants import Grants
from mcp_auth_bridge.demo.rules import SCOPES, error_members, oauth_error
from mcp_auth_bridge.errors import OAuthRefused
from mcp_auth_bridge.urls import Purpose, gate

_NO_STORE = {"cache-control": "no-store"}  # RFC 6749 section 5.1


def authorization_server(grants: Grants) -> Starlette:
    server = _AuthorizationServer(grants)
    routes = [
        Route("/.well-known/oauth-authorization-server", server.metadata),
        Route("/register", server.register, methods=["POST"]),
        Route("/authorize", server.authorize),
        Route("/consent", server.consent, methods=["POST"]),
        Route("/token", server.token, methods=["POST"]),
        Route("/revoke", server.revoke, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={OAuthRefused: _error_response})


class _AuthorizationServer:
    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    async def metadata(self, _: Request) -> Response:
        """The metadata (RFC 8414 section 2, RFC 9207 section 3)."""
        issuer = self._grants.issuer
        document = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "registration_endpoint": f"{issuer}/register",
            "revocation_endpoint": f"{issuer}/revoke",
            "scopes_supported": SCOPES,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        return JSONResponse(document)

    async def register(self, request: Request) -> Response:
        try:
            document = msgspec.json.decode(await request.body(), type=dict[str, Any])  # any JSON object
        except msgspec.DecodeError:
            raise oauth_error("invalid_client_metadata", "the registration is not a JSON object") from None
        client = self._grants.register(document)
        answer = {
            "client_id": client.id,
            "client_name": client.name,
            "redirect_uris": client.redirect_uris,
            "grant_types": client.grant_types,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }
        return JSONResponse(answer, 201, _NO_STORE)

    async def authorize(self, request: Request) -> Response:
        """The consent page. An error is redirected only if the redirect URI is known to belong to the client."""
        try:
            parameters = _parse_parameters(request.url.query)
            client = self._grants.find_client(parameters)
        except OAuthRefused as refusal:
            return HTMLResponse(pages.refusal_page(refusal.message), 400, pages.security_headers())
        redirect_uri = parameters["redirect_uri"]
        try:
            ticket, asked = self._grants.open_request(client, parameters)
        except OAuthRefused as refusal:
            return _redirect(
                self._grants.authorization_response(redirect_uri, parameters.get("state"), **error_members(refusal))
            )
        page = pages.consent_page(asked, self._grants.resource, ticket)
        return HTMLResponse(page, headers=pages.security_headers(gate(redirect_uri, Purpose.REDIRECT).origin))

    async def consent(self, request: Request) -> Response:
        try:
            form = await _read_form(request)
            location = self._grants.decide(form.get("ticket", ""), allowed=form.get("decision") == "allow")
        except OAuthRefused as refusal:
            return HTMLResponse(pages.refusal_page(refusal.message), 400, pages.security_headers())
        return _redirect(location)

    async def token(self, request: Request) -> Response:
        tokens = self._grants.issue_tokens(await _read_form(request))
        answer = {
            "access_token": tokens.access.reveal(),
            "token_type": "Bearer",
            "expires_in": tokens.expires_in,
            "scope": tokens.scope,
        }
        if tokens.refresh is not None:
            answer["refresh_token"] = tokens.refresh.reveal()
        return JSONResponse(answer, headers=_NO_STORE)

    async def revoke(self, request: Request) -> Response:
        self._grants.revoke(await _read_form(request))
        return Response(headers=_NO_STORE)


async def _error_response(_: Request, error: Exception) -> Response:
    """An error response (RFC 6749 section 5.2). HTTP requires a challenge with every 401 (RFC 9110 section 15.5.2)."""
    refusal = cast("OAuthRefused", error)  # Starlette's type is wider than its promise
    challenge = {"www-authenticate": 'Basic realm="demo"'} if refusal.status == 401 else {}
    return JSONResponse(error_members(refusal), refusal.status, _NO_STORE | challenge)


async def _read_form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise oauth_error("invalid_request", "the body must be application/x-www-form-urlencoded")
    return _parse_parameters((await request.body()).decode("utf-8", "replace"))


def _parse_parameters(text: str) -> dict[str, str]:
    """The parameters in `text`. None may be repeated, and empty ones count as absent (RFC 6749 section 3.1)."""
    pairs = parse_qsl(text)
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise oauth_error("invalid_request", "a parameter comes more than once")
    return parameters


def _redirect(location: str) -> Response:
    """A redirect with 303, so that the browser drops the form and its method (RFC 9700 section 4.12)."""
    return RedirectResponse(location, 303, {"cache-control": "no-store", "referrer-policy": "no-referrer"})
