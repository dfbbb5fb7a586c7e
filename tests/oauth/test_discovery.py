"""From an MCP server's URL to its authorization server: every order, every refusal, no downgrade."""

import pytest
from playing import NOT_FOUND, PAGE, answer, play

from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import (
    ConfigError,
    OutcomeUnknown,
    RedirectRefused,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
    UrlRefused,
    offered,
)
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.discovery import discover
from mcp_auth_bridge.oauth.dpop import Binding
from mcp_auth_bridge.oauth.metadata import ServerMetadata
from mcp_auth_bridge.oauth.trust import Trust
from mcp_auth_bridge.urls import Purpose, gate

MCP = "https://mcp.example/a/b"
PRM = "GET https://mcp.example/.well-known/oauth-protected-resource"
RFC8414 = "GET https://as.example/.well-known/oauth-authorization-server"
OIDC = "GET https://as.example/.well-known/openid-configuration"
LEGACY = "GET https://mcp.example/.well-known/oauth-authorization-server"
LEGACY_OIDC = "GET https://mcp.example/.well-known/openid-configuration"
REGISTER = "GET https://mcp.example/register"
METHODS = "OPTIONS https://mcp.example/register"


def resource(named=MCP, issuer="https://as.example", **more):
    return answer({"resource": named, "authorization_servers": [issuer], **more})


def metadata(issuer="https://as.example", **more):
    return answer(
        {
            "issuer": issuer,
            "authorization_endpoint": "https://as.example/authorize",
            "token_endpoint": "https://as.example/token",
            "code_challenge_methods_supported": ["plain", "S256"],
            **more,
        }
    )


def found(*script, url=MCP, challenge=None, override="", asked=None):
    return play(discover(Trust(server=gate(url, Purpose.SERVER)), challenge, override), script, asked)


def test_the_metadata_that_the_challenge_names_are_taken_from_any_path_without_probing():
    challenge = Challenge("bearer", {"resource_metadata": "https://mcp.example/custom/place.json"})
    server = found(
        ("GET https://mcp.example/custom/place.json", resource()), (RFC8414, metadata()), challenge=challenge
    )
    assert server.issuer == "https://as.example"


def test_a_challenge_naming_metadata_that_do_not_exist_is_no_reason_to_skip_the_well_known_ones():
    challenge = Challenge("bearer", {"resource_metadata": "https://mcp.example/gone"})
    gone = ("GET https://mcp.example/gone", NOT_FOUND)
    server = found(gone, (f"{PRM}/a/b", NOT_FOUND), (PRM, resource()), (RFC8414, metadata()), challenge=challenge)
    assert server.issuer == "https://as.example"


# Servers behind a proxy name their inner host; hostile ones name somebody else's.
ELSEWHERE = [
    "http://mcp.example/prm",
    "https://other.example/prm",
    "https://mcp.example:8443/prm",
    "file:///prm",
    "prm",
]


@pytest.mark.parametrize("named", ELSEWHERE)
def test_a_challenge_naming_metadata_of_another_origin_is_not_followed(named):
    challenge = Challenge("bearer", {"resource_metadata": named})
    assert found((f"{PRM}/a/b", resource()), (RFC8414, metadata()), challenge=challenge).issuer == "https://as.example"


@pytest.mark.parametrize("named", ELSEWHERE)
def test_without_other_metadata_the_refused_place_is_named_and_so_is_the_setting(named):
    challenge = Challenge("bearer", {"resource_metadata": named})
    with pytest.raises(TheirProtocolError, match="it says that they are at") as raised:
        found((f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND), challenge=challenge)
    assert named in raised.value.message
    assert "resource_metadata = " in raised.value.hint
    assert "is not followed" in raised.value.hint


def test_the_place_that_the_configuration_names_is_the_only_one():
    trust = Trust(server=gate(MCP, Purpose.SERVER), resource_metadata="https://inner.example/prm")
    place = "GET https://inner.example/prm"
    challenge = Challenge("bearer", {"resource_metadata": "https://mcp.example/custom"})
    server = play(discover(trust, challenge), [(place, resource()), (RFC8414, metadata())])
    assert server.issuer == "https://as.example"
    with pytest.raises(TheirProtocolError, match=r"inner\.example/prm"):
        play(discover(trust, challenge), [(place, NOT_FOUND)])


