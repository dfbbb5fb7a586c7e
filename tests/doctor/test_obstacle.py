"""A discovery that ended with an error, and parts of the search for its cause."""

import anyio
import pytest
from oauth_world import AS, MCP, METADATA, OIDC, OWN, PRM, RESOURCE, ROOT_PRM, WALL, World, without

from mcp_auth_bridge.doctor.documents import visit_all
from mcp_auth_bridge.doctor.obstacle import Obstacle, problem_of, wall
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import TheirProtocolError
from mcp_auth_bridge.oauth.metadata import ServerMetadata
from mcp_auth_bridge.oauth.trust import Trust
from mcp_auth_bridge.urls import Purpose, gate

TRUST = Trust(server=gate(MCP, Purpose.SERVER))


def obstacle(table, resource=""):
    documents = anyio.run(visit_all, World(table), TRUST, None)
    return Obstacle(documents, TheirProtocolError("no"), TRUST, resource)


@pytest.mark.parametrize(
    ("named", "configured", "usable"),
    [
        (MCP, "", True),
        ("https://mcp.example", "", True),
        ("urn:x", "", False),
        ("urn:x", "urn:x", True),
        (MCP, "urn:x", False),
        (None, "", True),
    ],
)
def test_metadata_of_another_resource_are_not_usable(named, configured, usable):
    found = obstacle({PRM: RESOURCE | {"resource": named}}, configured)
    assert bool(found.usable) is usable


def test_the_issuer_that_was_asked_is_the_first_named_or_the_server_s_own_origin():
    assert obstacle({PRM: RESOURCE, OIDC: METADATA}).asked[0] == AS
    assert obstacle({PRM: RESOURCE, OIDC: METADATA}).asked[1].place == OIDC
    name, metadata = obstacle({OWN: METADATA}).asked
    assert (name, metadata.place) == ("https://mcp.example", OWN)


def test_a_firewall_and_a_mistake_are_found_in_what_was_answered():
    answers = obstacle({ROOT_PRM: WALL}).documents.resource_answers
    assert wall(Symptom.METADATA_WALLED, answers).facts == {"place": ROOT_PRM, "host": "https://mcp.example"}
    assert wall(Symptom.METADATA_WALLED, answers[:1]) is None
    document = obstacle({OWN: without(METADATA, "token_endpoint")}).documents.own
    assert "token_endpoint" in problem_of(document, ServerMetadata)
    assert problem_of(obstacle({OWN: METADATA}).documents.own, ServerMetadata) == ""
