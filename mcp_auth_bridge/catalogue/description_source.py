"""Fetches the description of a server. The user names the URL, and is shown the result before it is used."""

from mcp_auth_bridge.catalogue.remote_server import RemoteServer
from mcp_auth_bridge.catalogue.server_description import LIMIT, parse_description
from mcp_auth_bridge.effects import Fetch, Flow, ask
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.urls import Url

_ACCEPT = "application/mcp-server-card+json, application/json"


def fetch_description(url: Url) -> Flow[tuple[RemoteServer, ...]]:
    """The endpoints that the document at `url` describes. Raises `ConfigError`, and the errors of `Fetch`."""
    response = yield from ask(Fetch(url, headers={"accept": _ACCEPT}))
    if response.status != 200:
        raise ConfigError(
            f"{url} answered with HTTP status {response.status}, not with a description of a server",
            "correct the URL, or give that of the server itself: mcp-auth-bridge add NAME https://…",
        )
    return parse_description(response.body[: LIMIT + 1], str(url))
