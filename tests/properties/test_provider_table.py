"""docs/providers.md says what the program knows: it is made of that, and every line of it is true."""

import tomllib
from pathlib import Path

import pytest
from provider_table import document, players

from mcp_auth_bridge.config import auth
from mcp_auth_bridge.oauth.providers import PROVIDERS

DOCUMENT = Path(__file__).parents[2] / "docs" / "providers.md"


def test_the_document_is_what_its_script_makes():
    assert DOCUMENT.read_text() == document(), "uv run python tests/support/provider_table.py > docs/providers.md"


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_every_example_of_keys_is_accepted(provider):
    if provider.keys:
        table = tomllib.loads(f"auth = {{ {provider.keys} }}")["auth"]
        auth.convert(table, "docs/providers.md", provider.name)


def test_each_operator_has_a_name_of_its_own_and_a_test_that_plays_it():
    names = [provider.name for provider in PROVIDERS]
    assert len(set(names)) == len(names)
    assert "" not in names
    assert set(players()) == set(names)


ASKED_FOR = (
    "Entra, Slack, Cloudflare Access, Snowflake, Clerk, AgentCore, Keycloak, Auth0, Okta, Google, GitHub, Atlassian"
)


@pytest.mark.parametrize("asked_for", ASKED_FOR.split(", "))
def test_what_people_ask_about_most_is_there(asked_for):
    assert any(asked_for in provider.name for provider in PROVIDERS)


def test_a_note_is_part_of_a_table_and_no_sentence_of_its_own():
    for provider in PROVIDERS:
        assert not provider.note.endswith(".")
        assert not {"|", "\n"} & {*provider.registration, *provider.note, *provider.keys}
