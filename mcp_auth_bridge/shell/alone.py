"""Runs a flow in which no person takes part."""

from typing import TypeVar

from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.shell.drive import Nobody, drive
from mcp_auth_bridge.shell.http import Http
from mcp_auth_bridge.shell.network import Network

R = TypeVar("R")


async def run_alone(network: Network, flow: Flow[R]) -> R:
    """The result of `flow`, over connections of its own. Raises any `BridgeError`."""
    http = Http(network)
    try:
        return await drive(flow, http, Nobody())
    finally:
        await http.aclose()
