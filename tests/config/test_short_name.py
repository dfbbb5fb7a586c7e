"""The short name of a server is the label of its host that names its owner."""

import pytest

from mcp_auth_bridge.config.profile import parse_server_url
from mcp_auth_bridge.config.short_name import short_name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://mcp.acme.example/mcp", "acme"),
        ("https://acme.example", "acme"),
        ("https://api.acme.co.uk/mcp", "acme"),
        ("https://tickets.acme.example/mcp", "tickets"),
        ("https://mcp.example/", "mcp"),
        ("https://acme/mcp", "acme"),
        ("http://127.0.0.1:8000/mcp", "127.0.0.1:8000"),
        ("http://localhost:8000/mcp", "localhost:8000"),
        ("https://192.0.2.7/mcp", "192.0.2.7"),
        ("https://mcp.--all.example/mcp", "mcp"),
    ],
)
def test_a_server_without_a_name_is_called_by_its_host(url, name):
    assert short_name(parse_server_url(url, "a test")) == name
