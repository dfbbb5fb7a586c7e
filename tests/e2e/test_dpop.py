"""Tokens bound to a key, end to end: oidc-provider with nonces, and an MCP server that verifies each proof."""

import pytest


@pytest.fixture
def proven_server(authorization_server, running):
    """The SDK's server without bearer tokens: each request must prove that the sender owns its token."""
    authorization_server.control({"dpopNonce": True})
    return running("protected_server.py", "--dpop", "--json")


def said(client):
    return client.call("echo", {"text": "hi"})["result"]["content"][0]["text"]


def test_login_calls_and_refresh_use_proofs_and_nonces_at_both_servers(bridge, authorization_server, proven_server):
    bridge.add_server("acme", proven_server.url)
    bridge.login("acme")
    assert authorization_server.counters["token"]["authorization_code"] == {"use_dpop_nonce": 1, "success": 1}
    proven_server.control(["reset"])
    with bridge.stdio("acme") as client:
        client.initialize()
        assert [said(client), said(client)] == ["hi", "hi"]
        proven_server.control(["refuse_seen_tokens"])
        assert said(client) == "hi"
    assert authorization_server.refreshes == {"use_dpop_nonce": 1, "success": 1}
    assert authorization_server.counters["reuseDetections"] == 0
    requests = proven_server.mcp_requests()
    proofs = [request["headers"]["dpop"] for request in requests]
    assert len(set(proofs)) == len(proofs)
    assert {request["headers"]["authorization"] for request in requests} == {"DPoP …"}
    assert {request["http"] for request in requests} >= {"POST", "DELETE"}
