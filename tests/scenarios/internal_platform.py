"""Scenario S2: resource servers of an internal platform, which accept a bearer JWT or an API key.

    python internal_platform.py [--refusal message] [--sse]

JWTs are HS256 with `exp iss aud sub scope`; the resource is a URN, and so is their `aud`. Only `initialize` is open. A
refusal is HTTP 401 with a challenge that names only a realm, or, with `--refusal message`, HTTP 200 with a JSON-RPC
error. The metadata are at the place of RFC 9728 and also in the reply to a JSON-RPC method.

The authorization server is at the same origin. It knows one client and trusts one platform for workloads: the tokens
that this platform gives them (`workload_token`) are assertions (RFC 7523) and can be exchanged (RFC 8693). The
platform also issues them at /workload, as GitHub does for its jobs.
"""

import argparse
import base64
import json
import secrets
import time
from typing import Any

import jwt
from peers.observed import Observed
from peers.serving import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

RESOURCE = "urn:acme:mcp:files"
CLIENT, CLIENT_SECRET = "files-agent", "files-agent-secret-7f3a"
API_KEYS = ("key-of-monday-51c2", "key-of-tuesday-9d04")
CHALLENGE = 'Bearer realm="acme files"'
SCOPES = ("read", "write", "admin")
LIFETIME = 600
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
WORKLOADS = "https://workloads.acme.example"
WORKLOAD_KEY = "the key of the platform on which workloads run"
WORKLOAD_REQUEST = "what a job shows to be given its token"

_SIGNING_KEY = secrets.token_hex(32)


class Unauthorized(Exception):
    pass


class Refused(Exception):
    """Raised with the error code of a token response as its text."""


