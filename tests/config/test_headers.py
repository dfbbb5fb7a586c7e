"""Headers that a configuration may name, and those that it may not."""

import pytest
from configured import refused, server


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "cookie",
        "Content-Type",
        "Connection",
        "Transfer-Encoding",
        "TE",
        "Upgrade",
        "Proxy-Authorization",
        "Accept",
        "AUTHORIZATION",
        "DPoP",
        "Origin",
        "Last-Event-ID",
        "Mcp-Session-Id",
        "MCP-Protocol-Version",
        "Accept-Encoding",
    ],
)
def test_a_header_that_the_bridge_itself_sets_is_refused(name):
    assert "set by the bridge itself" in refused(server(f'headers = {{ {name} = "hunter2" }}'))


@pytest.mark.parametrize(
    "headers",
    [
        "{ 'X Y' = '1' }",
        "{ '' = '1' }",
        "{ 'X:' = '1' }",
        "{ X-A = '1', x-a = '2' }",
        '{ X = "hunter2\\r\\nY: 1" }',
        "{ X = ' hunter2' }",
        "{ X = 'hünter2' }",
        '{ X = "hunter2\\u0000" }',
    ],
)
def test_a_header_that_http_cannot_carry_is_refused_without_its_value(headers):
    message = refused(server(f"headers = {headers}"))
    assert "servers.acme.headers" in message
    assert "nter2" not in message