def test_of_several_authorization_servers_the_known_one_is_taken():
    several = answer({"resource": MCP, "authorization_servers": ["https://new.example", "https://as.example"]})
    trust = Trust(server=gate(MCP, Purpose.SERVER), issuer="https://as.example")
    assert play(discover(trust, None), [(f"{PRM}/a/b", several), (RFC8414, metadata())]).issuer == "https://as.example"


@pytest.mark.parametrize("missing", [NOT_FOUND, PAGE, answer(b"", 405), answer({}, 403), answer(b"", 410)])
def test_without_one_the_path_is_tried_first_and_the_root_second(missing):
    server = found((f"{PRM}/a/b", missing), (PRM, resource()), (RFC8414, metadata()))
    assert server.token_endpoint.path == "/token"


def test_a_server_at_the_root_has_one_place_for_its_metadata():
    found((PRM, resource("https://mcp.example")), (RFC8414, metadata()), url="https://mcp.example")


def test_every_discovery_request_names_a_protocol_version_and_asks_for_json():
    asked = []
    found((f"{PRM}/a/b", resource()), (RFC8414, metadata()), asked=asked)
    assert all(fetch.headers["mcp-protocol-version"] == "2025-11-25" for fetch in asked)
    assert all(fetch.headers["accept"] == "application/json" for fetch in asked)


def test_an_issuer_with_a_path_has_three_places_in_the_order_of_the_specification():
    issuer = "https://as.example/t1"
    server = found(
        (f"{PRM}/a/b", resource(issuer=issuer)),
        (f"{RFC8414}/t1", NOT_FOUND),
        (f"{OIDC}/t1", PAGE),
        ("GET https://as.example/t1/.well-known/openid-configuration", metadata(issuer)),
    )
    assert server.issuer == issuer


def test_an_issuer_without_a_path_has_two():
    with pytest.raises(TheirProtocolError, match="publishes no metadata that can be used") as raised:
        found((f"{PRM}/a/b", resource()), (RFC8414, NOT_FOUND), (OIDC, NOT_FOUND))
    assert "/.well-known/oauth-authorization-server: HTTP 404" in raised.value.hint
    assert "/.well-known/openid-configuration: HTTP 404" in raised.value.hint


@pytest.mark.parametrize(
    ("asked_for", "told"),
    [
        ("https://as.example", "https://as.example"),
        ("https://as.example", "https://as.example/"),
        ("https://as.example/", "https://as.example"),
        ("https://as.example/t1", "https://as.example/t1"),
    ],
)
def test_an_issuer_equals_itself_and_only_the_slash_of_the_root_may_differ(asked_for, told):
    path = "/t1" if asked_for.endswith("/t1") else ""
    server = found((f"{PRM}/a/b", resource(issuer=asked_for)), (f"{RFC8414}{path}", metadata(told)))
    assert server.issuer == told


@pytest.mark.parametrize(
    ("asked_for", "told"),
    [
        ("https://as.example", "https://evil.example"),
        ("https://as.example", "https://AS.example"),
        ("https://as.example", "HTTPS://as.example"),
        ("https://as.example", "https://as.example:443"),
        ("https://as.example", "http://as.example"),
        ("https://as.example", "https://as.example/t1"),
        ("https://as.example", "https://as.example//"),
        ("https://as.example", "https://as.example?"),
        ("https://as.example", "https://as.example "),
        ("https://as.example", ""),
        ("https://as.example/t1", "https://as.example"),
        ("https://as.example/t1", "https://as.example/t1/"),
        ("https://as.example/t1/", "https://as.example/t1"),
        ("https://as.example/t1", "https://as.example/T1"),
        ("https://as.example/t1", "https://as.example/%741"),
    ],
)
def test_metadata_of_another_issuer_are_refused(asked_for, told):
    path = "/t1" if "/t1" in asked_for else ""
    with pytest.raises(TheirProtocolError, match="are of the issuer"):
        found(
            (f"{PRM}/a/b", resource(issuer=asked_for)),
            (f"{RFC8414}{path}", metadata(told)),
            (f"{OIDC}{path}", NOT_FOUND),
            *([(f"GET https://as.example{path}/.well-known/openid-configuration", NOT_FOUND)] if path else []),
        )


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
def test_s256_is_known_to_work_where_the_server_says_so_or_else_the_resource(of_server, of_resource, known):
    named = resource(code_challenge_methods_supported=of_resource)
    server = found((f"{PRM}/a/b", named), (RFC8414, metadata(code_challenge_methods_supported=of_server)))
    assert server.takes_s256 is known


