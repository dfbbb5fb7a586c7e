"""The names of records: what tells two sessions of machines apart."""

import jwt
import msgspec
import pytest

from mcp_auth_bridge.app.record_names import cache_name, cheap_value, fingerprint, session_name
from mcp_auth_bridge.config.config_file import parse
from mcp_auth_bridge.oauth.session import MACHINES, SESSIONS
from mcp_auth_bridge.secret import parse_reference

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


def test_a_users_session_is_named_by_its_server_and_a_machines_by_its_configuration_too(tmp_path):
    mine = auth_of('kind = "browser"', tmp_path)
    assert session_name(mine, {}) == f"{SESSIONS}acme https://mcp.example/mcp"
    machine = auth_of(f'kind = "client_credentials", {ISSUER}, client_id = "ci", client_secret = "env:S"', tmp_path)
    name, url, mark = session_name(machine, {}).removeprefix(MACHINES).split()
    assert (name, url, mark) == ("acme", "https://mcp.example/mcp", fingerprint(machine.auth, {}))


def test_results_are_remembered_for_each_value_of_an_organisations_header(tmp_path):
    plain = auth_of('kind = "none"', tmp_path)
    assert cache_name("session acme", plain, {}) == "session acme"
    with_header = msgspec.structs.replace(plain, headers={"X-Org": parse_reference("env:ORG", "it")})
    one, two = (cache_name("session acme", with_header, {"ORG": value}) for value in "12")
    assert one != two
    assert "ORG" not in one


@pytest.mark.parametrize("reference", ["command:print-it", "keyring:acme", "file:/does/not/exist", "env:MISSING"])
def test_a_value_that_is_not_at_hand_is_not_fetched_for_a_name(reference):
    assert cheap_value(parse_reference(reference, "it"), {}) == ""
    assert cheap_value(parse_reference("literal", "it"), {}) in ("literal", "")


def test_an_identity_providers_secret_does_not_name_the_session(tmp_path):
    idp = '{{ issuer = "https://idp.example", client_id = "c", client_secret = "env:{}" }}'
    text = f'kind = "enterprise", {ISSUER}, identity_assertion = "env:T", client_id = "ci", idp = '
    one, two = (print_of(f"{text}{idp.format(name)}", tmp_path, T=token("mia")) for name in ("A", "B"))
    assert one == two
