"""The one URL gate: what passes, what does not, and that the canonical and the printed form mean the same."""

import re
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

import pytest
from hostile_urls import corpus
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.errors import UrlRefused
from mcp_auth_bridge.urls import Purpose, Url, gate, redacted_url, shell_safe, with_query, with_scheme


def passed(text, purpose=Purpose.SERVER):
    return str(gate(text, purpose))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("https://mcp.example", "https://mcp.example/"),
        ("https://mcp.example/", "https://mcp.example/"),
        ("HTTPS://MCP.Example/Path", "https://mcp.example/Path"),
        ("https://mcp.example:443/a", "https://mcp.example/a"),
        ("https://mcp.example:8443/a", "https://mcp.example:8443/a"),
        ("https://mcp.example/a/?x=1&y", "https://mcp.example/a/?x=1&y"),
        ("https://mcp.example/a#fragment", "https://mcp.example/a"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://under_score.example/", "https://under_score.example/"),
        ("https://mcp.example./", "https://mcp.example./"),
        ("https://10.0.0.1/", "https://10.0.0.1/"),
        ("https://[2001:DB8::1]:8443/a", "https://[2001:db8::1]:8443/a"),
        ("http://127.0.0.1:3000/mcp", "http://127.0.0.1:3000/mcp"),
        ("http://127.9.9.9/", "http://127.9.9.9/"),
        ("http://[::1]:3000/mcp", "http://[::1]:3000/mcp"),
        ("http://localhost:80/mcp", "http://localhost/mcp"),
    ],
)
def test_an_acceptable_url_becomes_canonical(text, canonical):
    assert passed(text) == canonical
    assert passed(canonical) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mcp.example",
        "//mcp.example/",
        "https:",
        "https://",
        "https:///path",
        "https://:443/",
        "ftp://mcp.example/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://mcp.example/",
        "http://127.0.0.1.evil.example/",
        "http://evil.example#127.0.0.1",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://localhost.evil.example/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "https://user@mcp.example/",
        "https://user:hunter2@mcp.example/",
        "https://mcp.example@evil.example/",
        "https://@mcp.example/",
        "https://mcp.example:0/",
        "https://mcp.example:65536/",
        "https://mcp.example:-1/",
        "https://mcp.example:80:80/",
        "https://mcp.example:x/",
        "https://mcp.example\\@evil.example/",
        "https://mcp.example/a b",
        "https://mcp.example/\n",
        "https://mcp.example/\t",
        "https://mcp.example/\x00",
        "https://mcp.example/\x7f",
        "https://mcp.ex\u00e4mple/",
        "https://mcp.example/\u202e",
        "https://mcp.example/`id`",
        'https://mcp.example/"',
        "https://mcp.example/<script>",
        "https://mcp.example/{x}",
        "https://mcp.example/a|b",
        "https://[::1",
        "https://[::g]/",
        "https://[fe80::1%25eth0]/",
        "https://mcp..[x].example/",
        "https://-mcp.example/",
        "https://%6dcp.example/",
    ],
)
def test_any_other_url_is_refused_with_a_reason_and_without_its_password(text):
    plain = {Purpose.PROXY, Purpose.PLAIN_SERVER}
    for purpose in set(Purpose) - (plain if text.startswith("http://") else {Purpose.PROXY}):
        with pytest.raises(UrlRefused) as raised:
            gate(text, purpose)
        assert purpose.value in raised.value.message
        assert raised.value.hint
        assert "hunter2" not in raised.value.message + raised.value.hint


PLAIN = gate("http://metrics.cluster.example:8080/mcp", Purpose.PLAIN_SERVER)


def test_an_mcp_server_may_use_plain_http_if_the_user_allows_it():
    assert str(PLAIN) == "http://metrics.cluster.example:8080/mcp"
    assert PLAIN.is_plain
    assert not any(gate(text, Purpose.SERVER).is_plain for text in ("http://127.0.0.1/", "https://mcp.example/"))


@pytest.mark.parametrize("text", ["http://u:p@mcp.example/", "http://127.1/", "ftp://mcp.example/", "http://a b/"])
def test_nothing_else_is_accepted_there(text):
    with pytest.raises(UrlRefused):
        gate(text, Purpose.PLAIN_SERVER)


@pytest.mark.parametrize("purpose", [each for each in Purpose if each not in (Purpose.PROXY, Purpose.PLAIN_SERVER)])
def test_plain_http_is_accepted_for_other_urls_at_its_origin_only(purpose):
    assert gate("http://metrics.cluster.example:8080/messages", purpose, PLAIN).path == "/messages"
    for other in ("http://metrics.cluster.example/", "http://logs.cluster.example:8080/", "http://10.0.0.1:8080/"):
        with pytest.raises(UrlRefused):
            gate(other, purpose, PLAIN)


