"""The hint for a wrong URL: the MCP endpoints that the server's metadata list."""

import contextlib
from collections.abc import AsyncIterator

from mcp_auth_bridge.errors import BridgeError, UpstreamFailed, copyable_url
from mcp_auth_bridge.oauth.mcp_endpoints import fetch_mcp_endpoints
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.run_flow import run_flow_headless
from mcp_auth_bridge.urls import Url

_NO_ENDPOINT = (404, 405, 501)


@contextlib.asynccontextmanager
async def naming_endpoints(server: Url, network: Network) -> AsyncIterator[None]:
    """For requests to the MCP endpoint `server`. If it does not exist, the error names those that the server lists."""
    try:
        yield
    except UpstreamFailed as failed:
        if failed.status not in _NO_ENDPOINT:
            raise
        with contextlib.suppress(BridgeError):  # the error itself is raised in any case
            if listed := [
                url for url in await run_flow_headless(network, fetch_mcp_endpoints(server)) if url != server
            ]:
                named = ", ".join(copyable_url(str(url)) for url in listed)
                failed.hint = f"its metadata name these MCP endpoints: {named}"
        raise
