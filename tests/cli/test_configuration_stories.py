"""argv → the `Input` of the commands about the configuration file."""

import pytest

from mcp_auth_bridge.cli import configuration_stories
from mcp_auth_bridge.cli.manual import build_parser
from mcp_auth_bridge.commands import add, edit, list_servers, remove
from mcp_auth_bridge.commands.described_server import Wish
from mcp_auth_bridge.errors import ConfigError

URL = "https://mcp.acme.example/mcp"


@pytest.fixture
def given(monkeypatch):
    """The `Input` that a command line gives its command."""
    for command in (add, edit, list_servers, remove):
        monkeypatch.setattr(command, "run", lambda given, context: (given, context))

    def parse(*words, headers=None):
        arguments = build_parser(words).parse_args(words)
        found, context = configuration_stories.story(arguments, headers or {})("the context")
        assert context == "the context"
        return found

    return parse


def test_the_words_and_every_option_of_add_are_its_wish(given):
    wish = Wish(
        ("acme", URL),
        values={"a": "b=c", "d": ""},
        headers={"X": "1"},
        auth={"client_id": "c", "client_secret": "env:S", "issuer": "https://as", "scopes": ["a", "b", "c"]},
        allow_http=True,
        ipv4=True,
    )
    login = ("--client-id", "c", "--client-secret", "env:S", "--issuer", "https://as", "--scope", "a b", "--scope", "c")
    words = ("add", "acme", URL, "--set", "a=b=c", "--set", "d=", *login, "--allow-http", "--ipv4")
    assert given(*words, headers={"X": "1"}) == add.Input(wish)


def test_a_preset_a_description_a_table_and_a_search_are_told_apart(given):
    assert given("add", "--preset", "linear") == add.Input(Wish(preset="linear"))
    assert given("add", "--from", "x.json") == add.Input(Wish(source="x.json"))
    assert given("add", URL, "--auth", "kind = 'none'") == add.Input(Wish((URL,), auth={"kind": "none"}))
    assert given("add", "--search", "") == add.Input(search="")
    assert given("add", "--search", "a b", "--json") == add.Input(search="a b", as_json=True)
    assert given("add") == add.Input()


def test_the_other_commands_take_a_name_or_a_form(given):
    assert given("list", "--json") == list_servers.Input(as_json=True)
    assert given("edit") == edit.Input()
    assert given("edit", "acme") == edit.Input("acme")
    assert given("remove", "acme") == remove.Input("acme")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--scope", "x"), "--scope is for one server, but none is named"),
        (("--allow-http",), "--allow-http is for one server, but none is named"),
        (("acme", URL, "--auth", "kind = 'none'", "--issuer", "https://as"), "--auth replaces the options for a login"),
        (("github", "--json"), "--json goes with --search"),
        (("github", "--set", "key"), "--set number 1 has no equals sign"),
        (("github", "--set", "=value"), "--set number 1 has no equals sign"),
    ],
)
def test_options_that_contradict_each_other_are_refused(given, words, message):
    with pytest.raises(ConfigError, match=message) as refused:
        given("add", *words)
    assert "value" not in refused.value.message
