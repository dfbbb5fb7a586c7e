"""The decision of a login, its client and its endpoints, and the symptom of each fault on the way."""

import msgspec
import pytest
from oauth_world import (
    AS,
    HONEST,
    MCP,
    METADATA,
    PRM,
    RESOURCE,
    RFC8414,
    WALL,
    accepted,
    cut_off,
    evidence,
    judged,
    looked,
    served,
    symptoms,
    without,
)
from playing import answer

from mcp_auth_bridge.doctor import login_way
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame
from mcp_auth_bridge.errors import LoginRequired, Unreachable
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.secret import Secret

CHALLENGED = f'Bearer resource_metadata="{PRM}"'
CLIENT = f'{{ kind = "browser", issuer = "{AS}", client_id = "mine" }}'


def session(issuer=AS):
    client = Client(issuer=issuer, id="old", redirect_uri="http://127.0.0.1:1/callback")
    return Session(
        resource=MCP, issuer=issuer, token_endpoint=f"{issuer}/t", client=client, access=Secret("AT"), obtained_at=0
    )


def metadata(*names, **changes):
    return {**HONEST, RFC8414: without(METADATA, *names, **changes)}


def resource(*names, **changes):
    return {**HONEST, PRM: without(RESOURCE, *names, **changes)}


def test_a_device_login_needs_no_page_and_a_browser_login_does(tmp_path):
    table = metadata("authorization_endpoint", device_authorization_endpoint=f"{AS}/device")
    finding = looked(login_way.discovery, evidence(tmp_path, table))
    assert (finding.outcome, symptoms(finding)) == (Outcome.FAIL, [])
    assert "--device" in finding.hint
    assert looked(login_way.discovery, evidence(tmp_path, table, auth='{ kind = "device" }')).outcome is Outcome.OK


@pytest.mark.parametrize("auth", ['{ kind = "none" }', '{ kind = "bearer", token = "env:T" }'])
def test_without_a_login_to_make_no_metadata_are_no_fault(auth, tmp_path):
    assert looked(login_way.discovery, evidence(tmp_path, {}, auth=auth)).outcome is Outcome.SKIP
    assert looked(login_way.discovery, evidence(tmp_path, {}, served())).outcome is Outcome.SKIP


def test_a_fault_that_the_next_login_will_meet_is_a_warning_while_the_server_accepts_the_token(tmp_path):
    finding = looked(login_way.discovery, evidence(tmp_path, {PRM: RESOURCE}, accepted()))
    assert (finding.outcome, finding.signs) == (Outcome.WARN, ())
    finding = looked(login_way.endpoints, evidence(tmp_path, {**HONEST, f"POST {AS}/token": WALL}, accepted()))
    assert (finding.outcome, symptoms(finding)) == (Outcome.WARN, [Symptom.ENDPOINT_WANTED_LATER])


def test_without_a_connection_every_check_is_skipped(tmp_path):
    for look in (login_way.discovery, login_way.registration, login_way.endpoints):
        finding = looked(look, evidence(tmp_path, {}, cut_off(Unreachable("down"))))
        assert (finding.outcome, finding.says) == (Outcome.SKIP, "there is no connection to https://mcp.example")


def test_the_decision_names_issuer_resource_scopes_and_each_question(tmp_path):
    table = {**metadata(token_endpoint="https://away.example/token"), PRM: {**RESOURCE, "scopes_supported": ["a", "b"]}}
    finding = looked(login_way.discovery, evidence(tmp_path, table))
    assert finding.says == f"a login goes to “{AS}”"
    assert finding.details[:2] == (f"the tokens are for “{MCP}”", "the server lists the scopes “a, b”")
    assert finding.details[2].endswith("to agree in advance: --trust https://away.example")
    without_resource = '{ kind = "browser", resource = "none" }'
    finding = looked(login_way.discovery, evidence(tmp_path, HONEST, auth=without_resource))
    assert finding.details == ("the tokens name no resource",)


def test_another_name_of_the_resource_than_at_the_last_login_is_a_symptom(tmp_path):
    renamed = msgspec.structs.replace(session(), resource="https://mcp.example/old")
    finding = looked(login_way.discovery, evidence(tmp_path, HONEST, session=renamed))
    assert (finding.outcome, symptoms(finding)) == (Outcome.OK, [Symptom.RESOURCE_RENAMED])


def test_another_issuer_than_at_the_last_login_is_a_warning_while_its_token_can_be_presented(tmp_path):
    moved = session("https://old.example")
    assert looked(login_way.discovery, evidence(tmp_path, HONEST, session=session())).outcome is Outcome.OK
    finding = looked(login_way.discovery, evidence(tmp_path, HONEST, session=moved))
    assert (finding.outcome, finding.signs) == (Outcome.WARN, ())
    finding = looked(login_way.discovery, evidence(tmp_path, HONEST, session=moved, error=LoginRequired("over")))
    assert symptoms(finding) == [Symptom.ISSUER_CHANGED]
    assert f"LOGIN --trust {AS}" in judged(finding).step


