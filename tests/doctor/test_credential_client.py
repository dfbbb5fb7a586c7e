"""Whether the authorization server still knows the client of a login."""

import anyio
import msgspec
import pytest
from examining import evidence_of
from held import BROWSER, MACHINE, login
from peers.gateway import Gateway
from starlette.responses import PlainTextResponse

from mcp_auth_bridge.doctor import credential_client
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.held_credential import HeldCredential, OrganisationOnly
from mcp_auth_bridge.doctor.subject import Depth
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.oauth.session import Client, Strikes


@pytest.fixture
def gateway():
    with Gateway() as running:
        yield running


def asked(folder, gateway, *, auth=BROWSER, depth=Depth.REGISTER, is_held=True, **more):
    evidence = Evidence(msgspec.structs.replace(evidence_of(folder, gateway.url, auth).subject, depth=depth))
    client = Client(issuer=gateway.origin, id="c-7", redirect_uri="http://127.0.0.1:33418/callback")
    session = login(**{"issuer": gateway.origin, "client": client, "scope": "read", **more})

    async def held():
        return HeldCredential(OrganisationOnly(), {}, session if is_held else None)

    evidence.credential = held
    return anyio.run(credential_client.client, evidence)


def test_without_a_login_of_a_person_there_is_no_client_to_ask_about(gateway, tmp_path):
    for given in ({"is_held": False}, {"auth": MACHINE.replace("https://as.example", gateway.origin)}):
        assert asked(tmp_path, gateway, **given).says == "there is no login"


def test_the_authorization_server_is_asked_only_where_more_than_looking_is_allowed(gateway, tmp_path):
    finding = asked(tmp_path, gateway, depth=Depth.LOOK)
    assert (finding.outcome, gateway.seen("/authorize")) == (Outcome.SKIP, 0)
    assert (
        finding.says == "whether the authorization server still knows the client “c-7” is not asked without --register"
    )


def test_a_renewal_that_met_an_unknown_client_is_told(gateway, tmp_path):
    finding = asked(tmp_path, gateway, strikes=Strikes(count=1, code="invalid_client", of_client=True))
    assert (finding.outcome, finding.hint) == (Outcome.WARN, "run: mcp-auth-bridge login acme")


def test_a_client_that_the_authorization_page_does_not_know_is_forgotten(gateway, tmp_path):
    finding = asked(tmp_path, gateway)
    assert (finding.outcome, finding.hint) == (Outcome.FAIL, "run: mcp-auth-bridge login acme")
    assert [each.symptom for each in finding.signs] == [Symptom.CLIENT_FORGOTTEN]
    assert (gateway.seen("/authorize"), gateway.seen("/register")) == (1, 0)
    gateway.instead["/authorize"] = PlainTextResponse("sign in")
    assert asked(tmp_path, gateway).outcome is Outcome.OK


def test_what_cannot_be_asked_is_not_known(gateway, tmp_path, monkeypatch):
    assert asked(tmp_path, gateway, issuer="https://other.example").says.endswith("of the login was not found")
    gateway.instead["/authorize"] = PlainTextResponse("x" * 3_000_000)
    assert asked(tmp_path, gateway).says.startswith("the authorization page could not be asked: ")
    monkeypatch.setattr(credential_client, "PATIENCE", 0.0)
    assert asked(tmp_path, gateway).says == "the authorization page did not answer within 0 seconds"
