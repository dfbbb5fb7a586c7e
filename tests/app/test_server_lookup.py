"""The words for a server on a command line: names, URLs and short names."""

import asyncio

import pytest
from commanding import context_of
from stored_login import BROWSER, URL, log_in

from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import ConfigError


def chosen(context, target):
    return asyncio.run(find_bridge(ServerChoice(target), context)).profile


def test_a_login_by_url_answers_to_its_short_name(tmp_path):
    context = context_of(tmp_path, "https://other.example/mcp", BROWSER)
    log_in(context, "https://mcp.suite.example/mcp")
    assert chosen(context, "suite").name == "https://mcp.suite.example/mcp"


PLAIN = "http://metrics.cluster.example/mcp"


def test_a_login_by_a_url_of_plain_http_hides_no_other_login_and_needs_the_same_option_as_its_url(tmp_path):
    context = context_of(tmp_path, "https://other.example/mcp", BROWSER)
    for url in (PLAIN, "https://mcp.suite.example/mcp"):
        log_in(context, url)
    assert chosen(context, "suite").name == "https://mcp.suite.example/mcp"
    with pytest.raises(ConfigError) as raised:
        chosen(context, "metrics")
    assert "--allow-http" in raised.value.hint
    assert asyncio.run(find_bridge(ServerChoice("metrics", allow_http=True), context)).profile.name == PLAIN


def test_a_name_of_the_configuration_comes_first(tmp_path):
    context = context_of(tmp_path, "https://other.example/mcp", BROWSER)
    log_in(context, URL)
    assert str(chosen(context, "acme").url) == "https://other.example/mcp"


def test_a_short_name_that_means_two_servers_is_refused_with_both(tmp_path):
    context = context_of(tmp_path, "https://other.example/mcp", BROWSER)
    urls = ["https://mcp.suite.example/mcp", "https://suite.example/mcp"]
    for url in urls:
        log_in(context, url)
    with pytest.raises(ConfigError, match="several logins by URL called suite") as raised:
        chosen(context, "suite")
    assert all(url in raised.value.hint for url in urls)


def test_a_name_that_nothing_has_is_an_error_and_leaves_nothing_behind(tmp_path):
    context = context_of(tmp_path, "https://other.example/mcp", BROWSER)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ConfigError, match="no server named “suite”"):
        chosen(context, "suite")
    assert sorted(tmp_path.iterdir()) == before


def test_where_the_store_is_closed_an_unknown_name_says_so_too(tmp_path):
    context = context_of(tmp_path, "https://other.example/mcp", BROWSER)
    log_in(context, "https://mcp.suite.example/mcp")
    (tmp_path / "sealing.key").chmod(0o644)
    with pytest.raises(ConfigError, match=r"no server named “suite” .* cannot be listed: the key file .* is open"):
        chosen(context, "suite")
