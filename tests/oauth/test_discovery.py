"""From an MCP server's URL to its authorization server: which one is used, and that nothing is downgraded."""

import pytest
from discovery_flow import (
    LEGACY,
    LEGACY_OIDC,
    MCP,
    METHODS,
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
from grant_flow import session
from playing import NOT_FOUND, PAGE, answer, play

from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import (
    ConfigError,
    NoLoginOffered,
    RedirectRefused,
    TheirProtocolError,
)
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.discovery import discover
from mcp_auth_bridge.oauth.metadata import ServerMetadata
from mcp_auth_bridge.oauth.trust import Trust
from mcp_auth_bridge.urls import Purpose, gate


def test_of_several_authorization_servers_the_known_one_is_chosen():
    several = answer({"resource": MCP, "authorization_servers": ["https://new.example", "https://as.example"]})
    trust = Trust(server=gate(MCP, Purpose.SERVER), issuer="https://as.example")
    assert play(discover(trust, None), [(f"{PRM}/a/b", several), (RFC8414, metadata())]).issuer == "https://as.example"


@pytest.mark.parametrize(
    ("of_server", "of_resource", "known"),
    [
        (None, None, False),
        (["plain"], None, False),
        ([], None, False),
        (["s256"], None, False),
        (["plain"], ["S256"], False),  # the server itself says otherwise
        (["S256"], None, True),
        (None, ["S256"], True),
        ([], ["plain", "S256"], True),
    ],
)
def test_s256_is_known_to_work_where_the_server_or_else_the_resource_says_so(of_server, of_resource, known):
    named = resource(code_challenge_methods_supported=of_resource)
    server = found((f"{PRM}/a/b", named), (RFC8414, metadata(code_challenge_methods_supported=of_server)))
    assert server.takes_s256 is known


ELSEWHERE_TOO = "https://login.example"


@pytest.mark.parametrize("missing", [NOT_FOUND, answer({"resource": MCP})])
def test_a_configured_issuer_is_used_where_the_server_names_none(missing):
    """hermes-agent #113018: the server publishes nothing, and the user knows where to log in."""
    start = [(f"{PRM}/a/b", missing), *([(PRM, NOT_FOUND)] if missing is NOT_FOUND else [])]
    assert knowing(*start, (RFC8414, metadata()), issuer="https://as.example").issuer == "https://as.example"


def test_a_configured_issuer_is_used_although_a_challenge_names_metadata_elsewhere():
    challenge = Challenge("bearer", {"resource_metadata": "https://other.example/prm"})
    script = [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND), (RFC8414, metadata())]
    assert knowing(*script, challenge=challenge, issuer="https://as.example").issuer == "https://as.example"


def test_a_configured_issuer_that_the_server_contradicts_is_an_error_that_names_both():
    with pytest.raises(ConfigError, match=r"takes tokens of “https://as\.example”, not of .*“https://login\.example”"):
        knowing((f"{PRM}/a/b", resource()), issuer=ELSEWHERE_TOO)


def test_a_trusted_issuer_beside_the_configured_one_does_not_allow_a_third():
    trusted = {"issuer": "https://login.example", "trusted_issuer": "https://idp.example"}
    with pytest.raises(ConfigError, match=r"takes tokens of “https://as\.example”, not of .*“https://login\.example”"):
        knowing((f"{PRM}/a/b", resource()), (RFC8414, metadata()), **trusted)
    agreed = ("agree --trust https://as.example", None)
    server = knowing((f"{PRM}/a/b", resource()), (RFC8414, metadata("https://idp.example")), agreed, **trusted)
    assert server.issuer == "https://idp.example"


def test_a_trusted_issuer_is_asked_where_the_servers_own_origin_publishes_nothing():
    """copilot-cli #4769: the origin has nothing but a redirect to it."""
    away = RedirectRefused("https://mcp.example redirects to another origin")
    start = [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND), (LEGACY, NOT_FOUND), (LEGACY_OIDC, away)]
    assert knowing(*start, (RFC8414, metadata()), trusted_issuer="https://as.example").issuer == "https://as.example"


GIVEN = ServerMetadata(
    issuer="https://as.example",
    token_endpoint="https://as.example/oauth/token-request",
    authorization_endpoint="https://as.example/oauth/authorize",
    code_challenge_methods_supported=["S256"],
)


