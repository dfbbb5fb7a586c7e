"""The errors for a refused token, and for a login that the MCP server refuses or that lacks a permission."""

import jwt
from refreshing import refused, session

from mcp_auth_bridge.credentials.diagnosis import LoginDiagnosis, RefusedToken, token_refused_error
from mcp_auth_bridge.errors import AccessDenied, CredentialRefused, NotAToken, TokenExpired
from mcp_auth_bridge.secret import Secret

MCP = "https://mcp.example/mcp"
COMMAND = "mcp-auth-bridge login acme"
DIAGNOSIS = LoginDiagnosis("acme", COMMAND, "today")


def token(text):
    return RefusedToken(text, "acme", "the token of acme", "file:/run/token", MCP)


def test_a_refused_token_is_named_with_its_fault_its_place_and_facts_for_programs():
    expired = jwt.encode({"iss": "https://as.example", "aud": MCP, "exp": 900}, "k" * 32)
    error = token_refused_error(token(expired), refused({}, error="invalid_token"), 1000.0)
    assert type(error) is TokenExpired
    assert error.message.startswith("acme refuses the token of acme (HTTP 401): it expired 100 seconds ago")
    assert error.hint == "replace it: file:/run/token"
    assert error.facts == {
        "status": 401,
        "issuer": "https://as.example",
        "audience_expected": MCP,
        "audience_found": [MCP],
        "expires_at": "1970-01-01T00:15:00Z",
    }


def test_the_servers_description_tells_kinds_of_refusal_apart():
    opaque = token("0123456789abcdef0123")
    kinds = [
        type(token_refused_error(opaque, refused({}, error_description=description), 1000.0))
        for description in ("", "the token has expired", "jwt malformed")
    ]
    assert kinds == [CredentialRefused, TokenExpired, NotAToken]


def test_a_new_token_that_is_refused_is_explained_with_the_keys_to_look_at():
    error = DIAGNOSIS.new_token_error(session(access=Secret("opaque")), refused({}, scope="write"), 1000.0)
    assert error.message.startswith("acme rejected even a freshly issued token (HTTP 401): the token is opaque")
    assert error.hint.endswith(f"then run: {COMMAND}")
    assert error.has_unclear_cause


def test_a_scope_that_the_login_has_cannot_be_had_by_another_login():
    error = DIAGNOSIS.denied_scope_error(session(scope="read write"), "write")
    assert type(error) is AccessDenied
    assert "although the login has the scopes" in error.message


def test_a_scope_that_was_denied_is_remembered_while_the_settings_stay_the_same():
    asked = {"scope": "read", "asked": "read write", "denied": "admin"}
    error = DIAGNOSIS.denied_scope_error(session(**asked, settings="today"), "write admin")
    assert "did not grant: “write admin”" in error.message
    assert COMMAND in error.hint
    assert DIAGNOSIS.denied_scope_error(session(**asked, settings="yesterday"), "write admin") is None
    assert DIAGNOSIS.denied_scope_error(session(**asked, settings="today"), "other") is None
