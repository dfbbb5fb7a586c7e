"""docs/providers.md is generated from the program's knowledge, and every line of it is correct."""

import tomllib
from pathlib import Path

import pytest
from provider_table import document, players

from mcp_auth_bridge.config import auth
from mcp_auth_bridge.oauth.providers import PROVIDERS

DOCUMENT = Path(__file__).parents[2] / "docs" / "providers.md"


def test_the_document_is_the_output_of_its_script():
    assert DOCUMENT.read_text() == document(), "uv run python tests/support/provider_table.py > docs/providers.md"


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_every_example_of_configuration_keys_is_accepted(provider):
    if provider.keys:
        table = tomllib.loads(f"auth = {{ {provider.keys} }}")["auth"]
        auth.convert(table, "docs/providers.md", provider.name)


def test_each_operator_has_a_unique_name_and_a_test_that_plays_it():
    names = [provider.name for provider in PROVIDERS]
    assert len(set(names)) == len(names)
    assert "" not in names
    assert set(players()) == set(names)


ASKED_FOR = (
    "Entra, Slack, Cloudflare Access, Snowflake, Clerk, AgentCore, Keycloak, Auth0, Okta, Google, GitHub, Atlassian"
)


@pytest.mark.parametrize("asked_for", ASKED_FOR.split(", "))
def test_the_operators_that_people_ask_about_most_are_listed(asked_for):
    assert any(asked_for in provider.name for provider in PROVIDERS)


def test_a_note_fits_into_a_table_cell_and_has_no_full_stop():
    for provider in PROVIDERS:
        assert not provider.note.endswith(".")
        assert not {"|", "\n"} & {*provider.registration, *provider.note, *provider.keys}