@pytest.mark.plays("Snowflake")
@pytest.mark.parametrize("named", ["https://as.example", "https://inner.corp.example"])
def test_configured_endpoints_need_no_metadata_of_the_authorization_server(named):
    """claude-code #31349: Snowflake publishes no metadata; its endpoints are documented for people."""
    document = resource(issuer=named, scopes_supported=["read"])
    server = knowing((f"{PRM}/a/b", document), given=GIVEN, issuer="https://as.example")
    assert str(server.token_endpoint) == "https://as.example/oauth/token-request"
    assert (server.resource, server.scopes_supported, server.takes_s256) == (MCP, ("read",), True)


@pytest.mark.plays("Entra ID")
def test_configured_endpoints_and_resource_need_no_request_at_all():
    trust = Trust(server=gate(MCP, Purpose.SERVER), issuer="https://as.example")
    server = play(discover(trust, None, "urn:example:mcp", GIVEN), [])
    assert (server.resource, server.token_endpoint.path) == ("urn:example:mcp", "/oauth/token-request")


def test_an_empty_name_among_the_authorization_servers_is_ignored():
    document = answer({"resource": MCP, "authorization_servers": ["", "https://as.example"]})
    assert found((f"{PRM}/a/b", document), (RFC8414, metadata())).issuer == "https://as.example"


def test_a_document_without_a_resource_is_about_the_url():
    server = found((f"{PRM}/a/b", answer({"authorization_servers": ["https://as.example"]})), (RFC8414, metadata()))
    assert server.resource == MCP


def test_the_first_authorization_server_of_the_list_is_chosen():
    document = answer({"resource": MCP, "authorization_servers": ["https://as.example", "https://other.example"]})
    assert found((f"{PRM}/a/b", document), (RFC8414, metadata())).issuer == "https://as.example"


@pytest.mark.parametrize("servers", [[], None])
def test_a_document_without_authorization_servers_stops_the_login(servers):
    with pytest.raises(TheirProtocolError, match="name no authorization server") as raised:
        found((f"{PRM}/a/b", answer({"resource": MCP, "authorization_servers": servers})))
    assert "set issuer under auth" in raised.value.hint


def test_without_resource_metadata_the_origin_itself_is_the_authorization_server():
    server = found(
        (f"{PRM}/a/b", NOT_FOUND),
        (PRM, NOT_FOUND),
        (LEGACY, metadata("https://mcp.example", registration_endpoint="https://as.example/register")),
        ("agree --trust https://as.example", None),
    )
    assert server.issuer == "https://mcp.example"
    assert str(server.token_endpoint) == "https://as.example/token"
    assert server.resource == MCP


def test_the_metadata_at_that_origin_must_name_it_as_the_issuer():
    start = [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND)]
    with pytest.raises(TheirProtocolError, match="are of the issuer"):
        found(*start, (LEGACY, metadata()), (LEGACY_OIDC, NOT_FOUND))
    silent = metadata("https://mcp.example", **NEAR, code_challenge_methods_supported=[])
    assert not found(*start, (LEGACY, silent)).takes_s256


NOTHING = [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND), (LEGACY, NOT_FOUND), (LEGACY_OIDC, NOT_FOUND)]


@pytest.mark.parametrize("there", [answer(b"", 405), answer({"error": "invalid_request"}, 400), answer(b"", 415)])
def test_the_default_endpoints_are_used_where_one_of_them_exists(there):
    server = found(*NOTHING, (REGISTER, there))
    assert server.issuer == "https://mcp.example"
    assert [
        str(url) for url in (server.authorization_endpoint, server.token_endpoint, server.registration_endpoint)
    ] == [
        "https://mcp.example/authorize",
        "https://mcp.example/token",
        "https://mcp.example/register",
    ]


@pytest.mark.parametrize("allowed", ["POST", "POST, OPTIONS", "GET,POST"])
def test_a_default_endpoint_that_only_takes_a_post_is_found_by_options(allowed):
    options = Response(200, {"allow": (allowed,)}, b"", 1000.0)
    server = found(*NOTHING, (REGISTER, NOT_FOUND), (METHODS, options))
    assert str(server.registration_endpoint) == "https://mcp.example/register"


