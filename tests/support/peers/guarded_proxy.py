"""server-everything (npm) behind bearer tokens: a streaming reverse proxy with its own protected-resource metadata.

python guarded_proxy.py --issuer URL --node NODE [--require-header 'Name: value']
"""

import argparse
import asyncio
import json
import subprocess
from pathlib import Path

import httpx2
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from observed import Observed
from pydantic import AnyHttpUrl
from serving import serve
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from tokens import SCOPE, JwtVerifier

PEERS = Path(__file__).parent
EVERYTHING = PEERS.parents[1] / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
# RFC 9110 section 7.6.1, and the headers of each hop itself; the token is for the proxy alone.
NOT_FORWARDED = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "te",
    "upgrade",
    "host",
    "content-length",
    "authorization",
}


class Proxy:
    """Forwards one request and streams the response, chunk by chunk; hangs up upstream when the client does."""

    def __init__(self, upstream: str) -> None:
        # No timeout: an event stream may stay silent for any time.
        self._client = httpx2.AsyncClient(base_url=upstream, timeout=None, trust_env=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        forwarding = asyncio.create_task(self._forward(scope, body, send))
        hangup = asyncio.create_task(receive())
        await asyncio.wait({forwarding, hangup}, return_when=asyncio.FIRST_COMPLETED)
        hangup.cancel()
        if not forwarding.done():
            forwarding.cancel()
        await asyncio.gather(forwarding, hangup, return_exceptions=True)

    async def _forward(self, scope: Scope, body: bytes, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name.decode() not in NOT_FORWARDED]
        async with self._client.stream(scope["method"], scope["path"], headers=headers, content=body) as answer:
            kept = [(name, value) for name, value in answer.headers.raw if name.decode().lower() not in NOT_FORWARDED]
            await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
            async for chunk in answer.aiter_raw():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def start_everything(node: str) -> tuple[subprocess.Popen[bytes], str]:
    """The process and its URL; it ends when its stdin closes, and so with this process."""
    command = [node, "--import", str(PEERS / "loopback_only.mjs"), str(EVERYTHING), "streamableHttp"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return process, f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"


def build(origin: str, arguments: argparse.Namespace, upstream: str) -> ASGIApp:
    resource = AnyHttpUrl(f"{origin}/mcp")
    verifier = JwtVerifier(arguments.issuer, str(resource))
    guarded = RequireAuthMiddleware(Proxy(upstream), [SCOPE], build_resource_metadata_url(resource))
    app = Starlette(
        routes=[
            Route("/mcp", guarded),
            *create_protected_resource_routes(resource, [AnyHttpUrl(arguments.issuer)], [SCOPE]),
        ],
        middleware=[Middleware(AuthenticationMiddleware, BearerAuthBackend(verifier, resource_server_url=resource))],
    )
    return Observed(app, arguments.require_header, {"refuse_seen_tokens": verifier.refuse_seen})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--node", required=True)
    parser.add_argument("--require-header")
    arguments = parser.parse_args()
    _everything, upstream = start_everything(arguments.node)
    serve(lambda origin: build(origin, arguments, upstream))


if __name__ == "__main__":
    main()