def test_the_client_is_configured_documented_known_or_registered(tmp_path):
    def found(table=HONEST, **more):
        return looked(login_way.registration, evidence(tmp_path, table, **more))

    assert "by itself (RFC 7591)" in found().says
    assert "that you have configured" in found(auth=CLIENT).says
    assert "at an earlier login" in found(session=session()).says
    document = '{ kind = "browser", client_metadata_url = "https://me.example/client.json" }'
    assert (
        "client ID metadata document" in found(metadata(client_id_metadata_document_supported=True), auth=document).says
    )
    machine = f'{{ kind = "client_credentials", client_id = "c", client_secret = "env:S", issuer = "{AS}" }}'
    assert found(auth=machine).outcome is Outcome.SKIP
    assert found(auth='{ kind = "none" }').outcome is Outcome.SKIP
    assert found({}).says == "no authorization server was found"
    free = looked(login_way.registration, evidence(tmp_path, metadata("registration_endpoint"), served()))
    assert free.outcome is Outcome.OK


def test_a_configured_client_of_another_issuer_is_your_mistake(tmp_path):
    pinned = f'{{ kind = "browser", issuer = "{AS}", client_id = "mine", trusted_issuer = "https://b.example" }}'
    table = metadata(issuer="https://b.example")
    finding = looked(login_way.registration, evidence(tmp_path, table, auth=pinned))
    assert symptoms(finding) == [Symptom.CLIENT_DIFFERS]
    assert judged(finding).blame is Blame.YOU


def test_where_nothing_registers_the_finding_says_what_to_register_and_where(tmp_path):
    finding = looked(login_way.registration, evidence(tmp_path, metadata("registration_endpoint")))
    assert symptoms(finding) == [Symptom.NO_REGISTRATION]
    assert "redirect URI http://127.0.0.1/callback" in finding.hint
    verdict = judged(finding)
    assert verdict.step.endswith(f'auth = {{ kind = "browser", client_id = "…", issuer = "{AS}" }}')
    assert "registration_endpoint" in verdict.operator
    google = "https://accounts.google.com"
    table = {
        PRM: without(RESOURCE, authorization_servers=[google]),
        f"{google}/.well-known/openid-configuration": without(METADATA, "registration_endpoint", issuer=google)
        | {"authorization_endpoint": f"{google}/a", "token_endpoint": f"{google}/t"},
    }
    port = '{ kind = "browser", callback_port = 4711, callback_host = "localhost", callback_path = "/back" }'
    finding = looked(login_way.registration, evidence(tmp_path, table, auth=port))
    assert "console.cloud.google.com" in finding.hint
    assert "docs/providers.md" in finding.hint
    assert "http://localhost:4711/back" in finding.hint


def test_an_operator_that_registers_approved_clients_only_is_named(tmp_path):
    figma = "https://figma.com"
    endpoints = {name: f"{figma}/{name}" for name in METADATA if name.endswith("_endpoint")}
    table = {
        PRM: without(RESOURCE, authorization_servers=[figma]),
        f"{figma}/.well-known/oauth-authorization-server": METADATA | endpoints | {"issuer": figma},
    }
    finding = looked(login_way.registration, evidence(tmp_path, table))
    assert finding.outcome is Outcome.OK
    assert "approved" in finding.details[0]


MOVED = answer(b"", 307, "text/plain")
MOVED.headers["location"] = ("/api/register",)
BROKEN = [
    ({f"POST {AS}/token": answer(b"", 404)}, Symptom.ENDPOINT_MISSING),
    ({f"POST {AS}/token": WALL}, Symptom.ENDPOINT_WALLED),
    ({f"POST {AS}/token": MOVED}, Symptom.ENDPOINT_MOVED),
    ({f"{AS}/authorize": Unreachable("down")}, Symptom.ENDPOINT_DOWN),
    ({f"OPTIONS {AS}/register": WALL}, Symptom.ENDPOINT_WALLED),
]


@pytest.mark.parametrize(("change", "symptom"), BROKEN)
def test_an_endpoint_that_a_login_cannot_use_has_its_symptom(change, symptom, tmp_path):
    finding = looked(login_way.endpoints, evidence(tmp_path, {**HONEST, **change}))
    assert (finding.outcome, symptoms(finding)) == (Outcome.FAIL, [symptom])
    assert judged(finding).blame is Blame.AUTHORIZATION_SERVER
    assert len(finding.details) == 3
    assert looked(login_way.endpoints, evidence(tmp_path, {**HONEST, **change}, served())).outcome is Outcome.OK


def test_a_registration_endpoint_that_redirects_within_its_origin_or_is_not_needed_is_fine(tmp_path):
    table = {**HONEST, f"OPTIONS {AS}/register": MOVED}
    finding = looked(login_way.endpoints, evidence(tmp_path, table))
    assert finding.outcome is Outcome.OK
    assert "which the bridge follows (HTTP 307)" in finding.details[2]
    table = {**HONEST, f"OPTIONS {AS}/register": WALL}
    assert looked(login_way.endpoints, evidence(tmp_path, table, auth=CLIENT)).outcome is Outcome.OK
    assert looked(login_way.endpoints, evidence(tmp_path, {})).outcome is Outcome.SKIP