@given(st.text() | st.text("https:/@[]#?.%1a:").map(lambda tail: f"https://{tail}"))
def test_the_gate_raises_only_refusals_and_keeps_what_it_returned(text):
    try:
        url = gate(text, Purpose.SERVER)
    except UrlRefused:
        return
    assert gate(str(url), Purpose.SERVER) == url
    assert str(url).startswith(("https://", "http://"))
    assert str(url).isascii()
    assert not set(str(url)) & set(' "<>\\^`{|}\n')


def test_the_parts_are_as_http_needs_them():
    url = gate("https://[2001:db8::1]:8443/a/b?x=1", Purpose.SERVER)
    assert url == Url("https", "2001:db8::1", 8443, "/a/b", "x=1")
    assert (url.authority, url.origin) == ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443")
    assert url.target == "/a/b?x=1"
    assert str(url.with_path("/other")) == "https://[2001:db8::1]:8443/other"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("mcp.example/mcp", "https://mcp.example/mcp"),
        ("mcp.example", "https://mcp.example"),
        ("localhost", "http://localhost"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("suite", ""),
        ("me:hunter2@mcp.example/", ""),
        ("mcp.example/a b", ""),
        ("https://mcp.example", ""),
    ],
)
def test_a_url_without_its_scheme_gets_the_one_that_the_gate_accepts(text, whole):
    assert with_scheme(text) == whole


def test_a_url_is_shown_without_its_password():
    assert redacted_url("https://me:hunter2@mcp.example/x@y\x1b") == "“https://…@mcp.example/x@y”"


@pytest.mark.parametrize(
    ("text", "resource"),
    [
        ("https://MCP.example", "https://mcp.example"),
        ("https://mcp.example/", "https://mcp.example"),
        ("https://mcp.example/mcp", "https://mcp.example/mcp"),
        ("https://mcp.example/mcp/", "https://mcp.example/mcp/"),
        ("https://mcp.example/?tenant=1", "https://mcp.example/?tenant=1"),
        ("https://mcp.example:8443/#x", "https://mcp.example:8443"),
    ],
)
def test_the_resource_has_no_bare_slash_and_no_fragment(text, resource):
    assert gate(text, Purpose.SERVER).resource == resource


@given(
    st.dictionaries(st.text("abc_", min_size=1), st.text(st.characters(exclude_categories=["Cs"])), min_size=1),
    st.sampled_from(["", "?x=1", "?x=%20&y"]),
)
def test_parameters_are_always_appended_so_that_they_read_back(parameters, query):
    url = gate(f"https://as.example/a{query}", Purpose.AUTHORIZATION)
    text = with_query(url, parameters)
    pairs = parse_qsl(urlsplit(text).query, keep_blank_values=True)
    assert pairs[-len(parameters) :] == list(parameters.items())
    assert text.isascii()
    gate(text, Purpose.AUTHORIZATION)


# As it is opened or printed

SHELL_SAFE = re.compile(r"https?://[a-z0-9.:\[\]_-]+[A-Za-z0-9/:@+,=%._~-]*(\?[A-Za-z0-9/:@+,=&%._~-]*)?", re.ASCII)
CHARACTERS = st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='<>"\\^`{|}#?')


def opened(text):
    return shell_safe(gate(text, Purpose.AUTHORIZATION))


@given(path=st.text(CHARACTERS), query=st.text(CHARACTERS))
def test_a_printed_url_means_the_same_and_is_safe_in_a_shell(path, query):
    url = gate(f"https://as.example/{path}?{query}", Purpose.AUTHORIZATION)
    address = shell_safe(url)
    assert SHELL_SAFE.fullmatch(address), address
    again = gate(address, Purpose.AUTHORIZATION)
    assert [*map(unquote_to_bytes, again.path.split("/"))] == [*map(unquote_to_bytes, url.path.split("/"))]
    assert parse_qsl(again.query, keep_blank_values=True) == parse_qsl(url.query, keep_blank_values=True)
    assert shell_safe(again) == address


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
    assert opened(good) == good


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
def test_characters_that_a_shell_evaluates_are_encoded(text, address):
    assert opened(text) == address


def test_every_url_of_the_corpus_is_safe_in_a_shell():
    count = 0
    for text in corpus():
        try:
            address = opened(text)
        except UrlRefused:
            continue
        count += 1
        assert SHELL_SAFE.fullmatch(address), address
    assert count > 100