class Platform:
    """One resource server with its authorization server. The first API key is valid until `rotate_key`."""

    def __init__(self, origin: str, arguments: argparse.Namespace) -> None:
        self._origin = origin
        self._as_message = arguments.refusal == "message"
        self._sse = arguments.sse
        self.executed = 0
        self.renew()
        self.app = Starlette(
            routes=[
                Route("/mcp", self.mcp, methods=["POST", "DELETE"]),
                Route("/.well-known/oauth-protected-resource/mcp", self.resource_metadata),
                Route("/.well-known/oauth-authorization-server", self.server_metadata),
                Route("/token", self.token, methods=["POST"]),
                Route("/workload", self.workload),
            ]
        )

    def rotate_key(self) -> None:
        self._keys.pop(0)

    def refuse_seen_tokens(self) -> None:
        """Reject every token that was ever presented here: expiry without waiting."""
        self._refused |= self._seen

    def lock_out(self) -> None:
        """Reject all credentials from now on."""
        self._keys.clear()
        self._open = False

    def renew(self) -> None:
        """Restore the initial state."""
        self._keys = list(API_KEYS)
        self._seen: set[str] = set()
        self._refused: set[str] = set()
        self._open = True

    # The resource server

    async def mcp(self, request: Request) -> Response:
        if request.method == "DELETE":
            return Response(status_code=405)
        message = await request.json()
        method = message["method"]
        if method != "initialize":
            try:
                self._authenticate(request)
            except Unauthorized:
                return self._refusal(message)
        if "id" not in message:
            return Response(status_code=202)
        return self._answer({"jsonrpc": "2.0", "id": message["id"], **self._said(method, message.get("params", {}))})

    def _authenticate(self, request: Request) -> None:
        if request.headers.get("x-api-key") in self._keys:
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            raise Unauthorized
        self._seen.add(token)
        required = ["exp", "iss", "aud", "sub", "scope"]
        try:
            jwt.decode(
                token, _SIGNING_KEY, ["HS256"], audience=RESOURCE, issuer=self._origin, options={"require": required}
            )
        except jwt.InvalidTokenError:
            raise Unauthorized from None
        if token in self._refused or not self._open:
            raise Unauthorized

    def _refusal(self, message: dict[str, Any]) -> Response:
        if not self._as_message:
            return JSONResponse({"error": "Unauthorized"}, 401, {"www-authenticate": CHALLENGE})
        data = {"www_authenticate": CHALLENGE, "supported_methods": ["bearer", "api_key"]}
        error = {"code": 401, "message": "Authentication required", "data": data}
        return self._answer({"jsonrpc": "2.0", "id": message.get("id"), "error": error})

    def _answer(self, message: dict[str, Any]) -> Response:
        if self._sse:
            return Response(f"event: message\ndata: {json.dumps(message)}\n\n", media_type="text/event-stream")
        return JSONResponse(message)

    def _said(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "initialize":
                info = {"name": "files", "version": "1"}
                return result(protocolVersion="2025-06-18", capabilities={"tools": {}}, serverInfo=info)
            case "tools/list":
                return result(tools=[{"name": "count", "inputSchema": {"type": "object"}}])
            case "tools/call":
                self.executed += 1
                return result(content=[{"type": "text", "text": str(self.executed)}])
            case "resources/oauth-protected-resource":
                return result(**self._resource)
        return {"error": {"code": -32601, "message": f"Method not found: {method}"}}

    @property
    def _resource(self) -> dict[str, Any]:
        return {
            "resource": RESOURCE,
            "authorization_servers": [self._origin],
            "bearer_methods_supported": ["header"],
            "scopes_supported": list(SCOPES),
        }

    async def resource_metadata(self, request: Request) -> Response:
        return JSONResponse(self._resource)

    # The authorization server

    async def server_metadata(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self._origin,
                "authorization_endpoint": f"{self._origin}/authorize",
                "token_endpoint": f"{self._origin}/token",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "client_credentials", JWT_BEARER, TOKEN_EXCHANGE],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
                "scopes_supported": list(SCOPES),
            }
        )

    async def token(self, request: Request) -> Response:
        form = await request.form()
        try:
            subject = self._subject(request, {name: str(value) for name, value in form.items()})
        except Refused as refused:
            return JSONResponse({"error": str(refused)}, 400)
        if form.get("resource") != RESOURCE:
            return JSONResponse({"error": "invalid_target"}, 400)
        scope = str(form.get("scope", "read"))
        claims = {"iss": self._origin, "aud": RESOURCE, "sub": subject, "scope": scope, "jti": secrets.token_hex(8)}
        token = jwt.encode({**claims, "exp": int(time.time()) + LIFETIME}, _SIGNING_KEY, "HS256")
        issued = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME, "scope": scope}
        if form["grant_type"] == TOKEN_EXCHANGE:
            issued["issued_token_type"] = "urn:ietf:params:oauth:token-type:access_token"
        return JSONResponse(issued)

    def _subject(self, request: Request, form: dict[str, str]) -> str:
        """The subject of the token."""
        match form:
            case {"grant_type": "client_credentials"}:
                basic = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
                if request.headers.get("authorization") != f"Basic {basic}":
                    raise Refused("invalid_client")
                return CLIENT
            case {"grant_type": grant, "assertion": token} if grant == JWT_BEARER:
                return self._workload(token)
            case {"grant_type": grant, "subject_token": token, "subject_token_type": kind} if grant == TOKEN_EXCHANGE:
                if kind != JWT:
                    raise Refused("invalid_request")
                return self._workload(token)
        raise Refused("unsupported_grant_type")

    def _workload(self, token: str) -> str:
        try:
            claims = jwt.decode(token, WORKLOAD_KEY, ["HS256"], audience=self._origin, issuer=WORKLOADS)
        except jwt.InvalidTokenError:
            raise Refused("invalid_grant") from None
        return str(claims["sub"])

    async def workload(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {WORKLOAD_REQUEST}":
            return Response(status_code=401)
        return JSONResponse({"count": 1, "value": workload_token(request.query_params["audience"])})


def workload_token(audience: str, lifetime: int = 600) -> str:
    """The token that the platform puts into a workload's file."""
    claims = {"iss": WORKLOADS, "aud": audience, "sub": "system:serviceaccount:agents:agent"}
    return jwt.encode({**claims, "exp": int(time.time()) + lifetime}, WORKLOAD_KEY, "HS256")


def result(**members: Any) -> dict[str, Any]:
    return {"result": members}


def build(origin: str, arguments: argparse.Namespace) -> Observed:
    platform = Platform(origin, arguments)
    actions = (platform.rotate_key, platform.refuse_seen_tokens, platform.lock_out, platform.renew)
    return Observed(platform.app, None, {action.__name__: action for action in actions})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--refusal", choices=["status", "message"], default="status")
    parser.add_argument("--sse", action="store_true", help="answer with a stream of events")
    arguments = parser.parse_args()
    serve(lambda origin: build(origin, arguments))


if __name__ == "__main__":
    main()
