"""The schema accepts and refuses the files that the bridge accepts and refuses."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest
from config_documents import DOCS

from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.reference.config_schema import config_schema, schema_text

SCHEMA = jsonschema.Draft7Validator(config_schema())
PATH = Path("config.toml")
URL = 'url = "https://mcp.acme.example/mcp"'
CLIENT = 'issuer = "https://as.example", client_id = "c", client_secret = "env:S"'


def server(lines):
    return f"[servers.acme]\n{URL}\n{lines}\n"


def auth(content):
    return server(f"auth = {{ {content} }}")


GOOD = [
    "",
    "# nothing yet\n",
    server(""),
    'servers.a.url = "http://127.0.0.1:8000/mcp"\n',
    server("allow_http = true").replace("https:", "http:"),
    server('headers = { "X-Acme-Org" = "42", "X-Key" = "env:K" }'),
    server('login = "never"\nbrowser_command = "firefox -P work"\npass_environment = ["A"]'),
    server('network = { proxy = "none", connect_timeout = 5, headers_timeout = 1.5, cookies = "off" }'),
    server("relay = { deadline = 60, longest = 60.0, largest_message = 1, ping = 0 }"),
    auth(""),
    auth('scopes = ["a"], token = "id"'),
    auth(f'kind = "browser", {CLIENT}, callback_port = 65535'),
    auth('kind = "device", scopes = []'),
    auth('kind = "bearer", token = "env:T", resource = "urn:x"'),
    auth('kind = "headers", headers = { Authorization = "env:T" }'),
    auth('kind = "none"'),
    auth(f'kind = "client_credentials", {CLIENT}, auth_method = "client_secret_post"'),
    auth('kind = "client_credentials", token_endpoint = "https://as/t", client_id = "c", private_key = "file:k"'),
    auth('kind = "jwt_bearer", issuer = "https://as.example", assertion = "file:/a"'),
    auth(f'kind = "token_exchange", {CLIENT}, subject_token = "env:T", subject_token_type = "jwt"'),
    auth(f'kind = "enterprise", {CLIENT}, identity_assertion = "env:T", idp = {{ {CLIENT} }}'),
    '[store]\nkind = "keyring"\n',
    '[store]\nkind = "memory"\n',
    '[store]\nkind = "insecure_file"\n',
    '[store]\nkind = "key_file"\npath = "/k"\n',
    '[store]\nkind = "key_command"\ncommand = ["pass", "k"]\n',
    '[store]\nkind = "redis"\nurl = "rediss://r:6379/0"\nkey_file = "/k"\n',
]
BAD = [
    "server = 1\n",
    "[servers.acme]\n",
    "servers = 1\n",
    "servers.acme = 1\n",
    '[servers."my server"]\nurl = "https://a.example"\n',
    "[servers.acme]\nurl = 1\n",
    '[servers.acme]\nurl = "ftp://a.example"\n',
    '[servers.acme]\nurl = "https://mia:secret@a.example"\n',
    server("ulr = 1"),
    server('headers = { "X Org" = "42" }'),
    server("headers = { X = 1 }"),
    server('allow_http = "yes"'),
    server('login = "always"'),
    server("browser_command = 1"),
    server("network = { ipv4 = true }"),
    server("network = { connect_timeout = 0 }"),
    server('network = { cookies = "on" }'),
    server("relay = { deadline = -1 }"),
    server("relay = { largest_message = 0 }"),
    server("relay = { ping = -0.5 }"),
    auth('kind = "basic"'),
    auth('kind = "bearer"'),
    auth('kind = "bearer", token = 1'),
    auth('kind = "bearer", token = "env:T", scopes = []'),
    auth('kind = "headers", headers = {}'),
    auth('kind = "none", token = "env:T"'),
    auth('token = "refresh"'),
    auth('scopes = "read"'),
    auth('client_id = "c"'),
    auth('issuer = "https://as.example", client_secret = "env:S"'),
    auth("callback_port = 65536"),
    auth('callback_host = "0.0.0.0"'),
    auth('kind = "device", callback_port = 1'),
    auth('kind = "client_credentials", client_id = "c", client_secret = "env:S"'),
    auth('kind = "client_credentials", issuer = "https://as.example", client_secret = "env:S"'),
    auth(f'kind = "client_credentials", {CLIENT}, algorithm = "RS256"'),
    auth(f'kind = "client_credentials", {CLIENT}, auth_method = "none"'),
    auth('kind = "jwt_bearer", issuer = "https://as.example"'),
    auth(f'kind = "token_exchange", {CLIENT}'),
    auth(f'kind = "enterprise", {CLIENT}, identity_assertion = "env:T"'),
    "[store]\n",
    '[store]\nkind = "file"\n',
    '[store]\nkind = "key_file"\n',
    '[store]\nkind = "key_command"\ncommand = []\n',
    '[store]\nkind = "memory"\npath = "/k"\n',
    '[store]\nkind = "redis"\nkey_file = "/k"\n',
]
BEYOND = [
    auth('kind = "bearer", token = "env:"'),
    server('headers = { Host = "a" }'),
    auth('client_id = "c", issuer = "http://as.example"'),
    '[servers.acme]\nurl = "https://mcp..example"\n',
    '[store]\nkind = "redis"\nurl = "rediss://r:6379/0"\n',
]


def accepted(text):
    """Whether the bridge accepts the whole file."""
    try:
        return not config_file.parse(text, PATH).broken
    except ConfigError:
        return False


def valid(text):
    return SCHEMA.is_valid(tomllib.loads(text))


def test_the_schema_is_itself_valid():
    jsonschema.Draft7Validator.check_schema(config_schema())
    assert json.loads((DOCS / "config.schema.json").read_text()) == json.loads(schema_text())


@pytest.mark.parametrize("text", GOOD)
def test_a_good_file_is_accepted_by_both(text):
    assert (accepted(text), valid(text)) == (True, True)


@pytest.mark.parametrize("text", BAD)
def test_a_bad_file_is_refused_by_both(text):
    assert (accepted(text), valid(text)) == (False, False)


@pytest.mark.parametrize("text", BEYOND)
def test_only_the_bridge_knows_the_rules_between_keys_and_the_url_gate(text):
    assert (accepted(text), valid(text)) == (False, True)


def test_the_example_configuration_is_valid():
    assert valid((DOCS.parent / "config.example.toml").read_text())


def test_every_key_has_a_description_and_an_example_that_is_valid():
    definitions = config_schema()["definitions"]
    for name, definition in definitions.items():
        for key, schema in definition.get("properties", {}).items():
            if key == "kind":
                continue
            assert schema["description"], (name, key)
            for example in schema["examples"]:
                place = {"$ref": f"#/definitions/{name}/properties/{key}", "definitions": definitions}
                jsonschema.Draft7Validator(place).validate(example)