NO_METHODS = [
    NOT_FOUND,
    Response(204, {"access-control-allow-methods": ("POST",)}, b"", 1000.0),  # what CORS says anywhere
    Response(200, {"allow": ("GET, HEAD, OPTIONS",)}, b"", 1000.0),
]


@pytest.mark.parametrize(
    "absent",
    [
        *[[(REGISTER, NOT_FOUND), (METHODS, no)] for no in NO_METHODS],
        *[[(REGISTER, other)] for other in (PAGE, answer({}, 401), answer({}, 403))],
    ],
)
def test_a_server_without_any_oauth_is_said_to_want_a_static_token(absent):
    with pytest.raises(TheirProtocolError, match="publishes no OAuth metadata") as raised:
        found(*NOTHING, *absent)
    assert 'kind = "bearer"' in raised.value.hint
    for place in (
        "oauth-protected-resource/a/b",
        "oauth-protected-resource:",
        "oauth-authorization-server",
        "/register",
    ):
        assert place in raised.value.hint


def test_the_server_holds_the_values_of_its_metadata():
    server = found(
        (f"{PRM}/a/b", resource(scopes_supported=["read"])),
        (
            RFC8414,
            metadata(
                scopes_supported=["read", "offline_access"],
                token_endpoint_auth_methods_supported=["none"],
                authorization_response_iss_parameter_supported=True,
                revocation_endpoint="https://as.example/revoke",
            ),
        ),
    )
    assert (server.scopes_supported, server.offers_offline_access) == (("read",), True)
    assert (server.auth_methods, server.sends_issuer) == (("none",), True)
    assert str(server.revocation_endpoint) == "https://as.example/revoke"
    assert server.registration_endpoint is None


def test_null_counts_as_absent():
    nulls = dict.fromkeys(("registration_endpoint", "revocation_endpoint", "scopes_supported"))
    server = found((f"{PRM}/a/b", resource(scopes_supported=None)), (RFC8414, metadata(**nulls)))
    assert (server.registration_endpoint, server.scopes_supported, server.offers_offline_access) == (None, None, False)


BLOCKED = answer(b"<html>blocked</html>", 403, "text/html")


def test_a_firewall_that_answers_everywhere_is_named():
    places = [f"{PRM}/a/b", PRM, LEGACY, LEGACY_OIDC, REGISTER]
    with pytest.raises(TheirProtocolError) as raised:
        found(*((place, BLOCKED) for place in places))
    assert "a firewall seems to answer programs" in raised.value.hint
    assert raised.value.has_unclear_cause


def test_an_authorization_server_where_no_user_could_log_in_is_refused():
    without = metadata(authorization_endpoint=None)
    with pytest.raises(TheirProtocolError, match="no endpoint where a user could log in"):
        found((f"{PRM}/a/b", resource()), (RFC8414, without))


def test_an_issuer_that_the_user_trusts_is_asked_where_the_server_publishes_nothing():
    places = [f"{PRM}/a/b", PRM, LEGACY, LEGACY_OIDC]
    script = [*((place, NOT_FOUND) for place in places), (RFC8414, metadata())]
    assert knowing(*script, trusted_issuer="https://as.example").issuer == "https://as.example"


def test_an_issuer_without_metadata_may_be_given_by_its_endpoints():
    script = [(f"{PRM}/a/b", resource()), (RFC8414, NOT_FOUND), (OIDC, NOT_FOUND)]
    with pytest.raises(TheirProtocolError, match="publishes no metadata that can be used") as raised:
        found(*script)
    assert raised.value.has_unclear_cause


def test_a_register_that_redirects_is_not_there():
    places = [f"{PRM}/a/b", PRM, LEGACY, LEGACY_OIDC]
    away = RedirectRefused("it redirects to another origin")
    with pytest.raises(NoLoginOffered):
        found(*((place, NOT_FOUND) for place in places), (REGISTER, away))


def test_the_last_issuer_may_be_found_behind_another_location():
    script = [(f"{PRM}/a/b", resource(issuer="https://elsewhere.example"))]
    at = "GET https://elsewhere.example/.well-known/oauth-authorization-server"
    known = knowing(
        *script, (at, metadata()), trusted_issuer="https://as.example", last=session(issuer="https://as.example")
    )
    assert known.issuer == "https://as.example"
