"""Every well-known address, in the order in which a login asks, and the documents found there."""

import anyio
import pytest
from oauth_world import AS, HONEST, MCP, METADATA, OIDC, OWN, PRM, RESOURCE, RFC8414, ROOT_PRM, World, without
from playing import PAGE, answer

from mcp_auth_bridge.doctor.documents import named_issuers, read, visit_all
from mcp_auth_bridge.errors import Unreachable, UrlRefused
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.trust import Trust
from mcp_auth_bridge.urls import Purpose, gate

SERVER = gate(MCP, Purpose.SERVER)
TENANT = "https://login.example/tenant"


def visited(table, named="", **trust):
    world = World(table)
    challenge = Challenge("bearer", {"resource_metadata": named}) if named else None
    return world, anyio.run(visit_all, world, Trust(server=SERVER, **trust), challenge)


def test_every_well_known_address_is_asked_once():
    world, found = visited(HONEST, PRM)
    own = [
        f"https://mcp.example{path}"
        for path in (
            "/.well-known/oauth-authorization-server/a/mcp",
            "/.well-known/openid-configuration/a/mcp",
            "/a/mcp/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
        )
    ]
    assert [str(each.url) for each in found.answers] == [PRM, ROOT_PRM, *own, RFC8414, OIDC]
    assert sorted(world.asked) == sorted(f"GET {each.url}" for each in found.answers)
    [resource] = found.resources
    assert (resource.members, resource.place) == (RESOURCE, PRM)
    assert found.issuers[0].metadata.members == METADATA
    assert found.own is None


def test_an_issuer_with_a_path_has_three_addresses():
    _, found = visited({PRM: without(RESOURCE, authorization_servers=[TENANT])})
    assert [answer.place for answer in found.issuers[0].answers] == [
        "https://login.example/.well-known/oauth-authorization-server/tenant",
        "https://login.example/.well-known/openid-configuration/tenant",
        "https://login.example/tenant/.well-known/openid-configuration",
    ]


def test_a_place_that_the_challenge_or_the_configuration_names_comes_first():
    place = "https://mcp.example/prm"
    _, found = visited({place: RESOURCE}, place)
    assert found.resource_answers[0].place == place
    away = "https://other.example/prm"
    world, _ = visited({}, away)
    assert f"GET {away}" not in world.asked
    _, found = visited({away: RESOURCE}, resource_metadata=away)
    assert [answer.place for answer in found.resource_answers] == [away, PRM, ROOT_PRM]


def test_configured_issuers_are_visited_before_those_that_the_server_names_and_not_more_than_three():
    many = [f"https://{name}.example" for name in "bcde"]
    _, found = visited({PRM: without(RESOURCE, authorization_servers=many)}, issuer=AS)
    assert [issuer.name for issuer in found.issuers] == [AS, *many[:2]]


def test_an_address_that_the_server_may_not_lead_to_is_not_asked():
    inner = "https://169.254.169.254"
    world, found = visited({PRM: without(RESOURCE, authorization_servers=[inner, "http://plain.example"])})
    assert not any("169.254" in asked for asked in world.asked)
    near, plain = found.issuers
    assert all(isinstance(answer.error, UrlRefused) for answer in near.answers)
    assert near.is_down
    assert "use https" in plain.refused
    assert not plain.is_down


def test_an_issuer_is_down_if_no_address_says_anything():
    _, found = visited({PRM: RESOURCE, RFC8414: Unreachable("refused"), OIDC: answer(b"", 503)})
    assert found.issuers[0].is_down
    _, found = visited({PRM: RESOURCE, RFC8414: Unreachable("refused")})
    assert not found.issuers[0].is_down


@pytest.mark.parametrize(
    "response",
    [PAGE, answer(b"nonsense"), answer(b"[1]"), answer({"error": "not_found"}), answer(RESOURCE, 404), answer(b"\xff")],
)
def test_pages_errors_and_other_statuses_are_not_documents(response):
    _, found = visited({PRM: response, OWN: METADATA})
    assert found.resources == ()
    assert read(found.resource_answers[0]) is None
    assert found.own.members == METADATA


def test_only_texts_are_issuers():
    assert named_issuers({"authorization_servers": [AS, 5, "", None]}) == [AS]
    assert named_issuers({"authorization_servers": AS}) == []
    assert named_issuers({}) == []
