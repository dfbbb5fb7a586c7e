"""What stops a login at the authorization server: one symptom for each fault, and the blame that follows."""

import pytest
from oauth_world import (
    AS,
    HONEST,
    METADATA,
    OIDC,
    OWN,
    PRM,
    RESOURCE,
    RFC8414,
    WALL,
    evidence,
    judged,
    looked,
    refused,
    symptoms,
    without,
)
from playing import answer

from mcp_auth_bridge.doctor import login_way
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame
from mcp_auth_bridge.errors import Unreachable, UrlRefused
from mcp_auth_bridge.shell.net.connect_errors import ConnectFailed, Fault

ISSUER = f'{{ kind = "browser", issuer = "{AS}" }}'
DOWN = dict.fromkeys((RFC8414, OIDC), Unreachable("as.example refused the connection"))
TENANT = "https://login.microsoftonline.com/common/v2.0"
COMMON = "https://login.microsoftonline.com/.well-known/oauth-authorization-server/common/v2.0"


def metadata(*names, **changes):
    return {**HONEST, RFC8414: without(METADATA, *names, **changes)}


def resource(*names, **changes):
    return {**HONEST, PRM: without(RESOURCE, *names, **changes)}


FAULTS = [
    ("scopes as a text", metadata(scopes_supported="a b"), Symptom.ISSUER_MALFORMED, Blame.AUTHORIZATION_SERVER),
    ("without an issuer", metadata("issuer"), Symptom.ISSUER_MALFORMED, Blame.AUTHORIZATION_SERVER),
    (
        "failing at one of its addresses",
        {PRM: RESOURCE, RFC8414: answer(b"", 500)},
        Symptom.AUTHORIZATION_SERVER_DOWN,
        Blame.AUTHORIZATION_SERVER,
    ),
    ("plain http", resource(authorization_servers=["http://as.example"]), Symptom.ISSUER_REFUSED, Blame.SERVER),
    (
        "an inner address",
        resource(authorization_servers=["https://169.254.169.254"]),
        Symptom.ISSUER_REFUSED,
        Blame.SERVER,
    ),
    ("down", {PRM: RESOURCE, **DOWN}, Symptom.AUTHORIZATION_SERVER_DOWN, Blame.AUTHORIZATION_SERVER),
    (
        "failing",
        {PRM: RESOURCE, **dict.fromkeys((RFC8414, OIDC), answer(b"", 502))},
        Symptom.AUTHORIZATION_SERVER_DOWN,
        Blame.AUTHORIZATION_SERVER,
    ),
    ("no metadata", {PRM: RESOURCE}, Symptom.NO_SERVER_METADATA, Blame.AUTHORIZATION_SERVER),
    ("another issuer", metadata(issuer="https://b.example"), Symptom.WRONG_ISSUER, Blame.AUTHORIZATION_SERVER),
    (
        "Entra ID for all tenants",
        {
            PRM: without(RESOURCE, authorization_servers=[TENANT]),
            COMMON: without(METADATA, issuer="https://login.microsoftonline.com/{tenantid}/v2.0"),
        },
        Symptom.ISSUER_TEMPLATE,
        Blame.SERVER,
    ),
    ("no S256", metadata(code_challenge_methods_supported=["plain"]), Symptom.NO_S256, Blame.AUTHORIZATION_SERVER),
    ("no token endpoint", metadata("token_endpoint"), Symptom.ENDPOINT_UNNAMED, Blame.AUTHORIZATION_SERVER),
    ("no login page", metadata("authorization_endpoint"), Symptom.ENDPOINT_UNNAMED, Blame.AUTHORIZATION_SERVER),
    (
        "an endpoint at plain http",
        metadata(token_endpoint="http://as.example/token"),
        Symptom.ENDPOINT_REFUSED,
        Blame.AUTHORIZATION_SERVER,
    ),
]


@pytest.mark.parametrize(("table", "symptom", "blame"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_each_fault_before_a_login_has_its_symptom_and_its_blame(table, symptom, blame, tmp_path):
    finding = looked(login_way.discovery, evidence(tmp_path, table))
    assert (finding.outcome, symptoms(finding)) == (Outcome.FAIL, [symptom]), finding
    verdict = judged(finding)
    assert verdict.blame is blame
    assert "{" not in verdict.sentence + verdict.step


def test_an_issuer_at_an_address_on_the_user_s_own_network_is_the_mcp_server_s_fault(tmp_path):
    refused_address = UrlRefused("https://mcp.example points to https://as.example, which is an address on …", "if …")
    finding = looked(
        login_way.discovery, evidence(tmp_path, {PRM: RESOURCE, **dict.fromkeys((RFC8414, OIDC), refused_address)})
    )
    assert symptoms(finding) == [Symptom.ISSUER_REFUSED]


@pytest.mark.parametrize("fault", [Fault.NAME_UNKNOWN, Fault.SILENT, Fault.UNKNOWN_ISSUER])
def test_an_authorization_server_that_this_network_does_not_lead_to_is_not_blamed(fault, tmp_path):
    failed = ConnectFailed("https://as.example cannot be reached", fault=fault)
    finding = looked(login_way.discovery, evidence(tmp_path, {PRM: RESOURCE, RFC8414: failed, OIDC: failed}))
    assert symptoms(finding) == [Symptom.AUTHORIZATION_SERVER_UNREACHED]
    assert judged(finding).blame is Blame.NETWORK


def test_a_firewall_in_front_of_the_authorization_server_is_named(tmp_path):
    finding = looked(login_way.discovery, evidence(tmp_path, {PRM: RESOURCE, OIDC: WALL}))
    assert symptoms(finding) == [Symptom.ISSUER_WALLED]
    assert judged(finding).blame is Blame.AUTHORIZATION_SERVER


def test_a_configuration_that_the_server_agrees_with_is_not_blamed_for_another_fault(tmp_path):
    machine = f'{{ kind = "client_credentials", client_id = "c", client_secret = "env:S", issuer = "{AS}" }}'
    finding = looked(login_way.discovery, evidence(tmp_path, {PRM: RESOURCE}, auth=machine))
    assert symptoms(finding) == [Symptom.NO_SERVER_METADATA]


def test_a_wrong_issuer_at_the_mcp_server_s_own_host_is_named(tmp_path):
    finding = looked(login_way.discovery, evidence(tmp_path, {OWN: METADATA}, refused()))
    assert symptoms(finding) == [Symptom.WRONG_ISSUER]
    assert finding.signs[0].facts["exact"] == "https://mcp.example"


def test_a_fault_of_the_mcp_server_too_is_not_one_of_its_authorization_server(tmp_path):
    for both in ({PRM: Unreachable("down")}, {**DOWN, PRM: Unreachable("down")}):
        assert symptoms(looked(login_way.discovery, evidence(tmp_path, both, refused(), auth=ISSUER))) == []
