"""Presets are found by name and by words, and every one is complete, documented and acceptable."""

import re
from datetime import date
from pathlib import Path

import pytest
from preset_table import document

from mcp_auth_bridge.catalogue.presets import PRESETS, find_preset, is_known_as_open, search_presets
from mcp_auth_bridge.catalogue.remote_server import filled
from mcp_auth_bridge.config.config_file import NAME, parse
from mcp_auth_bridge.config.config_text import server_block
from mcp_auth_bridge.config.new_server import check_no_secret, with_authorization
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.urls import Purpose, gate

EVERY = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)


def test_the_document_is_the_output_of_its_script():
    path = Path(__file__).parents[2] / "docs" / "servers.md"
    assert path.read_text() == document(), "uv run python tests/support/preset_table.py > docs/servers.md"


def test_there_are_at_least_thirty():
    assert len(PRESETS) >= 30


@EVERY
def test_a_preset_names_its_source_and_its_date(preset):
    assert gate(preset.source, Purpose.SERVER)
    assert date(2025, 1, 1) < date.fromisoformat(preset.date) <= date(2026, 11, 30)
    assert not preset.note.endswith(".")


@EVERY
def test_a_preset_is_accepted_by_the_configuration_and_holds_no_secret(preset):
    assert NAME.fullmatch(preset.name)
    server = with_authorization(filled(preset.remote, preset.references))
    check_no_secret(server)
    config = parse(server_block(server.name, {**server.table(), **({"auth": preset.auth} if preset.auth else {})}), "x")
    assert not config.broken
    assert config.profiles[preset.name].url.scheme == "https"


def test_no_two_presets_have_the_same_url():
    urls = [preset.remote.url for preset in PRESETS.values()]
    assert len({*urls}) == len(urls)


def test_a_preset_is_found_by_its_name_in_any_case():
    assert find_preset("GitHub").remote.url == "https://api.githubcopilot.com/mcp/"


@pytest.mark.parametrize(("name", "hint"), [("githbu", "did you mean github?"), ("zzzz", "add --search ''")])
def test_an_unknown_name_is_refused_with_the_way_to_the_others(name, hint):
    with pytest.raises(ConfigError, match=f"no preset named “{name}”") as refused:
        find_preset(name)
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("words", "names"),
    [("cloudflare radar", ["cloudflare-radar"]), ("JIRA", ["atlassian"]), ("nothing such", [])],
)
def test_a_search_wants_all_its_words(words, names):
    assert [preset.name for preset in search_presets(words)] == names


def test_a_search_for_nothing_finds_everything_in_alphabetical_order():
    names = [preset.name for preset in search_presets("")]
    assert names == sorted(PRESETS)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


@pytest.mark.parametrize(("name", "is_open"), [("microsoft-learn", True), ("linear", False)])
def test_an_open_server_is_known_by_its_url(name, is_open):
    assert is_known_as_open(PRESETS[name].remote.url) is is_open
