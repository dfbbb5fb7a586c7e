"""What the bridge knows of names: the configuration, the environment, the credential and its claims."""

import asyncio

import jwt
from commanding import context_of
from stored_login import log_in

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.private_names import private_names
from mcp_auth_bridge.doctor.redaction import Kind, PrivateName
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret

URL = "https://mcp.bigcorp.example/mcp"


def names(context, *, server=True):
    bridge = Bridge(context.config.profiles["acme"], context) if server else None

    async def story():
        return await private_names(Evidence(Subject(context, bridge)))

    return {(name.kind, name.value) for name in asyncio.run(story())}


def test_the_configuration_names_servers_hosts_headers_and_accounts(tmp_path):
    client = 'client_id = "app-77", issuer = "https://login.bigcorp.example"'
    auth = f'{{ kind = "browser", account = "jane@bigcorp.example", {client} }}'
    headers = 'headers = { "X-Bigcorp-Org" = "org-4711", "X-Team" = "${TEAM}-${SITE:-north-site}" }\n'
    broken = "[servers.broken-one]\nulr = 'x'\n"
    context = context_of(tmp_path, URL, auth, {"TEAM": "red-team"}, more=headers + broken)
    found = names(context, server=False)
    assert found >= {
        (Kind.SERVER, "acme"),
        (Kind.SERVER, "broken-one"),
        (Kind.HOST, "mcp.bigcorp.example"),
        (Kind.USER, "jane@bigcorp.example"),
        (Kind.CLIENT, "app-77"),
        (Kind.NAME, "Bigcorp"),
        (Kind.ORGANISATION, "org-4711"),
        (Kind.ORGANISATION, "red-team"),
        (Kind.ORGANISATION, "north-site"),
        (Kind.PATH, str(tmp_path)),
    }


def test_the_environment_names_users_hosts_folders_proxies_and_secrets(tmp_path):
    environ = {
        "USER": "jane",
        "HOME": "/home/jane.doe",
        "HOSTNAME": "laptop-of-jane",
        "HTTPS_PROXY": "http://jdoe:hunter2@proxy.bigcorp.example:3128",
        "NO_PROXY": ".bigcorp.internal, intranet",
        "BIGCORP_TOKEN": "a-token-of-bigcorp",
        "SOME_KEY": "true",
        "KEY_FILE": "/etc/key-of-bigcorp",
    }
    found = names(context_of(tmp_path, URL, environ=environ), server=False)
    assert found >= {
        (Kind.USER, "jane"),
        (Kind.USER, "jane.doe"),
        (Kind.PATH, "/home/jane.doe"),
        (Kind.HOST, "laptop-of-jane"),
        (Kind.HOST, "proxy.bigcorp.example"),
        (Kind.HOST, "bigcorp.internal"),
        (Kind.HOST, "intranet"),
        (Kind.SECRET, "hunter2"),
        (Kind.SECRET, "a-token-of-bigcorp"),
    }
    assert not {"true", "/etc/key-of-bigcorp"} & {value for _, value in found}


def test_a_login_names_its_account_its_client_and_its_secrets(tmp_path):
    context = context_of(tmp_path, URL, '{ kind = "browser" }')
    client = Client(issuer="https://as.example", id="client-55d1", secret=Secret("a-client-secret"))
    log_in(
        context, "acme", client=client, account="jane@bigcorp.example", names=("Jane Doe",), resource="urn:bigcorp:mcp"
    )
    assert names(context) >= {
        (Kind.CLIENT, "client-55d1"),
        (Kind.SECRET, "a-client-secret"),
        (Kind.SECRET, "AT"),
        (Kind.SECRET, "RT"),
        (Kind.USER, "Jane Doe"),
        (Kind.NAME, "urn:bigcorp:mcp"),
    }


def test_the_claims_of_a_token_name_people_clients_and_organisations(tmp_path):
    claims = {
        "iss": "Bigcorp",
        "aud": ["graphql.bigcorp.example", "https://mcp.bigcorp.example/mcp"],
        "sub": "user|4711",
        "azp": "client-9",
        "org_name": "Big Corporation",
        "scope": "read",
    }
    token = jwt.encode(claims, "k" * 32, "HS256")
    context = context_of(tmp_path, URL, '{ kind = "bearer", token = "env:T" }', {"T": token})
    found = names(context)
    assert found >= {
        (Kind.NAME, "Bigcorp"),
        (Kind.NAME, "graphql.bigcorp.example"),
        (Kind.USER, "user|4711"),
        (Kind.CLIENT, "client-9"),
        (Kind.ORGANISATION, "Big Corporation"),
        (Kind.SECRET, token),
    }
    assert "read" not in {value for _, value in found}


def test_headers_that_are_credentials_are_private(tmp_path):
    context = context_of(tmp_path, URL, '{ kind = "headers", headers = { "X-Api-Key" = "literal:key-of-monday" } }')
    assert (Kind.ORGANISATION, "key-of-monday") in names(context)
    assert PrivateName(Kind.USER, "x").value == "x"
