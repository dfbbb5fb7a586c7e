"""The first obstacle of a login counts: at the MCP server, before those at the authorization server."""

import pytest
from oauth_world import HONEST, METADATA, PRM, RESOURCE, RFC8414, evidence, looked, symptoms, without

from mcp_auth_bridge.doctor import login_way
from mcp_auth_bridge.doctor.symptoms import Symptom

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
