"""Each rule of RFC 8414, 7591, 7636 and 9207, with a document that deviates from it, and one that does not."""

import pytest
from oauth_world import AS, METADATA, RFC8414, without

from mcp_auth_bridge.doctor.issuer_rules import ISSUER_RULES
from mcp_auth_bridge.doctor.metadata_rules import View, Weight, check
from mcp_auth_bridge.urls import Purpose, gate

MCP = gate("https://mcp.example/mcp", Purpose.SERVER)


def found(members, issuer=AS):
    view = View(members, gate(RFC8414, Purpose.ISSUER), "application/json", MCP, issuer=issuer)
    return [(each.rule.weight, each.says) for each in check(ISSUER_RULES, view)]


def test_an_honest_document_deviates_from_nothing():
    assert found(METADATA) == []
    assert found(without(METADATA, "grant_types_supported", "token_endpoint_auth_methods_supported")) == []
    documents = {"client_id_metadata_document_supported": True}
    assert found(without(METADATA, "registration_endpoint", **documents)) == []


DEVIATIONS = [
    (Weight.STOPS, {"scopes_supported": "a"}, "it is not as specified"),
    (Weight.STOPS, {"issuer": "https://b.example"}, f"its issuer is “https://b.example”, but “{AS}” was asked for"),
    (Weight.STOPS, {"issuer": "https://b.example/{tenantid}"}, "stands for many tenants"),
    (Weight.STOPS, {"authorization_endpoint": None}, "it has no endpoint where a user could log in"),
    (Weight.STOPS, {"token_endpoint": "http://as.example/t"}, "its token_endpoint “http://as.example/t” is not an"),
    (Weight.STOPS, {"code_challenge_methods_supported": ["plain"]}, "it does not list “S256”"),
    (Weight.STOPS, {"registration_endpoint": None}, "it registers no clients by itself"),
    (Weight.COPES, {"issuer": f"{AS}/"}, "by the slash at the end"),
    (Weight.COPES, {"response_types_supported": None}, "it has no response_types_supported"),
    (Weight.COPES, {"response_types_supported": ["token"]}, "do not list “code”"),
    (Weight.COPES, {"grant_types_supported": ["refresh_token"]}, "do not list “authorization_code”"),
    (Weight.COPES, {"grant_types_supported": ["authorization_code"]}, "do not list “refresh_token”"),
    (Weight.COPES, {"token_endpoint_auth_methods_supported": ["tls_client_auth"]}, "are “tls_client_auth”"),
    (Weight.TELLS, {"authorization_response_iss_parameter_supported": False}, "does not promise to name its issuer"),
    (Weight.TELLS, {"resource_parameter_supported": True}, "it says resource_parameter_supported: “true”"),
]


@pytest.mark.parametrize(("weight", "changes", "says"), DEVIATIONS, ids=[says for _, _, says in DEVIATIONS])
def test_each_deviation_is_found_alone(weight, changes, says):
    [(found_weight, found_says)] = found(METADATA | changes)
    assert found_weight is weight
    assert says in found_says
