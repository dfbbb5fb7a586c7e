"""Headers that a configuration may name, and those that it may not."""

import pytest
from configured import refused, server

from mcp_auth_bridge.config import headers
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import EnvironmentVariable, Literal


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
    "table",
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
def test_a_header_that_http_cannot_carry_is_refused_without_its_value(table):
    message = refused(server(f"headers = {table}"))
    assert "servers.acme.headers" in message
    assert "nter2" not in message


def test_no_variable_is_expanded_on_the_command_line():
    given = {"X-Org": "42", "X-Key": "env:K", "X-Text": "literal:${X}"}
    assert headers.parse_unexpanded(given, "--header") == headers.parse(given, "--header")
    with pytest.raises(ConfigError, match=r"^--header: X-Org has a \$\{, which is not expanded") as raised:
        headers.parse_unexpanded({"X-Org": "hunter2${X}"}, "--header")
    assert "hunter2" not in raised.value.message + raised.value.hint


def test_credentials_may_be_in_the_authorization_header():
    assert headers.parse_credentials({"Authorization": "env:A"}, "here") == {"Authorization": EnvironmentVariable("A")}


def test_the_later_of_two_headers_wins_regardless_of_case():
    own = {"X-Org": Literal("1"), "X-Two": Literal("2")}
    assert headers.merge(own, {"x-org": Literal("9")}) == {"X-Two": Literal("2"), "x-org": Literal("9")}


def test_a_value_that_a_header_can_carry_is_returned():
    assert [headers.check_value(value, "here") for value in ("", "a b")] == ["", "a b"]
