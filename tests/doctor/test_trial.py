"""A trial registers a client and deletes it again, or obtains a machine's token, and only with `--register`."""

import json

import anyio
import msgspec
import pytest
from examining import evidence_of
from oauth_world import HONEST, cut_off, evidence, looked, symptoms
from peers.gateway import Gateway
from starlette.responses import JSONResponse, Response

from mcp_auth_bridge.doctor import trial as trial_module
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.subject import Depth
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import Unreachable


@pytest.fixture
def gateway():
    with Gateway() as running:
        yield running


def tried(folder, url, auth='{ kind = "browser" }', **more):
    found = evidence_of(folder, url, auth, **more)
    deep = msgspec.structs.replace(found.subject, depth=Depth.REGISTER)
    return anyio.run(trial_module.trial, Evidence(deep))


def managed(gateway, status):
    """A registration endpoint whose clients can be deleted (RFC 7592)."""

    async def serve(scope, receive, send):
        if scope["method"] == "DELETE":
            await Response(status_code=status)(scope, receive, send)
            return
        await gateway._app(scope, receive, send)

    return serve


def test_a_client_is_registered_and_stays_where_the_server_does_not_delete_it(gateway, tmp_path):
    finding = tried(tmp_path, gateway.url)
    assert finding.outcome is Outcome.OK
    assert "which stays there" in finding.says
    assert gateway.seen("/register") >= 1


def test_a_client_is_deleted_again_where_the_server_offers_that(gateway, tmp_path):
    managing = f"{gateway.origin}/client"
    registered = {"client_id": "trial", "registration_access_token": "R" * 20, "registration_client_uri": managing}
    registered["redirect_uris"] = ["http://127.0.0.1:33418/callback"]
    gateway.instead |= {"/register": JSONResponse(registered, 201), "/client": Response(status_code=204)}
    assert tried(tmp_path, gateway.url).says.endswith("and deleted it again")
    assert gateway.seen("/client") == 1


def test_a_refused_registration_is_a_failure_with_the_server_s_own_sentence(gateway, tmp_path):
    refusal = {"error": "invalid_client_metadata", "error_description": "not this one"}
    gateway.instead["/register"] = JSONResponse(refusal, 400)
    finding = tried(tmp_path, gateway.url)
    assert symptoms(finding) == [Symptom.REGISTRATION_REFUSED]
    assert "not this one" in finding.says


def test_a_server_that_takes_localhost_and_no_address_is_tried_with_localhost(gateway, tmp_path):
    async def picky(scope, receive, send):
        body = (await receive())["body"]
        if b"127.0.0.1" in body:
            await JSONResponse({"error": "invalid_redirect_uri"}, 400)(scope, receive, send)
            return
        await JSONResponse({"client_id": "c", **json.loads(body)}, 201)(scope, receive, send)

    gateway.instead["/register"] = picky
    assert tried(tmp_path, gateway.url).outcome is Outcome.OK
    auth = '{ kind = "browser", callback_path = "/back", callback_port = 4711 }'
    assert tried(tmp_path, gateway.url, auth).outcome is Outcome.OK
    bodies = [body for verb, path, _, body in gateway.requests if (verb, path) == ("POST", "/register") and body]
    assert b'"http://localhost:4711/back"' in bodies[-1]


def test_a_machine_s_token_is_obtained_and_not_kept(gateway, tmp_path):
    token = JSONResponse({"access_token": "AT", "token_type": "Bearer", "expires_in": 60})
    gateway.instead["/token"] = token
    client = 'kind = "client_credentials", client_id = "c", client_secret = "env:S"'
    auth = f'{{ {client}, token_endpoint = "{gateway.origin}/token" }}'
    finding = tried(tmp_path, gateway.url, auth, environ={"S": "secret"})
    assert finding.outcome is Outcome.OK, finding
    gateway.instead["/token"] = JSONResponse({"error": "invalid_client"}, 401)
    finding = tried(tmp_path, gateway.url, auth, environ={"S": "secret"})
    assert symptoms(finding) == [Symptom.TOKEN_NOT_ISSUED]


def test_a_trial_is_skipped_where_there_is_nothing_to_try(gateway, tmp_path):
    assert "--register" in looked(trial_module.trial, evidence(tmp_path, HONEST)).says
    assert looked(trial_module.trial, evidence(tmp_path, {}, cut_off(Unreachable("down")))).outcome is Outcome.SKIP
    assert tried(tmp_path, gateway.url, '{ kind = "none" }').says == "there is nothing to register"
    found = evidence(tmp_path, {})
    found.subject = msgspec.structs.replace(found.subject, depth=Depth.REGISTER)
    assert looked(trial_module.trial, found).says == "no authorization server was found"


def test_a_trial_that_is_not_answered_in_time_is_a_warning(gateway, tmp_path, monkeypatch):
    async def silent(scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass

    gateway.instead["/register"] = silent
    monkeypatch.setattr(trial_module, "PATIENCE", 0.2)
    assert tried(tmp_path, gateway.url).outcome is Outcome.WARN