@pytest.mark.parametrize(
    "named",
    [
        MCP,
        f"{MCP}/",
        "https://mcp.example",
        "https://mcp.example/",
        "https://mcp.example/a",
        "https://mcp.example/a/",
        "https://MCP.example/a/b",
        "https://mcp.example:443/a/b",
    ],
)
def test_the_resource_is_itself_or_a_parent_and_spelled_as_its_metadata_spell_it(named):
    server = found((f"{PRM}/a/b", resource(named)), (RFC8414, metadata()))
    assert server.resource == named


@pytest.mark.parametrize(
    "named",
    [
        "https://evil.example/a/b",
        "https://mcp.example.evil.example/a/b",
        "http://127.0.0.1/a/b",
        "https://mcp.example:8443/a/b",
        "https://mcp.example/a/b/c",
        "https://mcp.example/a/bc",
        "https://mcp.example/A",
        "https://mcp.example/a/b?tenant=2",
        "https://mcp.example/?tenant=2",
        "urn:example:mcp",
        "URN:example:mcp",
        "api://11111111-2222-3333-4444-555555555555",  # Entra's
        "http://mcp.example/a/b",  # of a server behind a proxy that ends TLS (mesh-mcp #20)
        "mcp",
        "https://u:p@mcp.example/a/b",
    ],
)
def test_metadata_of_another_resource_are_refused_and_the_document_and_the_setting_named(named):
    with pytest.raises(TheirProtocolError, match="are for") as raised:
        found((f"{PRM}/a/b", resource(named)), (PRM, NOT_FOUND))
    assert "/.well-known/oauth-protected-resource/a/b" in raised.value.message
    assert f'resource = "{offered(named)}"' in raised.value.hint


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
def test_an_odd_answer_at_one_place_is_noted_and_the_next_place_is_tried(odd):
    """mike #344, elementor-mcp #130: somebody else's document, a redirect to a sign-in page, a soft 404."""
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


def test_a_place_that_is_named_twice_is_asked_once():
    challenge = Challenge("bearer", {"resource_metadata": "https://mcp.example/.well-known/oauth-protected-resource"})
    found((PRM, NOT_FOUND), (f"{PRM}/a/b", resource()), (RFC8414, metadata()), challenge=challenge)


@pytest.mark.parametrize("soft", [answer({"error": "not_found"}), answer({})])
def test_a_document_that_says_nothing_is_none(soft):
    script = [(f"{PRM}/a/b", soft), (PRM, soft), (LEGACY, metadata("https://mcp.example", **NEAR))]
    assert found(*script).issuer == "https://mcp.example"


def test_what_was_odd_is_in_the_hint_of_the_last_error():
    away = RedirectRefused("https://as.example redirects to another origin, https://idp.example, which is not followed")
    with pytest.raises(TheirProtocolError, match="publishes no metadata that can be used") as raised:
        found((f"{PRM}/a/b", resource()), (RFC8414, away), (OIDC, PAGE))
    assert "https://idp.example" in raised.value.hint
    assert "authorization_endpoint and token_endpoint" in raised.value.hint


WALL = answer(b"<!DOCTYPE html><title>Just a moment...</title>", 403, "text/html")


def test_a_firewall_that_answers_every_place_with_a_page_is_suspected():
    """claude-code #72673: it is the server's operator who has to let programs pass."""
    with pytest.raises(TheirProtocolError, match="publishes no OAuth metadata") as raised:
        found(*((place, WALL) for place in (f"{PRM}/a/b", PRM, LEGACY, LEGACY_OIDC, REGISTER)))
    assert "firewall" in raised.value.hint
    assert "static token" not in raised.value.message
    with pytest.raises(TheirProtocolError, match="no metadata that can be used") as raised:
        knowing(*((place, WALL) for place in (f"{PRM}/a/b", PRM, RFC8414, OIDC)), issuer="https://as.example")
    assert "firewall" in raised.value.hint


ELSEWHERE_TOO = "https://login.example"


def knowing(*script, challenge=None, given=None, **trusted):
    trust = Trust(server=gate(MCP, Purpose.SERVER), **trusted)
    return play(discover(trust, challenge, "", given), script)


