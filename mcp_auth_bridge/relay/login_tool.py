"""The name of the tool that takes the place of a server's tools while they cannot be listed without a login.

Clients put their own name for the server before the name of a tool, and models take 64 characters at most
(`mcp__SERVER__TOOL` in Claude Code), so the name is short.
"""

import re

from mcp_auth_bridge.config.short_name import short_name
from mcp_auth_bridge.urls import Purpose, gate

_LONGEST = 24  # characters of the server's name


def login_tool_name(server: str) -> str:
    """The name of the tool for `server`, which is a name in the configuration, or a URL."""
    name = short_name(gate(server, Purpose.PLAIN_SERVER)) if "://" in server else server
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '_', name)[:_LONGEST]}_login"
