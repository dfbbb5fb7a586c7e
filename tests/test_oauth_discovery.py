"""From an MCP server's URL to its authorization server: every order, every refusal, no downgrade."""

import pytest
from playing import NOT_FOUND, PAGE, answer, play

from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import OutcomeUnknown, TheirProtocolError, Unreachable, UpstreamFailed, UrlRefused
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.discovery import discover
from mcp_auth_bridge.oauth.dpop import Binding
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
        found((f"{PRM}/a/b", resource(issuer=asked_for)), (f"{RFC8414}{path}", metadata(told)))


@pytest.mark.parametrize("methods", [{}, {"code_challenge_methods_supported": None}, ["plain"], [], ["s256"]])
def test_a_server_that_does_not_promise_pkce_is_refused(methods):
    document = metadata(code_challenge_methods_supported=methods if isinstance(methods, list) else None)
    with pytest.raises(TheirProtocolError, match="PKCE with S256"):
        found((f"{PRM}/a/b", resource()), (RFC8414, document))


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
    ],
)
def test_metadata_of_another_resource_are_refused(named):
    with pytest.raises(TheirProtocolError, match="are for") as raised:
        found((f"{PRM}/a/b", resource(named)))
    assert "resource = " in raised.value.hint


@pytest.mark.parametrize("named", ["http://mcp.example/a/b", "mcp", "https://u:p@mcp.example/a/b"])
def test_an_identifier_that_is_no_acceptable_url_is_refused(named):
    with pytest.raises(UrlRefused):
        found((f"{PRM}/a/b", resource(named)))


def test_a_configured_resource_is_what_the_metadata_must_name():
    urn = "urn:example:mcp"
    server = found((f"{PRM}/a/b", resource(urn)), (RFC8414, metadata()), override=urn)
    assert server.resource == urn
    with pytest.raises(TheirProtocolError, match="not for urn:example:mcp"):
        found((f"{PRM}/a/b", resource(MCP)), override=urn)


def test_a_document_that_names_no_resource_stands_for_the_url():
    server = found((f"{PRM}/a/b", answer({"authorization_servers": ["https://as.example"]})), (RFC8414, metadata()))
    assert server.resource == MCP


def test_the_first_authorization_server_of_the_list_is_taken():
    document = answer({"resource": MCP, "authorization_servers": ["https://as.example", "https://other.example"]})
    assert found((f"{PRM}/a/b", document), (RFC8414, metadata())).issuer == "https://as.example"


@pytest.mark.parametrize("servers", [[], None])
def test_a_document_without_authorization_servers_stops_the_login(servers):
    with pytest.raises(TheirProtocolError, match="name no authorization server"):
        found((f"{PRM}/a/b", answer({"resource": MCP, "authorization_servers": servers})))


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"resource": 1}', b'{"resource": "\xff"}', b"\xff\xfe", b"[" * 100_000]
)
def test_a_document_that_cannot_be_read_stops_the_login_instead_of_downgrading_it(body):
    with pytest.raises(TheirProtocolError):
        found((f"{PRM}/a/b", answer(body)))


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


def test_that_origin_must_also_say_that_it_is_the_issuer_and_promise_pkce():
    start = [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND)]
    with pytest.raises(TheirProtocolError, match="are of the issuer"):
        found(*start, (LEGACY, metadata()))
    with pytest.raises(TheirProtocolError, match="PKCE"):
        found(*start, (LEGACY, metadata("https://mcp.example", code_challenge_methods_supported=[])))


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