@pytest.mark.parametrize("missing", [NOT_FOUND, answer({"resource": MCP})])
def test_a_configured_issuer_stands_where_the_server_names_none(missing):
    """hermes-agent #113018: the server publishes nothing, and a person knows where to sign in."""
    start = [(f"{PRM}/a/b", missing), *([(PRM, NOT_FOUND)] if missing is NOT_FOUND else [])]
    assert knowing(*start, (RFC8414, metadata()), issuer="https://as.example").issuer == "https://as.example"


def test_a_challenge_that_names_metadata_elsewhere_is_no_obstacle_to_a_configured_issuer():
    challenge = Challenge("bearer", {"resource_metadata": "https://other.example/prm"})
    script = [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND), (RFC8414, metadata())]
    assert knowing(*script, challenge=challenge, issuer="https://as.example").issuer == "https://as.example"


def test_a_configured_issuer_that_the_server_contradicts_is_named_beside_the_servers():
    with pytest.raises(ConfigError, match=r"takes tokens of “https://as\.example”, not of .*“https://login\.example”"):
        knowing((f"{PRM}/a/b", resource()), issuer=ELSEWHERE_TOO)


def test_a_trusted_issuer_beside_the_configured_one_makes_no_room_for_a_third():
    trusted = {"issuer": "https://login.example", "trusted_issuer": "https://idp.example"}
    with pytest.raises(ConfigError, match=r"takes tokens of “https://as\.example”, not of .*“https://login\.example”"):
        knowing((f"{PRM}/a/b", resource()), (RFC8414, metadata()), **trusted)
    agreed = ("agree --trust https://as.example", None)
    server = knowing((f"{PRM}/a/b", resource()), (RFC8414, metadata("https://idp.example")), agreed, **trusted)
    assert server.issuer == "https://idp.example"


def test_a_trusted_issuer_is_asked_where_the_servers_own_origin_publishes_nothing():
    """copilot-cli #4769: all that the origin has is a redirect to it."""
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
def test_of_an_authorization_server_that_is_given_nothing_is_looked_up(named):
    """claude-code #31349: Snowflake publishes no metadata; its endpoints are documented for people."""
    document = resource(issuer=named, scopes_supported=["read"])
    server = knowing((f"{PRM}/a/b", document), given=GIVEN, issuer="https://as.example")
    assert str(server.token_endpoint) == "https://as.example/oauth/token-request"
    assert (server.resource, server.scopes_supported, server.takes_s256) == (MCP, ("read",), True)


@pytest.mark.plays("Entra ID")
def test_where_the_resource_is_configured_too_nothing_at_all_is_looked_up():
    trust = Trust(server=gate(MCP, Purpose.SERVER), issuer="https://as.example")
    server = play(discover(trust, None, "urn:example:mcp", GIVEN), [])
    assert (server.resource, server.token_endpoint.path) == ("urn:example:mcp", "/oauth/token-request")


def test_an_empty_name_among_the_authorization_servers_is_none():
    document = answer({"resource": MCP, "authorization_servers": ["", "https://as.example"]})
    assert found((f"{PRM}/a/b", document), (RFC8414, metadata())).issuer == "https://as.example"


def test_an_issuer_that_stands_for_many_tenants_is_explained():
    """codex #38973: Entra's metadata below /organizations/v2.0."""
    with pytest.raises(TheirProtocolError, match="are of the issuer") as raised:
        found(
            (f"{PRM}/a/b", resource()),
            (RFC8414, NOT_FOUND),
            (OIDC, metadata("https://as.example/{tenantid}/v2.0")),
        )
    assert "set issuer under auth" in raised.value.hint
    assert "trusted_issuer" not in raised.value.hint


def test_a_configured_resource_is_what_the_metadata_must_name():
    urn = "urn:example:mcp"
    server = found((f"{PRM}/a/b", resource(urn)), (RFC8414, metadata()), override=urn)
    assert server.resource == urn
    with pytest.raises(TheirProtocolError, match="not for urn:example:mcp"):
        found((f"{PRM}/a/b", resource(MCP)), (PRM, NOT_FOUND), override=urn)


def test_a_document_that_names_no_resource_stands_for_the_url():
    server = found((f"{PRM}/a/b", answer({"authorization_servers": ["https://as.example"]})), (RFC8414, metadata()))
    assert server.resource == MCP


def test_the_first_authorization_server_of_the_list_is_taken():
    document = answer({"resource": MCP, "authorization_servers": ["https://as.example", "https://other.example"]})
    assert found((f"{PRM}/a/b", document), (RFC8414, metadata())).issuer == "https://as.example"


