"""From a machine's configuration to the plan by which it obtains tokens."""

import asyncio

import pytest

from mcp_auth_bridge.app.machine_plan import build_plan, grant_name
from mcp_auth_bridge.config.config_file import parse
from mcp_auth_bridge.oauth import machine
from mcp_auth_bridge.secret import Secret

ISSUER = 'issuer = "https://as.example"'


def auth_of(text, tmp_path):
    toml = f'[servers.acme]\nurl = "https://mcp.example/mcp"\nauth = {{ {text} }}\n'
    return parse(toml, tmp_path / "config.toml").profiles["acme"]


def planned(text, tmp_path):
    """The plan, and which references were read for it."""
    read = []

    async def reader(reference, what):
        read.append((reference, what))
        return Secret(f"<{reference}>")

    profile = auth_of(text, tmp_path)
    return asyncio.run(build_plan(profile.url, profile.auth, reader)), [each for each in read if each[0]]


def test_every_secret_is_read_for_each_plan(tmp_path):
    idp = 'idp = { issuer = "https://idp.example", client_id = "i", private_key = "file:/k", algorithm = "ES256" }'
    client = 'client_id = "c", client_secret = "env:S", auth_method = "client_secret_post"'
    made, read = planned(f'kind = "enterprise", {ISSUER}, {client}, identity_assertion = "env:I", {idp}', tmp_path)
    assert sorted(read) == [
        ("env:I", "the identity_assertion"),
        ("env:S", "the client_secret"),
        ("file:/k", "the private_key"),
    ]
    assert made.registration.client.secret == Secret("<env:S>")
    assert (made.registration.client.auth_method, made.registration.place) == (
        "client_secret_post",
        "the environment variable S",
    )
    assert made.grant.idp.client.signing.key == Secret("<file:/k>")
    assert (made.grant.idp.client.signing.algorithm, made.grant.idp.place) == ("ES256", "the file /k")
    assert made.grant.identity.type == "urn:ietf:params:oauth:token-type:id_token"


def test_settings_that_are_not_configured_are_empty_in_the_plan(tmp_path):
    made, read = planned(f'kind = "token_exchange", {ISSUER}, subject_token = "env:T"', tmp_path)
    assert read == [("env:T", "the subject_token")]
    assert made.grant == machine.TokenExchange(made.grant.subject)
    assert (made.registration.client.id, made.registration.client.secret, made.registration.client.signing) == (
        "",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("word", "more"), [("client_credentials", 'client_secret = "env:S"'), ("jwt_bearer", 'assertion = "env:A"')]
)
def test_a_grant_is_called_what_the_configuration_calls_it(tmp_path, word, more):
    assert grant_name(auth_of(f'kind = "{word}", {ISSUER}, client_id = "c", {more}', tmp_path).auth) == word
