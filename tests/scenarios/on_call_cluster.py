"""Scenario S3: the servers of an on-call agent in a cluster.

    python on_call_cluster.py

Five MCP servers at one origin, each at its own path:

/loose    validates nothing: any `Authorization` header is accepted
/strict   validates RS256 with the JWKS of its issuer, issuer and expiry, and refuses with one and the same sentence
/bound    validates the same, and the audience
/gateway  is behind a filter like Envoy, which answers in plain text
/silent   accepts a request and never answers

No server checks more than that, has OAuth metadata or sends a challenge. GET /mint?… issues a token.
"""

import asyncio
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from peers.observed import Observed
from peers.serving import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

LIFETIME = 600
REFUSED = {"error": "invalid_token", "error_description": "The access token is malformed or invalid"}

_KEY = rsa.generate_private_key(65537, 2048)


class Cluster:
    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._ended: set[str] = set()
        self._seen: set[str] = set()
        routes = [Route(f"/{name}/mcp", self._guarded(name), methods=["POST"]) for name in ("loose", "strict", "bound")]
        self.app = Starlette(
            routes=[
                *routes,
                Route("/gateway/mcp", self.gateway, methods=["POST"]),
                Route("/silent/mcp", self.silent, methods=["POST"]),
                Route("/mint", self.mint),
            ]
        )

    def end_seen_tokens(self) -> None:
        """Reject every token that was ever presented here."""
        self._ended |= self._seen

    async def mint(self, request: Request) -> Response:
        """A token with the claims of the query and an `exp` that is `in` seconds away."""
        query = dict(request.query_params)
        ends = int(time.time()) + int(query.pop("in", LIFETIME))
        claims = {"iss": self._origin, "sub": "on-call", "exp": ends, **query}
        return PlainTextResponse(jwt.encode(claims, _KEY, "RS256"))

    def _guarded(self, name: str) -> Any:
        async def endpoint(request: Request) -> Response:
            if not self._admits(name, _token(request)):
                return JSONResponse(REFUSED, 401)
            return await _answer(request)

        return endpoint

    async def gateway(self, request: Request) -> Response:
        try:
            self._claims(_token(request), issuer=self._origin)
        except jwt.InvalidIssuerError:
            return PlainTextResponse("Jwt issuer is not configured", 401)
        except jwt.InvalidTokenError:
            return PlainTextResponse("Jwt is not in the form of Header.Payload.Signature", 401)
        return await _answer(request)

    async def silent(self, _: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    def _admits(self, name: str, token: str) -> bool:
        if name == "loose":
            return bool(token)
        self._seen.add(token)
        audience = {"audience": f"{self._origin}/bound/mcp"} if name == "bound" else {}
        try:
            self._claims(token, issuer=self._origin, **audience)
        except jwt.InvalidTokenError:
            return False
        return token not in self._ended

    def _claims(self, token: str, **expected: str) -> dict[str, Any]:
        options = {"verify_aud": "audience" in expected}
        return jwt.decode(token, _KEY.public_key(), algorithms=["RS256"], options=options, **expected)


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


async def _answer(request: Request) -> Response:
    """A minimal MCP server: its only tool tells the query of the request URL."""
    message = json.loads(await request.body())
    results = {
        "initialize": {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "cluster", "version": "1"},
        },
        "tools/list": {"tools": [{"name": "query", "inputSchema": {"type": "object"}}]},
        "tools/call": {"content": [{"type": "text", "text": request.scope["query_string"].decode()}]},
    }
    if "id" not in message:
        return Response(status_code=202)
    result = results.get(message["method"])
    if result is None:
        error = {"code": -32601, "message": "no such method"}
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": error})
    return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": result})


def build(origin: str) -> Any:
    cluster = Cluster(origin)
    return Observed(cluster.app, None, {"end_seen_tokens": cluster.end_seen_tokens})


if __name__ == "__main__":
    serve(build)
