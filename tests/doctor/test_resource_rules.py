"""Each rule of RFC 9728, with a document that deviates from it, and one that does not."""

import pytest
from oauth_world import AS, MCP, RESOURCE, without

from mcp_auth_bridge.doctor.metadata_rules import View, Weight, check
from mcp_auth_bridge.doctor.resource_rules import RESOURCE_RULES
from mcp_auth_bridge.urls import Purpose, gate

SERVER = gate(MCP, Purpose.SERVER)
PLACE = "/.well-known/oauth-protected-resource"


def found(members, place=f"{PLACE}{SERVER.path}", resource="", server=SERVER, kind="application/json"):
    view = View(members, server.with_path(place), kind, server, resource)
    return [(each.rule.weight, each.says) for each in check(RESOURCE_RULES, view)]


def test_an_honest_document_deviates_from_nothing():
    assert found(RESOURCE) == []
    assert found(RESOURCE | {"bearer_methods_supported": ["header", "body"]}) == []
    assert found(RESOURCE | {"resource": "urn:x"}, resource="urn:x") == []
    root = gate("https://mcp.example", Purpose.SERVER)
    assert found(RESOURCE | {"resource": "https://mcp.example"}, place=PLACE, server=root) == []


DEVIATIONS = [
    (Weight.STOPS, RESOURCE | {"scopes_supported": "a b"}, "it is not as specified"),
    (Weight.STOPS, RESOURCE | {"resource": "https://other.example"}, "its resource is “https://other.example”, not "),
    (Weight.STOPS, RESOURCE | {"resource": "urn:x"}, f"its resource is “urn:x”, not {MCP}"),
    (Weight.STOPS, without(RESOURCE, "authorization_servers"), "it names no authorization server"),
    (Weight.STOPS, RESOURCE | {"authorization_servers": ["http://as.example"]}, "“http://as.example” is not an https"),
    (Weight.COPES, without(RESOURCE, "resource"), "it names no resource"),
    (Weight.COPES, RESOURCE | {"resource": "https://mcp.example"}, "above the URL of the MCP server"),
    (Weight.COPES, RESOURCE | {"bearer_methods_supported": ["query"]}, "it does not list “header”"),
    (Weight.TELLS, RESOURCE | {"dpop_bound_access_tokens_required": True}, "only with a proof of possession"),
    (Weight.TELLS, RESOURCE | {"mcp_endpoints": {"sse": "/sse"}}, 'it lists mcp_endpoints: “{"sse":"/sse"}”'),
]


@pytest.mark.parametrize(("weight", "members", "says"), DEVIATIONS, ids=[says for _, _, says in DEVIATIONS])
def test_each_deviation_is_found_alone(weight, members, says):
    [(found_weight, found_says)] = found(members)
    assert found_weight is weight
    assert says in found_says


def test_a_place_at_the_root_and_a_foreign_media_type_are_deviations():
    assert found(RESOURCE, place=PLACE) == [(Weight.COPES, f"it is not at {PLACE}/a/mcp, but at the root")]
    assert found(RESOURCE, kind="text/plain") == [(Weight.COPES, "its media type is “text/plain”")]


def test_a_configured_resource_replaces_the_url():
    assert found(RESOURCE, resource="urn:x") == [(Weight.STOPS, f"its resource is “{MCP}”, not urn:x")]
    assert AS in RESOURCE["authorization_servers"]
