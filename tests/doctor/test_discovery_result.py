"""What a login would decide, from the same documents, without a user."""

import anyio
from oauth_world import AS, HONEST, LOGIN, MCP, METADATA, PRM, RFC8414, evidence, refused, without

from mcp_auth_bridge.config.auth import BearerSettings
from mcp_auth_bridge.config.login import BrowserSettings, DeviceSettings
from mcp_auth_bridge.doctor.discovery_result import login_plan, login_settings, trust_in
from mcp_auth_bridge.errors import ConfigError, NoLoginOffered
from mcp_auth_bridge.oauth.device import device_code

MACHINE = f'{{ kind = "client_credentials", client_id = "c", client_secret = "env:NONE", issuer = "{AS}" }}'
AT_ENDPOINT = (
    f'{{ kind = "client_credentials", client_id = "c", client_secret = "env:NONE", token_endpoint = "{AS}/t" }}'
)


def decided(folder, table, auth=LOGIN, answers=None):
    return anyio.run(evidence(folder, table, answers, auth).discovery)


def test_a_login_would_use_the_authorization_server_of_the_documents(tmp_path):
    found = decided(tmp_path, HONEST)
    assert (found.server.issuer, found.server.resource, found.error, found.questions) == (AS, MCP, None, ())


def test_an_error_of_the_discovery_is_a_result(tmp_path):
    assert isinstance(decided(tmp_path, {}, answers=refused()).error, NoLoginOffered)


def test_a_question_to_the_user_is_noted_and_the_discovery_goes_on(tmp_path):
    table = {**HONEST, RFC8414: METADATA | {"token_endpoint": "https://away.example/t"}}
    found = decided(tmp_path, table)
    assert found.server is not None
    [question] = found.questions
    assert question.options == "--trust https://away.example"
    assert "the token endpoint is at https://away.example" in question.text


def test_a_machine_uses_its_configured_issuer_and_reads_no_secret(tmp_path):
    assert decided(tmp_path, HONEST, MACHINE).server.token_endpoint.path == "/token"
    assert isinstance(decided(tmp_path, {PRM: HONEST[PRM]}, MACHINE).error, ConfigError)
    assert decided(tmp_path, {}, AT_ENDPOINT).server.token_endpoint.path == "/t"
    assert trust_in(evidence(tmp_path, {}, auth=MACHINE).bridge, None).issuer == AS


def test_settings_that_are_not_of_a_login_are_those_of_a_login_that_is_not_configured(tmp_path):
    device = evidence(tmp_path, {}, auth='{ kind = "device" }').bridge
    assert login_plan(device, None, None).grant is device_code
    assert login_settings(BearerSettings("env:T")) == BrowserSettings()
    assert login_settings(DeviceSettings()) == DeviceSettings()
    assert decided(tmp_path, HONEST, '{ kind = "none" }').server.issuer == AS
    assert decided(tmp_path, {**HONEST, RFC8414: without(METADATA, "token_endpoint")}).server is None
