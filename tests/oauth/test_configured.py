"""The authorization server that a machine's configuration names, whatever the MCP server says."""

import pytest
from machine_flow import AS, MCP, METADATA, PRM, TOKEN, client, described, discovery, metadata, plan, sent, tokens
from playing import NOT_FOUND, play

from mcp_auth_bridge.errors import (
    ConfigError,
    TheirProtocolError,
)
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.configured import ConfiguredClient, server_at_endpoint
from mcp_auth_bridge.oauth.machine import (
    obtain,
)
from mcp_auth_bridge.urls import Purpose, gate


def test_the_place_of_the_metadata_in_the_challenge_is_used():
    challenge = Challenge("bearer", {"resource_metadata": "https://mcp.example/meta"})
    play(
        obtain(plan(), challenge), [("GET https://mcp.example/meta", described()), *discovery()[1:], (TOKEN, tokens())]
    )


@pytest.mark.parametrize(("resource", "stated"), [("urn:acme", "urn:acme"), ("none", None)])
def test_the_configured_resource_is_stated_instead_and_none_at_all_if_so_configured(resource, stated):
    asked = []
    named = described(resource=resource if stated else MCP)
    play(obtain(plan(resource=resource)), [*discovery(named), (TOKEN, tokens())], asked)
    assert sent(asked[-1])[0].get("resource") == stated


def test_a_server_without_resource_metadata_is_reached_by_the_configured_issuer():
    script = [(f"{PRM}/mcp", NOT_FOUND), (PRM, NOT_FOUND), (METADATA, metadata()), (TOKEN, tokens())]
    assert play(obtain(plan()), script).resource == MCP


def test_a_secret_goes_to_no_issuer_that_the_mcp_server_names_instead():
    named = described(authorization_servers=["https://evil.example"])
    with pytest.raises(ConfigError, match=r"takes tokens of “https://evil\.example”"):
        play(obtain(plan()), [(f"{PRM}/mcp", named)])


def test_metadata_of_another_issuer_are_no_place_for_a_secret():
    nothing = (f"GET {AS}/.well-known/openid-configuration", NOT_FOUND)
    with pytest.raises(TheirProtocolError, match="are of the issuer"):
        play(obtain(plan()), [*discovery(server=metadata("https://evil.example")), nothing])


def test_an_issuer_without_metadata_is_named_with_the_line_that_helps():
    script = [*discovery(server=NOT_FOUND), (f"GET {AS}/.well-known/openid-configuration", NOT_FOUND)]
    with pytest.raises(ConfigError, match="publishes no metadata") as raised:
        play(obtain(plan()), script)
    assert "token_endpoint" in raised.value.hint


def test_with_an_explicit_token_endpoint_the_resource_is_the_mcp_servers_or_the_configured_one():
    registration = ConfiguredClient(token_endpoint=f"{AS}/token", client=client())
    url = gate(MCP, Purpose.SERVER)
    named = [server_at_endpoint(registration, url, None, each) for each in ("", "https://api.example", "none")]
    assert [each.resource for each in named] == [MCP, "https://api.example", MCP]
    assert {(each.issuer, str(each.token_endpoint)) for each in named} == {(f"{AS}/token", f"{AS}/token")}
