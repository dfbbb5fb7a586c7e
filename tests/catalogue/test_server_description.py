"""`server.json` and Server Cards are read for where a server is and which headers it wants; bad ones are refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.catalogue.remote_server import HeaderTemplate, RemoteServer, Variable
from mcp_auth_bridge.catalogue.server_description import LIMIT, parse_description
from mcp_auth_bridge.errors import ConfigError

SOURCE = "https://acme.example/.well-known/mcp/server-card.json"

# The example of modelcontextprotocol/experimental-ext-server-card, in our words.
CARD = {
    "$schema": "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json",
    "name": "com.acme/tools",
    "title": "Acme tools",
    "remotes": [
        {
            "type": "streamable-http",
            "url": "https://{tenant}.acme.example/mcp",
            "headers": [
                {
                    "name": "Authorization",
                    "value": "Bearer {token}",
                    "variables": {"token": {"description": "API token", "isRequired": True, "isSecret": True}},
                },
                {"name": "X-Org", "description": "The\nnumber", "placeholder": "42", "choices": ["1", 2, "3"]},
            ],
            "variables": {"tenant": {"isRequired": True, "default": "eu"}},
        },
        {"type": "sse", "url": "https://acme.example/sse"},
    ],
}


def parsed(document, source=SOURCE):
    return parse_description(json.dumps(document).encode(), source)


def test_endpoints_headers_and_variables_are_read():
    token = Variable("token", "API token", is_secret=True)
    org = Variable("X-Org", "The number", is_required=False, choices=("1", "3"))
    assert parsed(CARD) == (
        RemoteServer(
            "tools",
            "Acme tools",
            "https://{tenant}.acme.example/mcp",
            headers=(
                HeaderTemplate("Authorization", "Bearer {token}", (token,)),
                HeaderTemplate("X-Org", "{X-Org}", (org,)),
            ),
            variables=(Variable("tenant", default="eu"),),
        ),
        RemoteServer("tools", "Acme tools", "https://acme.example/sse", "sse"),
    )


def test_the_answer_of_the_registry_s_api_wraps_the_same():
    assert parsed({"server": CARD, "_meta": {}}) == parsed(CARD)


def test_a_card_of_the_first_draft_names_its_endpoint_beside_itself():
    card = {
        "serverInfo": {"name": "acme-tools", "title": "Acme"},
        "transport": {"type": "streamable-http", "endpoint": "/mcp"},
    }
    assert parsed(card) == (RemoteServer("acme-tools", "Acme", "https://acme.example/mcp"),)
    with pytest.raises(ConfigError, match="names no endpoint"):
        parsed(card, "/home/mia/card.json")


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("com.acme/tools", "tools"),
        ("com.acme/mcp", "acme"),
        ("io.github.mia/MCP", "mia"),
        ("Acme tools!", "Acme-tools"),
        ("", ""),
        ("../..", ""),
        (7, ""),
    ],
)
def test_the_name_is_short_and_acceptable_or_left_to_the_url(name, short):
    assert parsed({**CARD, "name": name})[0].name == short


def test_without_a_title_the_name_or_the_url_is_shown():
    bare = {"remotes": CARD["remotes"][1:]}
    assert parsed({**bare, "name": "com.acme/tools"})[0].title == "com.acme/tools"
    assert parsed(bare)[0].title == "https://acme.example/sse"


def test_what_a_terminal_would_obey_is_not_shown():
    assert parsed({**CARD, "title": "\x1b[2JAcme\u202e"})[0].title == "[2JAcme"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<html>", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b" " * (LIMIT + 1), "is larger than 256 KiB"),
        (b"[]", "names no endpoint"),
        (b"{}", "names no endpoint"),
        (b'{"remotes": [{"type": "stdio", "url": "x"}, {"url": 7}, 1]}', "names no endpoint"),
        (b'{"packages": [{"registryType": "npm"}]}', "starts local programs only"),
    ],
)
def test_a_document_that_describes_no_endpoint_is_refused(data, message):
    with pytest.raises(ConfigError, match=message) as refused:
        parse_description(data, SOURCE)
    assert "mcp-auth-bridge add NAME https://" in refused.value.hint


def test_lists_and_texts_have_limits():
    many = {"remotes": [CARD["remotes"][1]] * 1000}
    assert len(parsed(many)) == 32
    header = {"name": "X" * 1000, "value": "v" * 5000}
    (remote,) = parsed({"remotes": [{**CARD["remotes"][1], "headers": [header, {"value": "x"}]}]})
    assert [(len(each.name), each.value[:2]) for each in remote.headers] == [(400, "{X")]


MEMBERS = [
    *("name", "title", "url", "type", "remotes", "headers", "variables", "value"),
    *("default", "choices", "server", "transport", "endpoint", "serverInfo"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(MEMBERS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(JSON)
def test_any_json_is_read_or_refused_in_words(document):
    try:
        found = parsed(document)
    except ConfigError:
        return
    assert all(remote.url.isprintable() and remote.title for remote in found)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_in_words(data):
    with pytest.raises(ConfigError):
        parse_description(data, SOURCE)
