"""The short name of a server to which the configuration gives no name."""

from mcp_auth_bridge.urls import Url

_GENERAL = frozenset(["ai", "api", "app", "gateway", "mcp", "mcp-server", "remote", "server", "www"])
"""Labels of host names that do not name the owner of a server."""


def short_name(url: Url) -> str:
    """The label of the host that names the owner of the server at `url`: `acme` for `mcp.acme.example`."""
    if url.is_loopback or ":" in url.host or url.host.replace(".", "").isdigit():
        return url.authority
    labels = url.host.rstrip(".").split(".")[:-1] or [url.host]
    # A command would take a label that begins with a hyphen for an option.
    return next((label for label in labels if label not in _GENERAL and not label.startswith("-")), labels[0])
