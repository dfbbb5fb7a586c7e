"""From a machine's configuration to the plan for its token, and to the record that its session is kept under."""

import asyncio

import jwt
import pytest

from mcp_auth_bridge.app.machine_plan import build_plan, grant_name
from mcp_auth_bridge.app.record_names import fingerprint
from mcp_auth_bridge.config.profile import parse
from mcp_auth_bridge.oauth import machine
from mcp_auth_bridge.secret import Secret

ISSUER = 'issuer = "https://as.example"'


def auth_of(text, tmp_path):
    toml = f'[servers.acme]\nurl = "https://mcp.example/mcp"\nauth = {{ {text} }}\n'
    return parse(toml, tmp_path / "config.toml").profiles["acme"]


def token(subject, number=0):
    return jwt.encode({"iss": "https://platform.example", "sub": subject, "jti": str(number)}, "k" * 32)


def print_of(text, tmp_path, **environ):
    return fingerprint(auth_of(text, tmp_path).auth, environ)


def test_two_users_of_one_configuration_share_no_session_and_one_user_shares_it_with_their_next_token(tmp_path):
    exchange = f'kind = "token_exchange", {ISSUER}, subject_token = "env:T"'
    mia, again, ben = (print_of(exchange, tmp_path, T=t) for t in (token("mia"), token("mia", 2), token("ben")))
    assert mia == again != ben
    opaque = [print_of(exchange, tmp_path, T=value) for value in ("opaque-1", "opaque-2", "a.b.c", "")]
    assert len(set(opaque)) == 4


def test_a_projected_file_may_be_rotated_and_another_identity_in_it_is_another_session(tmp_path):
    file = tmp_path / "token"
    workload = f'kind = "jwt_bearer", {ISSUER}, assertion = "file:${{WHERE}}/token"'
    prints = []
    for content in (token("pod"), token("pod", 2) + "\n", token("other")):
        file.write_text(content)
        prints.append(print_of(workload, tmp_path, WHERE=str(tmp_path)))
    assert prints[0] == prints[1] != prints[2]
    file.unlink()
    assert print_of(workload, tmp_path, WHERE=str(tmp_path))  # what is wrong is said when it is needed


@pytest.mark.parametrize("change", ['scopes = ["b"]', 'resource = "urn:x"', 'audience = "x"', 'key_id = "k"'])
def test_another_configuration_has_another_session(tmp_path, change):
    text = f'kind = "client_credentials", {ISSUER}, client_id = "c", private_key = "env:K"'
    assert print_of(text, tmp_path) != print_of(f"{text}, {change}", tmp_path)


def test_a_secret_that_was_rotated_is_no_other_session_and_leaves_no_trace_in_its_name(tmp_path):
    prints = {
        print_of(f'kind = "client_credentials", {ISSUER}, client_id = "c", client_secret = "{secret}"', tmp_path)
        for secret in ("hunter2", "env:S", "file:/x")
    }
    assert len(prints) == 1


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
    assert made.party.client.secret == Secret("<env:S>")
    assert (made.party.client.auth_method, made.party.place) == ("client_secret_post", "the environment variable S")
    assert made.grant.idp.client.signing.key == Secret("<file:/k>")
    assert (made.grant.idp.client.signing.algorithm, made.grant.idp.place) == ("ES256", "the file /k")
    assert made.grant.identity.type == "urn:ietf:params:oauth:token-type:id_token"


def test_what_is_not_configured_is_not_there(tmp_path):
    made, read = planned(f'kind = "token_exchange", {ISSUER}, subject_token = "env:T"', tmp_path)
    assert read == [("env:T", "the subject_token")]
    assert made.grant == machine.TokenExchange(made.grant.subject)
    assert (made.party.client.id, made.party.client.secret, made.party.client.signing) == ("", None, None)


@pytest.mark.parametrize(
    ("word", "more"), [("client_credentials", 'client_secret = "env:S"'), ("jwt_bearer", 'assertion = "env:A"')]
)
def test_a_grant_is_called_what_the_configuration_calls_it(tmp_path, word, more):
    assert grant_name(auth_of(f'kind = "{word}", {ISSUER}, client_id = "c", {more}', tmp_path).auth) == word
