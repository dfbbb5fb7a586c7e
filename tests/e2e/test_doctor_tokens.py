"""What `doctor` says of tokens of oidc-provider with a wrong audience, of another issuer, and after their end."""

import json
from typing import Any

import pytest
from peer import AuthorizationServer, McpServer

OTHER = "https://other-service.example/mcp"


def verdict(bridge, *arguments: str) -> dict[str, Any]:
    done = bridge.run("doctor", *arguments, "--json")
    return json.loads(done.stdout)["verdict"]


@pytest.fixture
def signed_in(bridge, protected_server) -> Any:
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    return bridge


def test_a_login_that_works_is_no_fault(signed_in) -> None:
    assert verdict(signed_in, "acme")["blame"] == "nothing"


def test_a_login_whose_tokens_are_for_another_service_is_told_by_their_audience(
    signed_in, authorization_server, protected_server
) -> None:
    authorization_server.control({"audience": OTHER})
    protected_server.control(["refuse_seen_tokens"])
    assert signed_in.run("tools", "acme").returncode != 0  # renews the login, and gets a token for the other service
    found = verdict(signed_in, "acme")
    assert found["blame"] in ("authorization_server", "unknown", "you"), found  # the server does not say why it refuses
    assert "made for “other-service.example” (its aud)" in found["sentence"]
    assert "mcp-auth-bridge tools acme" in found["step"]


def test_a_token_of_another_place_is_the_user_s_to_replace(signed_in, protected_server, logs) -> None:
    signed_in.environment["ACME_TOKEN"] = signed_in.run("token", "acme").stdout.strip()
    issuer = AuthorizationServer("oidc/server.mjs", logs / "second-oidc.log")
    server = McpServer("protected_server.py", issuer.about["issuer"], logs / "second-mcp.log")
    try:
        found = verdict(signed_in, server.url, "--auth", 'kind = "bearer", token = "env:ACME_TOKEN"')
    finally:
        server.stop()
        issuer.stop()
    assert found["blame"] in ("you", "unknown"), found  # the server does not say why it refuses
    assert f"its aud is “{protected_server.url}”, not “{server.url}”" in found["sentence"]
    assert "ACME_TOKEN" in found["step"]


def test_a_token_that_the_server_ended_before_its_time_is_renewed(signed_in, protected_server) -> None:
    protected_server.control(["refuse_seen_tokens"])
    signed_in.run("doctor", "acme")
    protected_server.control(["refuse_seen_tokens"])
    found = verdict(signed_in, "acme")
    assert found["blame"] in ("unknown", "you"), found
    assert "mcp-auth-bridge tools acme" in found["step"]
