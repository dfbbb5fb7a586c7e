"""The authorization server of scenarios with their own one: strict, with open registration.

It requires PKCE with S256 and the same `resource` in each request of a login (RFC 8707), accepts a code and a refresh
token once, and refuses requests with the header `foreign`, which is for the MCP server alone.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

LIFETIME = 3600


class AuthorizationServer:
    """`foreign` is the name of a header that must not arrive here, "" for none."""

    def __init__(self, foreign: str = "") -> None:
        self._foreign = foreign
        self.renew()

    def renew(self) -> None:
        """Restore the initial state."""
        self._clients: dict[str, list[str]] = {}
        self._codes: dict[str, Mapping[str, str]] = {}
        self._refresh: dict[str, str] = {}
        self._access: dict[str, str] = {}

    def refuse_tokens(self) -> None:
        """Refuse all earlier access tokens; refresh tokens stay valid."""
        self._access.clear()

    def resource_of(self, request: Request) -> str | None:
        """The resource of the bearer token of `request`, None without a valid token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self._access.get(token) if scheme == "Bearer" else None

    def metadata(self, issuer: str, place: str) -> dict[str, Any]:
        """The metadata of RFC 8414 section 2, with the endpoints below `place`."""
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{place}/authorize",
            "token_endpoint": f"{place}/token",
            "registration_endpoint": f"{place}/register",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
        }

    async def register(self, request: Request) -> Response:
        document = await request.json()
        if self._is_foreign(request):
            return JSONResponse({"error": "invalid_request"}, 400)
        client = secrets.token_hex(4)
        self._clients[client] = document["redirect_uris"]
        return JSONResponse({**document, "client_id": client, "token_endpoint_auth_method": "none"}, 201)

    async def authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        redirect_uri = query.get("redirect_uri", "")
        if self._is_foreign(request) or redirect_uri not in self._clients.get(query.get("client_id", ""), ()):
            return JSONResponse({"error": "invalid_request"}, 400)
        if query.get("code_challenge_method") != "S256" or "resource" not in query:
            return _back(redirect_uri, error="invalid_request", state=query["state"])
        code = secrets.token_hex(8)
        self._codes[code] = query
        return _back(redirect_uri, code=code, state=query["state"])

    async def token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        resource = "" if self._is_foreign(request) else self._granted(form)
        if not resource or form.get("resource") != resource:
            return JSONResponse({"error": "invalid_target" if resource else "invalid_grant"}, 400)
        access, refresh = secrets.token_hex(16), secrets.token_hex(16)
        self._access[access] = self._refresh[refresh] = resource
        issued = {"access_token": access, "token_type": "Bearer", "expires_in": LIFETIME, "refresh_token": refresh}
        return JSONResponse(issued)

    def _granted(self, form: dict[str, str]) -> str:
        """The resource that was requested for the grant, "" for an invalid grant."""
        if form.get("grant_type") == "refresh_token":
            return self._refresh.pop(form.get("refresh_token", ""), "")
        asked = self._codes.pop(form.get("code", ""), {})
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proven = base64.urlsafe_b64encode(proof).rstrip(b"=").decode() == asked.get("code_challenge")
        return asked["resource"] if proven and form.get("client_id") == asked["client_id"] else ""

    def _is_foreign(self, request: Request) -> bool:
        return bool(self._foreign) and self._foreign in request.headers


def _back(redirect_uri: str, **parameters: str) -> Response:
    return RedirectResponse(f"{redirect_uri}?{urlencode(parameters)}", 302)
