"""The two metadata documents: where they are looked for, and for whom they must be."""

import pytest
from discovery_flow import (
    LEGACY,
    MCP,
    NEAR,
    OIDC,
    PRM,
    RFC8414,
    found,
    metadata,
    resource,
)
from playing import NOT_FOUND, PAGE, answer, play

from mcp_auth_bridge.errors import TheirProtocolError, UrlRefused, copyable_url
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.discovery import discover
from mcp_auth_bridge.oauth.dpop import Binding
from mcp_auth_bridge.oauth.metadata import fetch_resource_metadata
from mcp_auth_bridge.oauth.trust import Trust
from mcp_auth_bridge.oauth.well_known import Trail
from mcp_auth_bridge.urls import Purpose, gate


def test_the_metadata_that_the_challenge_names_are_used_without_trying_others():
    challenge = Challenge("bearer", {"resource_metadata": "https://mcp.example/custom/place.json"})
    server = found(
        ("GET https://mcp.example/custom/place.json", resource()), (RFC8414, metadata()), challenge=challenge
    )
    assert server.issuer == "https://as.example"


def test_the_well_known_urls_are_tried_where_the_challenge_names_metadata_that_do_not_exist():
    challenge = Challenge("bearer", {"resource_metadata": "https://mcp.example/gone"})
    gone = ("GET https://mcp.example/gone", NOT_FOUND)
    server = found(gone, (f"{PRM}/a/b", NOT_FOUND), (PRM, resource()), (RFC8414, metadata()), challenge=challenge)
    assert server.issuer == "https://as.example"


# Servers behind a proxy name their inner host; hostile ones name a foreign host.
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
def test_metadata_of_another_origin_are_an_error_that_names_the_setting_where_there_are_no_others(named):
    challenge = Challenge("bearer", {"resource_metadata": named})
    with pytest.raises(TheirProtocolError, match="it says that they are at") as raised:
        found((f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND), challenge=challenge)
    assert named in raised.value.message
    assert "resource_metadata = " in raised.value.hint
    assert "is not followed" in raised.value.hint


def test_configured_resource_metadata_are_the_only_ones_that_are_read():
    trust = Trust(server=gate(MCP, Purpose.SERVER), resource_metadata="https://inner.example/prm")
    place = "GET https://inner.example/prm"
    challenge = Challenge("bearer", {"resource_metadata": "https://mcp.example/custom"})
    server = play(discover(trust, challenge), [(place, resource()), (RFC8414, metadata())])
    assert server.issuer == "https://as.example"
    with pytest.raises(TheirProtocolError, match=r"inner\.example/prm"):
        play(discover(trust, challenge), [(place, NOT_FOUND)])


@pytest.mark.parametrize("missing", [NOT_FOUND, PAGE, answer(b"", 405), answer({}, 403), answer(b"", 410)])
def test_the_well_known_url_of_the_path_is_tried_before_that_of_the_origin(missing):
    server = found((f"{PRM}/a/b", missing), (PRM, resource()), (RFC8414, metadata()))
    assert server.token_endpoint.path == "/token"


def test_a_server_at_the_root_has_one_well_known_url():
    found((PRM, resource("https://mcp.example")), (RFC8414, metadata()), url="https://mcp.example")


def test_an_issuer_with_a_path_has_three_well_known_urls_in_the_order_of_the_specification():
    issuer = "https://as.example/t1"
    server = found(
        (f"{PRM}/a/b", resource(issuer=issuer)),
        (f"{RFC8414}/t1", NOT_FOUND),
        (f"{OIDC}/t1", PAGE),
        ("GET https://as.example/t1/.well-known/openid-configuration", metadata(issuer)),
    )
    assert server.issuer == issuer


def test_an_issuer_without_a_path_has_two_well_known_urls():
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
def test_only_the_roots_slash_may_differ_between_two_spellings_of_an_issuer(asked_for, told):
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
def test_the_resource_or_a_parent_of_it_is_used_as_its_metadata_spell_it(named):
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
def test_metadata_of_another_resource_are_refused_with_the_document_and_the_setting_named(named):
    with pytest.raises(TheirProtocolError, match="are for") as raised:
        found((f"{PRM}/a/b", resource(named)), (PRM, NOT_FOUND))
    assert "/.well-known/oauth-protected-resource/a/b" in raised.value.message
    assert f'resource = "{copyable_url(named)}"' in raised.value.hint


def test_an_issuer_for_many_tenants_is_explained():
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
def test_the_challenge_and_both_metadata_decide_whether_tokens_are_bound_to_a_key(
    challenge, of_resource, of_server, expected
):
    script = [(f"{PRM}/a/b", resource(**of_resource)), (RFC8414, metadata(**of_server))]
    assert found(*script, challenge=challenge).binding is expected


def test_a_demand_for_proofs_that_the_authorization_server_cannot_meet_ends_the_discovery():
    script = [(f"{PRM}/a/b", resource()), (RFC8414, metadata(**{ALGORITHMS: ["RS256"]}))]
    with pytest.raises(TheirProtocolError, match="does not accept ES256"):
        found(*script, challenge=DPOP)


def test_a_server_of_2025_03_26_may_demand_proofs_too():
    start = [(f"{PRM}/a/b", NOT_FOUND), (PRM, NOT_FOUND)]
    assert found(*start, (LEGACY, metadata("https://mcp.example", **NEAR)), challenge=DPOP).binding is Binding.DEMANDED


def test_a_document_that_says_nothing_is_not_metadata():
    trail = Trail()
    script = [
        ("GET https://mcp.example/.well-known/oauth-protected-resource/a/b", answer({"error": "not_found"})),
        ("GET https://mcp.example/.well-known/oauth-protected-resource", NOT_FOUND),
    ]
    trust = Trust(server=gate("https://mcp.example/a/b", Purpose.SERVER))
    assert play(fetch_resource_metadata(trust, None, "", trail), script) is None
    assert "holds no metadata" in str(trail)
