"""The official SDK, version 2, as resource server and as authorization server in one."""

from ledger import Ledger
from mcp.server.mcpserver import MCPServer
from sdk_memory import Provider, add, observed, settings
from serving import serve


def build(origin: str) -> Ledger:
    provider = Provider()
    server = MCPServer("sdk", auth=settings(origin), auth_server_provider=provider)
    server.add_tool(add)
    return observed(server.streamable_http_app(), provider)


if __name__ == "__main__":
    serve(build)