@pytest.mark.parametrize("servers", [[], None])
def test_a_document_without_authorization_servers_stops_the_login(servers):
    with pytest.raises(TheirProtocolError, match="name no authorization server") as raised:
        found((f"{PRM}/a/b", answer({"resource": MCP, "authorization_servers": servers})))
    assert "set issuer under auth" in raised.value.hint


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
def test_a_missing_answer_stops_the_login_at_every_step(error):
    for script in (
        [(f"{PRM}/a/b", error)],
        [(f"{PRM}/a/b", resource()), (RFC8414, error)],
        [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND), (LEGACY, error)],
    ):
        with pytest.raises(type(error)):
            found(*script)


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


NEAR = {
    "authorization_endpoint": "https://mcp.example/authorize",
    "token_endpoint": "https://mcp.example/token",
}


def test_that_origin_must_also_say_that_it_is_the_issuer():
    start = [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND)]
    with pytest.raises(TheirProtocolError, match="are of the issuer"):
        found(*start, (LEGACY, metadata()), (LEGACY_OIDC, NOT_FOUND))
    silent = metadata("https://mcp.example", **NEAR, code_challenge_methods_supported=[])
    assert not found(*start, (LEGACY, silent)).takes_s256


NOTHING = [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND), (LEGACY, NOT_FOUND), (LEGACY_OIDC, NOT_FOUND)]


@pytest.mark.parametrize("there", [answer(b"", 405), answer({"error": "invalid_request"}, 400), answer(b"", 415)])
def test_the_default_endpoints_are_used_only_where_one_of_them_answers(there):
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
def test_a_default_endpoint_that_only_takes_a_post_is_found_by_asking_for_its_methods(allowed):
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


@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint"]
)
@pytest.mark.parametrize(
    "text",
    ["http://as.example/x", "javascript:alert(1)", "//as.example/x", "https://u@as.example/x", "https://as.example/ x"],
)
def test_an_endpoint_with_an_unacceptable_url_is_refused(name, text):
    with pytest.raises(UrlRefused):
        found((f"{PRM}/a/b", resource()), (RFC8414, metadata(**{name: text})))


def test_what_the_metadata_say_is_kept():
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


def test_null_is_taken_for_what_is_not_there():
    nulls = dict.fromkeys(("registration_endpoint", "revocation_endpoint", "scopes_supported"))
    server = found((f"{PRM}/a/b", resource(scopes_supported=None)), (RFC8414, metadata(**nulls)))
    assert (server.registration_endpoint, server.scopes_supported, server.offers_offline_access) == (None, None, False)


ALGORITHMS = "dpop_signing_alg_values_supported"
DPOP = Challenge("dpop", {})


@pytest.mark.parametrize(
    ("challenge", "of_resource", "of_server", "expected"),
    [
        (None, {}, {ALGORITHMS: ["ES256"]}, Binding.NONE),
        (None, {ALGORITHMS: None, "dpop_bound_access_tokens_required": None}, {ALGORITHMS: None}, Binding.NONE),
        (None, {ALGORITHMS: ["ES256"]}, {ALGORITHMS: ["ES256", "RS256"]}, Binding.OFFERED),
        (None, {"dpop_bound_access_tokens_required": True}, {}, Binding.DEMANDED),
        (DPOP, {}, {}, Binding.DEMANDED),
    ],
)
def test_whether_tokens_are_bound_to_a_key_is_in_the_challenge_and_both_metadata(
    challenge, of_resource, of_server, expected
):
    script = [(f"{PRM}/a/b", resource(**of_resource)), (RFC8414, metadata(**of_server))]
    assert found(*script, challenge=challenge).binding is expected


def test_a_demand_that_the_authorization_server_cannot_meet_ends_the_login_before_anybody_is_asked():
    script = [(f"{PRM}/a/b", resource()), (RFC8414, metadata(**{ALGORITHMS: ["RS256"]}))]
    with pytest.raises(TheirProtocolError, match="does not accept ES256"):
        found(*script, challenge=DPOP)


def test_a_server_of_2025_03_26_may_demand_proofs_too():
    start = [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND)]
    assert (
        found(*start, (LEGACY, metadata("https://mcp.example", **AT_HOME)), challenge=DPOP).binding is Binding.DEMANDED
    )


AT_HOME = {
    "authorization_endpoint": "https://mcp.example/authorize",
    "token_endpoint": "https://mcp.example/token",
}
