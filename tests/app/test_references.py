"""The references in the settings of a server: in its headers, and anywhere in its `auth` table."""

from commanding import context_of

from mcp_auth_bridge.app.references import references_of
from mcp_auth_bridge.secret import EnvironmentVariable, KeyringEntry, Literal


def test_headers_and_every_text_of_auth_are_references(tmp_path):
    auth = '{ kind = "headers", headers = { "X-K" = "keyring:k" } }'
    context = context_of(tmp_path, "https://a.example/mcp", auth, more='headers = { "X-A" = "env:A" }\n')
    found = list(references_of(context.config.profiles["acme"]))
    assert found[0] == EnvironmentVariable("A")
    assert KeyringEntry("k") in found


def test_a_text_that_is_not_a_reference_is_left_out(tmp_path):
    auth = '{ kind = "browser", client_name = "env:", scopes = ["read"] }'
    profile = context_of(tmp_path, "https://a.example/mcp", auth).config.profiles["acme"]
    assert all(isinstance(each, Literal) for each in references_of(profile))
