"""How long MCP clients wait for the reply to their `initialize`: measured, or as their users report."""

from typing import Any

UNKNOWN = 2.0
"""Seconds for any other client: Cline ends a server 2.9 s after it has started its process."""

_KNOWN = {
    "claude-code": 20.0,  # gives up after 27 s
    "codex-mcp-client": 20.0,  # after 30 s
    "opencode": 10.0,  # after 30 s, and its user waits for all that time
    "gemini-cli-mcp-client": 10.0,  # after more than 70 s, and its user waits
    "claude-ai": 20.0,  # Claude Desktop, after 60 s (claude-code #84136)
    "cursor-vscode": 20.0,  # after 60 s (cursor #3887)
    "Zed": 20.0,  # after 60 s
    "Visual Studio Code": 20.0,  # never
}
"""Seconds that the server has, by the beginning of `clientInfo.name`: below the client's own limit by a third."""


def patience(client_info: Any) -> float:
    """The seconds that the client waits for certain. Any: `client_info` is any JSON."""
    name = client_info.get("name") if isinstance(client_info, dict) else None
    known = (seconds for begin, seconds in _KNOWN.items() if isinstance(name, str) and name.startswith(begin))
    return next(known, UNKNOWN)
