"""A URL as it is opened or printed: the same to a server, and nothing to a shell."""

import re
from urllib.parse import parse_qsl, unquote_to_bytes

import pytest
from hostile_urls import corpus
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.errors import UrlRefused
from mcp_auth_bridge.urls import Purpose, for_person, gate

PLAIN = re.compile(r"https?://[a-z0-9.:\[\]_-]+[A-Za-z0-9/:@+,=%._~-]*(\?[A-Za-z0-9/:@+,=&%._~-]*)?", re.ASCII)
CHARACTERS = st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='<>"\\^`{|}#?')


def shown(text):
    return for_person(gate(text, Purpose.AUTHORIZATION))


@given(path=st.text(CHARACTERS), query=st.text(CHARACTERS))
def test_it_means_the_same_and_holds_no_character_that_a_shell_evaluates(path, query):
    url = gate(f"https://as.example/{path}?{query}", Purpose.AUTHORIZATION)
    address = for_person(url)
    assert PLAIN.fullmatch(address), address
    again = gate(address, Purpose.AUTHORIZATION)
    assert [*map(unquote_to_bytes, again.path.split("/"))] == [*map(unquote_to_bytes, url.path.split("/"))]
    assert parse_qsl(again.query, keep_blank_values=True) == parse_qsl(url.query, keep_blank_values=True)
    assert for_person(again) == address


@pytest.mark.parametrize(
    "good",
    [
        "https://login.example/oauth2/v2.0/authorize?client_id=c&scope=openid%20profile&state=S-_.~",
        "https://login.example/realms/a%20b/auth?x=1&y=%2F&z=a+b",
        "https://login.example:8443/p?resource=https%3A%2F%2Fmcp.example%2Fmcp",
        "http://127.0.0.1:49152/open/0123456789abcdef",
        "https://[2001:db8::1]/a/b,c@d:e=f",
    ],
)
def test_a_good_url_keeps_its_spelling(good):
    assert shown(good) == good


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://a.example/a$(calc)", "https://a.example/a%24%28calc%29"),
        ("https://a.example/a';calc;'", "https://a.example/a%27%3Bcalc%3B%27"),
        ("https://a.example/a&calc&", "https://a.example/a%26calc%26"),
        ("https://a.example/%COMSPEC%", "https://a.example/%25COMSPEC%25"),
        ("https://a.example/?x=$(id)&y=*!", "https://a.example/?x=%24%28id%29&y=%2A%21"),
        ("https://a.example/?a?b[1]", "https://a.example/?a%3Fb%5B1%5D"),
    ],
)
def test_what_a_shell_would_evaluate_is_encoded(text, address):
    assert shown(text) == address


def test_no_url_of_the_corpus_is_shown_with_a_character_that_a_shell_evaluates():
    count = 0
    for text in corpus():
        try:
            address = shown(text)
        except UrlRefused:
            continue
        count += 1
        assert PLAIN.fullmatch(address), address
    assert count > 100
