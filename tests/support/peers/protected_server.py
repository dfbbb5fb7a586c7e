"""The official SDK's server, protected by bearer tokens of a real authorization server.

python protected_server.py --issuer URL [--require-header 'Name: value'] [--json] [--dpop]
"""

import argparse
import asyncio

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import Context, MCPServer
from observed import Observed
from proof_guard import ProofGuard
from pydantic import BaseModel
from serving import serve
from starlette.types import ASGIApp
from tokens import SCOPE, JwtVerifier


class Answer(BaseModel):
    answer: str


def tools(server: MCPServer) -> None:
    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    def echo(text: str) -> str:
        """Say it again."""
        return text

    @server.tool()
    def big(size: int) -> str:
        """`size` letters."""
        return "x" * size

    @server.tool()
    def whoami() -> str:
        """The account that the access token speaks for."""
        token = get_access_token()
        return (token and token.subject) or "nobody"

    @server.tool()
    async def slow(ctx: Context, steps: int = 3, seconds: float = 0.01) -> str:
        """Work in `steps`, each of `seconds`, with progress after each."""
        for step in range(steps):
            await asyncio.sleep(seconds)
            await ctx.report_progress(step + 1, steps)
        return f"{steps} steps"

    @server.tool()
    async def ask(ctx: Context, question: str) -> str:
        """Ask the person (a request from the server to the client) and repeat the answer."""
        result = await ctx.elicit(question, Answer)
        return result.data.answer if result.action == "accept" else result.action

    @server.tool()
    async def grow(ctx: Context, name: str) -> str:
        """Offer one more tool, and say so: on the session's stream and to subscribers."""
        server.add_tool(lambda: name, name=name)
        await ctx.session.send_tool_list_changed()
        await ctx.notify_tools_changed()
        return name


def build(origin: str, arguments: argparse.Namespace) -> ASGIApp:
    resource = f"{origin}/mcp"
    verifier = JwtVerifier(arguments.issuer, resource)
    auth = AuthSettings(
        issuer_url=arguments.issuer,
        resource_server_url=resource,
        required_scopes=[SCOPE],
        validate_token_resource=True,
    )
    server = MCPServer("protected", auth=auth, token_verifier=verifier)
    tools(server)
    app: ASGIApp = server.streamable_http_app(json_response=arguments.json)
    if arguments.dpop:
        app = ProofGuard(app, resource)
    return Observed(app, arguments.require_header, {"refuse_seen_tokens": verifier.refuse_seen})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--require-header")
    parser.add_argument("--json", action="store_true", help="answer with JSON instead of an event stream")
    parser.add_argument("--dpop", action="store_true", help="want each token proven (RFC 9449)")
    arguments = parser.parse_args()
    serve(lambda origin: build(origin, arguments))


if __name__ == "__main__":
    main()
