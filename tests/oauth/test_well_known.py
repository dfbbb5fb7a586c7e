"""Well-known URLs: which responses are passed over, which end the discovery, and what is noted of each."""

import pytest
from discovery_flow import (
    LEGACY,
    LEGACY_OIDC,
    MCP,
    NEAR,
    OIDC,
    PRM,
    REGISTER,
    RFC8414,
    found,
    knowing,
    metadata,
    resource,
)
from playing import NOT_FOUND, PAGE, answer

from mcp_auth_bridge.errors import (
    OutcomeUnknown,
    RedirectRefused,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.challenge import Challenge


def test_every_discovery_request_names_a_protocol_version_and_asks_for_json():
    asked = []
    found((f"{PRM}/a/b", resource()), (RFC8414, metadata()), asked=asked)
    assert all(fetch.headers["mcp-protocol-version"] == "2025-11-25" for fetch in asked)
    assert all(fetch.headers["accept"] == "application/json" for fetch in asked)


@pytest.mark.parametrize(
    "odd",
    [
        RedirectRefused("https://mcp.example redirects to another origin, https://login.example"),
        resource("https://mcp.example/other"),
        answer({"error": "not_found"}),
        answer({}),
        answer([]),
        answer(b"OK", kind="text/plain"),
        answer(b"{"),
    ],
)
def test_an_odd_response_at_one_url_is_noted_and_the_next_url_is_tried(odd):
    """mike #344, elementor-mcp #130: the document of another resource, a redirect to a sign-in page, a soft 404."""
    issuer = "https://as.example/t1"
    server = found(
        (f"{PRM}/a/b", odd),
        (PRM, resource(issuer=issuer)),
        (f"{RFC8414}/t1", odd),
        (f"{OIDC}/t1", odd),
        ("GET https://as.example/t1/.well-known/openid-configuration", metadata(issuer)),
    )
    assert (server.issuer, server.resource) == (issuer, MCP)
    challenge = Challenge("bearer", {"resource_metadata": "https://mcp.example/custom"})
    custom = ("GET https://mcp.example/custom", odd)
    found(custom, (f"{PRM}/a/b", resource()), (RFC8414, metadata()), challenge=challenge)


def test_a_url_that_is_named_twice_is_requested_once():
    challenge = Challenge("bearer", {"resource_metadata": "https://mcp.example/.well-known/oauth-protected-resource"})
    found((PRM, NOT_FOUND), (f"{PRM}/a/b", resource()), (RFC8414, metadata()), challenge=challenge)


@pytest.mark.parametrize("soft", [answer({"error": "not_found"}), answer({})])
def test_an_empty_document_counts_as_absent(soft):
    script = [(f"{PRM}/a/b", soft), (PRM, soft), (LEGACY, metadata("https://mcp.example", **NEAR))]
    assert found(*script).issuer == "https://mcp.example"


def test_odd_responses_are_in_the_hint_of_the_last_error():
    away = RedirectRefused("https://as.example redirects to another origin, https://idp.example, which is not followed")
    with pytest.raises(TheirProtocolError, match="publishes no metadata that can be used") as raised:
        found((f"{PRM}/a/b", resource()), (RFC8414, away), (OIDC, PAGE))
    assert "https://idp.example" in raised.value.hint
    assert "authorization_endpoint and token_endpoint" in raised.value.hint


WALL = answer(b"<!DOCTYPE html><title>Just a moment...</title>", 403, "text/html")


def test_a_firewall_that_answers_every_request_with_a_page_is_suspected():
    """claude-code #72673: the server's operator has to let programs pass."""
    with pytest.raises(TheirProtocolError, match="publishes no OAuth metadata") as raised:
        found(*((place, WALL) for place in (f"{PRM}/a/b", PRM, LEGACY, LEGACY_OIDC, REGISTER)))
    assert "firewall" in raised.value.hint
    assert "static token" not in raised.value.message
    with pytest.raises(TheirProtocolError, match="no metadata that can be used") as raised:
        knowing(*((place, WALL) for place in (f"{PRM}/a/b", PRM, RFC8414, OIDC)), issuer="https://as.example")
    assert "firewall" in raised.value.hint


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"resource": 1}', b'{"resource": "\xff"}', b"\xff\xfe", b"[" * 100_000]
)
def test_a_document_that_cannot_be_read_stops_the_login_instead_of_downgrading_it(body):
    with pytest.raises(TheirProtocolError):
        found((f"{PRM}/a/b", answer(body)), (PRM, NOT_FOUND))


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_server_that_is_down_for_a_moment_stops_the_login_at_every_step(status):
    down = answer(b"", status)
    for script in (
        [(f"{PRM}/a/b", down)],
        [(f"{PRM}/a/b", NOT_FOUND), (PRM, down)],
        [(f"{PRM}/a/b", resource()), (RFC8414, down)],
        [(f"{PRM}/a/b", resource()), (RFC8414, NOT_FOUND), (OIDC, down)],
        [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND), (LEGACY, down)],
        [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND), (LEGACY, NOT_FOUND), (LEGACY_OIDC, NOT_FOUND), (REGISTER, down)],
    ):
        with pytest.raises(UpstreamFailed) as raised:
            found(*script)
        assert raised.value.status == status


@pytest.mark.parametrize("error", [Unreachable("no route"), OutcomeUnknown("cut off"), TheirProtocolError("elsewhere")])
def test_a_missing_response_stops_the_login_at_every_step(error):
    for script in (
        [(f"{PRM}/a/b", error)],
        [(f"{PRM}/a/b", resource()), (RFC8414, error)],
        [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND), (LEGACY, error)],
    ):
        with pytest.raises(type(error)):
            found(*script)
