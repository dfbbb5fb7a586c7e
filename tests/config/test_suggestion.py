import pytest

from mcp_auth_bridge.config.suggestion import nearest


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("ulr", ["url", "auth", "headers"], "url"),
        ("lgin", ["run", "login", "logout", "status"], "login"),
        ("--cfg", ["--config", "--debug", "--version"], "--config"),
        ("Clinet_ID", ["client_id", "client_secret"], "client_id"),
        ("ACME", ["acme", "suite"], "acme"),
        ("scope", ["scopes", "resource"], "scopes"),
    ],
)
def test_a_misspelt_word_is_recognised(word, known, meant):
    assert nearest(word, known) == meant


@pytest.mark.parametrize("word", ["", "tickets", "x"])
def test_a_word_that_resembles_no_other_gets_no_suggestion(word):
    assert nearest(word, ["url", "auth", "headers"]) == ""
