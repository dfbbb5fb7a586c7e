"""argv → the `Input` of the commands that write into the files of clients."""

import pytest

from mcp_auth_bridge.app.client_entries import Clash
from mcp_auth_bridge.cli import installation_stories
from mcp_auth_bridge.cli.manual import build_parser
from mcp_auth_bridge.clients.entry_form import Scope
from mcp_auth_bridge.commands import install, migrate, uninstall, uninstall_everything
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import ConfigError

ACME = ServerChoice("acme")


@pytest.fixture
def given(monkeypatch):
    """The `Input` that a command line gives its command."""
    for command in (install, migrate, uninstall, uninstall_everything):
        monkeypatch.setattr(command, "run", lambda given, context: (given, context))

    def parse(*words):
        arguments = build_parser(words).parse_args(words)
        server = None if arguments.server is None else ServerChoice(arguments.server)
        found, context = installation_stories.story(arguments, server)("the context")
        assert context == "the context"
        return found

    return parse


def test_the_words_and_the_options_of_install_are_its_input(given):
    assert given("install", "kiro") == install.Input("kiro", None)
    assert given("install", "kiro", "acme") == install.Input("kiro", ACME)
    assert given("install", "--all", "acme") == install.Input(None, ACME)
    assert given("install", "--all") == install.Input(None, None)
    words = ("install", "kiro", "acme", "--workspace", "--replace", "--dry-run", "--no-login")
    assert given(*words) == install.Input(
        "kiro", ACME, Scope.WORKSPACE, Clash.REPLACE, dry_run=True, without_login=True
    )


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_install_alone_shows_the_clients(words, given, monkeypatch):
    monkeypatch.setattr(install, "show_clients", lambda *given: given)
    arguments = build_parser(["install"]).parse_args(["install", *words])
    found = installation_stories.story(arguments, None)("the context")
    assert found == (install.ListInput(bool(words)), "the context")


def test_json_is_for_a_list_of_clients_of_changes_or_of_entries(given):
    assert given("install", "kiro", "--dry-run", "--json") == install.Input("kiro", None, dry_run=True, as_json=True)
    assert given("install", "--migrate", "--json") == migrate.Input(None, as_json=True)
    for words in (("kiro",), ("--all",)):
        with pytest.raises(ConfigError, match="--json goes with"):
            given("install", *words, "--json")


def test_a_migration_takes_a_client_and_no_server(given):
    assert given("install", "--migrate") == migrate.Input(None)
    words = ("install", "kiro", "--migrate", "--workspace", "--dry-run")
    assert given(*words) == migrate.Input("kiro", Scope.WORKSPACE, dry_run=True)
    with pytest.raises(ConfigError, match="all entries of a client"):
        given("install", "kiro", "acme", "--migrate")


def test_the_words_of_uninstall_are_its_input(given):
    assert given("uninstall", "kiro") == uninstall.Input("kiro")
    assert given("uninstall", "--all", "acme") == uninstall.Input(None, "acme")
    assert given("uninstall", "kiro", "acme", "--workspace") == uninstall.Input("kiro", "acme", (Scope.WORKSPACE,))
    assert given("uninstall", "--everything", "--yes") == uninstall_everything.Input(agreed=True)


@pytest.mark.parametrize(
    "words",
    [
        ("uninstall",),
        ("uninstall", "--all", "a", "b"),
        ("install", "--all", "a", "b"),
        ("uninstall", "a", "--everything"),
    ],
)
def test_a_line_that_contradicts_itself_is_refused(given, words):
    with pytest.raises(ConfigError):
        given(*words)
