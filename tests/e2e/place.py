"""An authorization server with an MCP server behind it, and helpers that ask about the bridge's login there."""

import json
from collections.abc import Callable
from typing import Any

from installed import Bridge
from peer import AuthorizationServer, McpServer
from words import text

ORGANISATION = ("X-Organisation", "acme-42")


class Place:
    """An authorization server, the MCP server behind it, and a function that invalidates all current tokens there."""

    def __init__(self, server: AuthorizationServer, url: str, refuse_tokens: Callable[[], object]) -> None:
        self.server = server
        self.url = url
        self.refuse_tokens = refuse_tokens

    @property
    def counters(self) -> dict[str, Any]:
        return self.server.counters

    def end_grants(self) -> None:
        """Ends all grants, as an administrator does who signs all users out."""
        self.server.control({"revokeAll": True})
        self.refuse_tokens()


def status(bridge: Bridge) -> dict[str, Any]:
    """The single line of `status --json`."""
    done = bridge.run("status", "--json")
    assert done.returncode == 0, done.stderr
    (line,) = json.loads(done.stdout)
    return line


def says_to_log_in(answer: dict[str, Any]) -> bool:
    """Whether a tool's result names the login command."""
    return answer["result"]["isError"] and "mcp-auth-bridge login acme" in text(answer)


def at_oidc_provider(server: AuthorizationServer, protected: McpServer) -> Place:
    return Place(server, protected.url, lambda: protected.control(["refuse_seen_tokens"]))


def at_worker(server: AuthorizationServer) -> Place:
    return Place(server, server.url, lambda: server.control({"refuseTokens": True}))
