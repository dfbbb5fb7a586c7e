"""Words that name nobody: places, folders, keys, modules. Any other word may be a name."""

import pytest

from mcp_auth_bridge.doctor.plain_words import is_plain_dotted, is_plain_header, is_plain_label, is_plain_part


@pytest.mark.parametrize(
    "part", [".well-known", "mcp", "v2.0", "python3.11", "Library", "Application Support", "mcp.json"]
)
def test_a_common_part_of_a_path_names_nobody(part):
    assert is_plain_part(part)


@pytest.mark.parametrize("part", ["stage7", "jane", "bigcorp", ".mcp.json.bak", "tenant-4711"])
def test_any_other_part_of_a_path_may_be_a_name(part):
    assert not is_plain_part(part)


@pytest.mark.parametrize("label", ["mcp", "API", "localhost", "443", "root", "network"])
def test_a_common_label_of_a_host_names_nobody(label):
    assert is_plain_label(label)


@pytest.mark.parametrize("label", ["acme", "jane", "mcp2"])
def test_any_other_label_may_be_a_name(label):
    assert not is_plain_label(label)


def test_the_word_of_an_organisation_in_a_header_is_a_name():
    assert [word for word in ["X", "Acme", "Org", "Id"] if not is_plain_header(word)] == ["Acme"]


@pytest.mark.parametrize(
    "dotted",
    ["auth.headers", "servers.acme", "servers.acme.url", "network.proxy", "config.toml", "mcp_auth_bridge.doctor.here"],
)
def test_a_key_a_file_or_a_module_is_no_host(dotted):
    assert is_plain_dotted(dotted)


@pytest.mark.parametrize("dotted", ["auth.acme.example", "servers.bigcorp.example", "acme.md", "mcp.acme"])
def test_any_other_word_with_dots_may_be_a_host(dotted):
    assert not is_plain_dotted(dotted)
