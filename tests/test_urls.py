"""The one URL gate: what passes, what does not, and that the canonical form means the same."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.errors import UrlRefused
from mcp_auth_bridge.urls import Purpose, Url, gate, with_query


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
def test_anything_else_is_refused_with_a_reason_and_without_its_password(text):
    plain = {Purpose.PROXY, Purpose.PLAIN_SERVER}
    for purpose in set(Purpose) - (plain if text.startswith("http://") else {Purpose.PROXY}):
        with pytest.raises(UrlRefused) as raised:
            gate(text, purpose)
        assert purpose.value in raised.value.message
        assert raised.value.hint
        assert "hunter2" not in raised.value.message + raised.value.hint


PLAIN = gate("http://metrics.cluster.example:8080/mcp", Purpose.PLAIN_SERVER)


def test_an_mcp_server_may_be_of_plain_http_where_a_person_says_so():
    assert str(PLAIN) == "http://metrics.cluster.example:8080/mcp"
    assert PLAIN.is_plain
    assert not any(gate(text, Purpose.SERVER).is_plain for text in ("http://127.0.0.1/", "https://mcp.example/"))


@pytest.mark.parametrize("text", ["http://u:p@mcp.example/", "http://127.1/", "ftp://mcp.example/", "http://a b/"])
def test_plain_http_is_all_that_is_accepted_there(text):
    with pytest.raises(UrlRefused):
        gate(text, Purpose.PLAIN_SERVER)


@pytest.mark.parametrize("purpose", [each for each in Purpose if each not in (Purpose.PROXY, Purpose.PLAIN_SERVER)])
def test_what_such_a_server_names_may_be_a_part_of_it_and_no_other_place_of_plain_http(purpose):
    assert gate("http://metrics.cluster.example:8080/messages", purpose, PLAIN).path == "/messages"
    for other in ("http://metrics.cluster.example/", "http://logs.cluster.example:8080/", "http://10.0.0.1:8080/"):
        with pytest.raises(UrlRefused):
            gate(other, purpose, PLAIN)


@given(st.text() | st.text("https:/@[]#?.%1a:").map(lambda tail: f"https://{tail}"))
def test_the_gate_never_raises_anything_else_and_what_passes_it_stays_as_it_is(text):
    try:
        url = gate(text, Purpose.SERVER)
    except UrlRefused:
        return
    assert gate(str(url), Purpose.SERVER) == url
    assert str(url).startswith(("https://", "http://"))
    assert str(url).isascii()
    assert not set(str(url)) & set(' "<>\\^`{|}\n')


def test_the_parts_are_what_http_wants_of_them():
    url = gate("https://[2001:db8::1]:8443/a/b?x=1", Purpose.SERVER)
    assert url == Url("https", "2001:db8::1", 8443, "/a/b", "x=1")
    assert (url.authority, url.origin) == ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443")
    assert url.target == "/a/b?x=1"
    assert str(url.with_path("/other")) == "https://[2001:db8::1]:8443/other"


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
