"""The names of records: what tells two sessions of machines apart."""

import jwt
import pytest

from mcp_auth_bridge.app.record_names import fingerprint
from mcp_auth_bridge.config.config_file import parse

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


def test_a_rotated_secret_does_not_change_the_session_and_leaves_no_trace_in_its_name(tmp_path):
    prints = {
        print_of(f'kind = "client_credentials", {ISSUER}, client_id = "c", client_secret = "{secret}"', tmp_path)
        for secret in ("hunter2", "env:S", "file:/x")
    }
    assert len(prints) == 1
