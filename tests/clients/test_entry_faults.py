"""The faults of an entry: secrets in plain text, placeholders, variables that will not arrive. No value is repeated."""

import pytest

from mcp_auth_bridge.clients import known_clients as known
from mcp_auth_bridge.clients.client import Platform, System
from mcp_auth_bridge.clients.entries import Entry
from mcp_auth_bridge.clients.entry_faults import Fault, Kind, faults
from mcp_auth_bridge.clients.entry_programs import started
from mcp_auth_bridge.secret import Secret

SYSTEM = System(Platform.LINUX, "/home/u", "/p", {"HOME": "/home/u", "PATH": "/bin", "ACME_TOKEN": "canary-canary"})


def found(client, *options, needed=(), env_file="", **env):
    argv = ("mcp-auth-bridge", "run", "acme", *options)
    variables = {name: Secret(value) for name, value in env.items()}
    entry = Entry(client, client.files[0], "/mcp.json", "acme", argv, variables, env_file=env_file)
    return [*faults(entry, started(argv), SYSTEM, needed)]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--header", "X-Api-Key: canary-canary"], "X-Api-Key"),
        (["--header", "X-Other: Bearer canary-canary"], "X-Other"),
        (["--header", "X-Other: sk-canarycanary"], "X-Other"),
        (["--auth", 'kind = "bearer", token = "canary-canary"'], "token"),
        (["--auth", "kind = 'client_credentials', client_secret = 'canary-canary'"], "client_secret"),
    ],
)
def test_a_secret_in_plain_text_is_named_and_not_repeated(options, name):
    assert found(known.CLAUDE_CODE, *options) == [Fault(Kind.SECRET, name)]


def test_a_secret_in_the_environment_of_an_entry_is_found():
    assert found(known.CLAUDE_CODE, ACME_TOKEN="canary-canary") == [Fault(Kind.SECRET, "ACME_TOKEN")]


@pytest.mark.parametrize(
    "options",
    [
        ["--header", "X-Api-Key: env:ACME_TOKEN"],
        ["--header", "X-Api-Key: file:/run/key"],
        ["--header", "X-Acme-Org: 42"],
        ["--header", "X-Acme-Org: organisation-42"],
        ["--auth", 'kind = "bearer", token = "keyring:acme"'],
        ["--auth", 'kind = "client_credentials", token_endpoint = "https://as.example/token"'],
    ],
)
def test_references_and_values_that_are_not_secret_are_fine(options):
    assert found(known.CLAUDE_CODE, *options) == []


def test_paths_and_short_values_of_variables_are_fine():
    assert found(known.CLAUDE_CODE, KEY="/run/secrets/key", API_KEY="none") == []


@pytest.mark.parametrize("value", ["<YOUR_TOKEN>", "your-api-key", "changeme", "...", "xxxx", "TODO", "sk-your-key"])
def test_a_placeholder_is_named(value):
    assert found(known.CLAUDE_CODE, ACME_TOKEN=value) == [Fault(Kind.PLACEHOLDER, "ACME_TOKEN")]


def test_a_variable_that_the_client_does_not_expand_is_named():
    assert found(known.CLAUDE_CODE, ACME="${env:ACME_TOKEN}") == [Fault(Kind.UNEXPANDED, "${env:ACME_TOKEN}")]
    assert found(known.VS_CODE, ACME="${env:ACME_TOKEN}") == []


def test_a_variable_that_the_client_does_not_pass_on_is_named_once():
    options = ("--header", "X-Api-Key: env:ACME_TOKEN", "--auth", 'kind = "bearer", token = "env:ACME_TOKEN"')
    for client in (known.CLAUDE_DESKTOP, known.CODEX, known.GEMINI):
        assert found(client, *options) == [Fault(Kind.LACKING, "ACME_TOKEN")]
    assert found(known.CLAUDE_CODE, *options) == []


def test_a_variable_that_the_configuration_reads_is_needed_too():
    assert found(known.CODEX, needed=["ACME_TOKEN", "UNSET"]) == [Fault(Kind.LACKING, "ACME_TOKEN")]
    assert found(known.CODEX, needed=["ACME_TOKEN"], env_file="/e") == []
