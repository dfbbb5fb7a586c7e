"""What stops a login at the MCP server: one symptom for each fault, and the blame that follows from it."""

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
from mcp_auth_bridge.doctor.archive import Fetched
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame
from mcp_auth_bridge.errors import RedirectRefused, Unreachable, UpstreamFailed
from mcp_auth_bridge.urls import Purpose, gate

ELSEWHERE = 'Bearer resource_metadata="https://inner.example/prm"'
ISSUER = f'{{ kind = "browser", issuer = "{AS}" }}'
DOWN = dict.fromkeys((RFC8414, OIDC), Unreachable("as.example refused the connection"))


def resource(*names, **changes):
    return {**HONEST, PRM: without(RESOURCE, *names, **changes)}


FAULTS = [
    ("nothing is published", {}, Symptom.NO_METADATA, Blame.SERVER),
    ("another resource", resource(resource="https://other.example/mcp"), Symptom.RESOURCE_FOREIGN, Blame.SERVER),
    ("a resource that is a number", resource(resource=5), Symptom.RESOURCE_MALFORMED, Blame.SERVER),
    ("no authorization server", resource("authorization_servers"), Symptom.NO_AUTHORIZATION_SERVER, Blame.SERVER),
    ("a list without names", resource(authorization_servers=[]), Symptom.NO_AUTHORIZATION_SERVER, Blame.SERVER),
]


@pytest.mark.parametrize(("table", "symptom", "blame"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_each_fault_before_a_login_has_its_symptom_and_its_blame(table, symptom, blame, tmp_path):
    finding = looked(login_way.discovery, evidence(tmp_path, table))
    assert (finding.outcome, symptoms(finding)) == (Outcome.FAIL, [symptom]), finding
    verdict = judged(finding)
    assert verdict.blame is blame
    assert "{" not in verdict.sentence + verdict.step


def test_a_firewall_at_every_address_is_named(tmp_path):
    finding = looked(login_way.discovery, evidence(tmp_path, {}, default=WALL))
    assert symptoms(finding) == [Symptom.METADATA_WALLED]
    assert "GET https://mcp.example/.well-known" in judged(finding).operator


def redirect(location):
    response = answer(b"", 302)
    response.headers["location"] = (location,)
    return Fetched(gate(OWN, Purpose.SERVER), response, None, RedirectRefused("not followed"))


@pytest.mark.parametrize(
    ("location", "issuer"),
    [
        ("https://idp.example/.well-known/openid-configuration", "https://idp.example"),
        ("https://idp.example/.well-known/oauth-authorization-server/t/v2", "https://idp.example/t/v2"),
        ("https://idp.example/t/v2/.well-known/openid-configuration", "https://idp.example/t/v2"),
    ],
)
def test_metadata_that_the_server_only_redirects_to_are_named_with_their_issuer(location, issuer, tmp_path):
    finding = looked(login_way.discovery, evidence(tmp_path, {OWN: redirect(location)}, refused()))
    assert symptoms(finding) == [Symptom.METADATA_MOVED, Symptom.NO_METADATA]
    assert f'"authorization_servers": ["{issuer}"]' in judged(finding).operator


def test_a_redirect_to_a_page_for_people_is_named(tmp_path):
    table = {PRM: redirect("https://team.example/login"), OWN: redirect("https://team.example/login")}
    finding = looked(login_way.discovery, evidence(tmp_path, table, refused()))
    assert symptoms(finding) == [Symptom.METADATA_GUARDED, Symptom.NO_METADATA]
    assert "“https://team.example/login”" in judged(finding).sentence


def test_a_challenge_that_names_another_origin_is_named(tmp_path):
    finding = looked(login_way.discovery, evidence(tmp_path, {}, refused(ELSEWHERE)))
    assert symptoms(finding) == [Symptom.METADATA_ELSEWHERE]
    assert f'resource_metadata="{PRM}"' in judged(finding).operator


def test_a_configured_issuer_that_the_server_does_not_name_is_your_mistake(tmp_path):
    mine = '{ kind = "browser", issuer = "https://mine.example" }'
    finding = looked(login_way.discovery, evidence(tmp_path, HONEST, auth=mine))
    assert symptoms(finding) == [Symptom.ISSUER_DIFFERS]
    assert judged(finding).blame is Blame.YOU


def test_a_configuration_that_the_server_agrees_with_is_not_blamed_for_another_fault(tmp_path):
    machine = f'{{ kind = "client_credentials", client_id = "c", client_secret = "env:S", issuer = "{AS}" }}'
    finding = looked(login_way.discovery, evidence(tmp_path, {PRM: RESOURCE}, auth=machine))
    assert symptoms(finding) == [Symptom.NO_SERVER_METADATA]


def test_an_error_of_the_mcp_server_itself_is_not_a_fault_of_its_authorization_server(tmp_path):
    for table in ({PRM: answer(b"", 503), RFC8414: METADATA}, {PRM: answer(b"", 429)}):
        finding = looked(login_way.discovery, evidence(tmp_path, table, refused(), auth=ISSUER))
        assert symptoms(finding) == [Symptom.METADATA_FAILING]
        assert judged(finding).blame is Blame.SERVER
    own = {OWN: answer(b"", 500)}
    assert symptoms(looked(login_way.discovery, evidence(tmp_path, own, refused()))) == [Symptom.METADATA_FAILING]
    for both in (
        {PRM: Unreachable("down")},
        {**DOWN, PRM: Unreachable("down")},
        {**DOWN, PRM: UpstreamFailed("down", status=503)},
    ):
        assert symptoms(looked(login_way.discovery, evidence(tmp_path, both, refused(), auth=ISSUER))) == []
