"""The settings of a server → the part of a login's plan that they decide."""

from mcp_auth_bridge.app.configured_plan import configured_plan
from mcp_auth_bridge.config.login import BrowserSettings, DeviceSettings
from mcp_auth_bridge.urls import Purpose, gate

MCP = gate("https://mcp.example/mcp", Purpose.SERVER)


def test_a_plan_has_the_settings_of_the_server_and_no_client():
    auth = BrowserSettings(issuer="https://as.example", client_id="x", callback_port=4711, pkce="S256", scopes=("a",))
    plan = configured_plan(MCP, auth, None, None)
    assert (plan.url, plan.issuer, plan.port, plan.scopes, plan.ways.pkce) == (MCP, auth.issuer, 4711, ("a",), "S256")
    assert (plan.configured, plan.clients, plan.server_metadata) == (None, {}, None)
    assert configured_plan(MCP, DeviceSettings(), None, None).port == 0


def test_configured_endpoints_replace_the_metadata_and_need_not_name_pkce_s_method():
    places = {"authorization_endpoint": "https://as.example/a", "token_endpoint": "https://as.example/t"}
    metadata = configured_plan(MCP, BrowserSettings(issuer="https://as.example", **places), None, None).server_metadata
    assert (metadata.issuer, metadata.token_endpoint) == ("https://as.example", "https://as.example/t")
    assert metadata.code_challenge_methods_supported == ["S256"]
