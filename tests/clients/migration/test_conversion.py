"""Entries as people publish them become tables of config.toml, or reasons why not."""

import json

import pytest
from rival_entries import ENTRIES

from mcp_auth_bridge.clients.entry_programs import OtherBridge, started
from mcp_auth_bridge.clients.migration.conversion import convert
from mcp_auth_bridge.clients.migration.rivals import RIVALS
from mcp_auth_bridge.secret import Secret


def converted(argv, env=None, read=None):
    program = started(argv)
    assert isinstance(program, OtherBridge)
    env = {name: Secret(value) for name, value in (env or {}).items()}
    return convert(RIVALS[program.program], "acme", program.arguments, env, read or (lambda _: ""))


@pytest.mark.parametrize("entry", ENTRIES, ids=[f"{n} {each.source}" for n, each in enumerate(ENTRIES)])
def test_a_published_entry_is_converted_or_refused_with_a_reason(entry):
    found = converted(entry.argv, entry.env)
    if isinstance(entry.table, str):
        assert found.refusals[0].startswith(entry.table)
        return
    assert found.refusals == ()
    assert found.table == entry.table
    assert {name: value.reveal() for name, value in found.secrets.items()} == entry.secrets
    told = json.dumps([found.table, found.left_out])
    assert not [secret for secret in entry.secrets.values() if len(secret) > 3 and f'"{secret}"' in told]


def test_there_are_forty_of_them():
    assert len(ENTRIES) >= 40


@pytest.mark.parametrize("rival", RIVALS.values(), ids=list(RIVALS))
def test_every_flag_has_a_meaning(rival):
    for name, flag in rival.flags.items():
        words = ["1"] * flag.words
        found = convert(rival, "acme", ["https://a.example/mcp", name, *words], {}, lambda _: "")
        told = (found.left_out, found.refusals, found.secrets, found.table != {"url": "https://a.example/mcp"})
        assert any(told) or name == "--allow-http", name


def test_a_client_of_its_own_needs_the_issuer_and_keeps_the_rest():
    info = '{"client_id": "id", "client_secret": "s3cret"}'
    argv = ("npx", "mcp-remote", "https://a.example/mcp", "3334", "--static-oauth-client-info", info)
    found = converted(argv)
    assert found.refusals[0].startswith("it has a client of its own")
    assert found.table["auth"] == {
        "client_id": "id",
        "client_secret": "keyring:acme-client-secret",
        "callback_port": 3334,
        "callback_host": "localhost",
        "callback_path": "/oauth/callback",
        "issuer": "https://…",
    }
    assert converted((*argv[:-1], "@/x.json"), read=lambda path: info if path == "/x.json" else "").table == found.table


def test_a_machine_keeps_only_what_a_machine_has():
    info = '{"client_id": "id", "client_secret": "env:S"}'
    argv = ("npx", "mcp-remote", "https://a.example/mcp", "3334", "--client-credentials", "--token-endpoint")
    found = converted((*argv, "https://b.example/token", "--static-oauth-client-info", info))
    assert found.table["auth"] == {
        "kind": "client_credentials",
        "token_endpoint": "https://b.example/token",
        "client_id": "id",
        "client_secret": "env:S",
        "issuer": "https://…",
    }
    words = ("--client-id", "id", "--client-secret", "s", "--token-url", "https://b.example/token")
    assert converted(("mcp-proxy", "https://a.example/mcp", *words)).table["auth"]["kind"] == "client_credentials"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--header",), "--header has no value"),
        (("--header", "no colon"), "--header has no colon"),
        (("--connect-timeout", "soon"), "--connect-timeout is not a number"),
        (("--static-oauth-client-info", "{"), "--static-oauth-client-info cannot be read"),
        (("--static-oauth-client-metadata", "[1]"), "--static-oauth-client-metadata cannot be read"),
        (("--host", "0.0.0.0"), "--host 0.0.0.0 is not an address on this machine"),
        (("--header-file", "x"), "--header-file names a file"),
    ],
)
def test_a_flag_that_cannot_be_read_is_a_reason(words, reason):
    assert converted(("npx", "mcp-remote", "https://a.example/mcp", *words)).refusals[0].startswith(reason)


def test_an_entry_without_a_url_is_not_converted():
    assert converted(("npx", "mcp-remote")).refusals == ("it names no URL of a server",)


def test_what_is_not_needed_is_told():
    argv = ("npx", "mcp-remote", "https://a.example/mcp", "--authorize-param", "prompt=login", "--headers-timeout", "0")
    found = converted(
        (*argv, "more", "--static-oauth-client-metadata", '{"client_name": "x", "logo_uri": "y"}'), {"X": "1"}
    )
    assert found.table["auth"] == {"authorize_params": {"prompt": "login"}, "client_name": "x"}
    assert found.left_out == (
        "logo_uri in --static-oauth-client-metadata is the bridge's own choice",
        "the variable X is not taken over",
        "'more' is not an argument that mcp-remote takes",
    )
    argv = ("uvx", "mcp-stdio", "https://a.example/mcp", "--bearer-token", "t", "--oauth-scope", "a")
    assert "scopes is not needed: the credentials are in a header" in converted(argv).left_out
    assert converted(("uvx", "fastmcp-remote", "https://a.example/mcp", "--verify", "true")).refusals == ()
