"""The first obstacle of a login counts: at the MCP server, before those at the authorization server."""

import anyio
import pytest
from oauth_world import HONEST, MCP, METADATA, PRM, RESOURCE, RFC8414, World, evidence, looked, symptoms, without

from mcp_auth_bridge.doctor.oauth import login_way
from mcp_auth_bridge.doctor.oauth.documents import visit_all
from mcp_auth_bridge.doctor.oauth.login_obstacle import name_obstacle
from mcp_auth_bridge.doctor.oauth.obstacle import Obstacle
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import TheirProtocolError
from mcp_auth_bridge.oauth.trust import Trust
from mcp_auth_bridge.urls import Purpose, gate

FOREIGN = {PRM: without(RESOURCE, resource="https://other.example")}
PLAIN = {RFC8414: without(METADATA, "code_challenge_methods_supported")}


@pytest.mark.parametrize(
    ("faults", "named"),
    [
        ({**FOREIGN, **PLAIN}, [Symptom.RESOURCE_FOREIGN]),
        (PLAIN, [Symptom.NO_S256]),
        ({}, []),
    ],
)
def test_the_first_fault_on_the_way_of_a_login_is_named(faults, named, tmp_path):
    finding = looked(login_way.discovery, evidence(tmp_path, HONEST | faults))
    assert symptoms(finding) == named


def test_an_error_that_the_documents_do_not_explain_has_no_symptom():
    trust = Trust(server=gate(MCP, Purpose.SERVER))
    documents = anyio.run(visit_all, World(HONEST), trust, None)
    assert name_obstacle(Obstacle(documents, TheirProtocolError("odd"), trust)) == ()
