"""The official SDK, version 1, as resource server and as authorization server in one.

python sdk_provider_1.py [--sse]      the transport of 2024-11-05, at /sse
"""

import sys

from ledger import Ledger
from mcp.server.fastmcp import FastMCP
from sdk_memory import Provider, add, observed, settings
from serving import serve


def build(origin: str) -> Ledger:
    provider = Provider()
    path = "/sse" if "--sse" in sys.argv else "/mcp"
    server = FastMCP("sdk", auth=settings(origin, path), auth_server_provider=provider)
    server.add_tool(add)
    return observed(server.sse_app() if path == "/sse" else server.streamable_http_app(), provider)


if __name__ == "__main__":
    serve(build)
