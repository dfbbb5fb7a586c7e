"""No name survives the redaction in any form, and one name has one label."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.doctor.name_forms import encoded_forms, spelled_forms
from mcp_auth_bridge.doctor.plain_words import is_plain_dotted, is_plain_header, is_plain_label, is_plain_part
from mcp_auth_bridge.doctor.redaction import Kind, PrivateName, Redaction

KEY = b"k" * 32
LETTERS = "bdfghjkmnpqrstvwxzäöüßéñøçжλ"  # no "e", "a" or "c" alone: labels hold hexadecimal digits
WORDS = st.text("bfghjkmnpqrvwxz", min_size=5, max_size=12).filter(lambda word: not is_plain_label(word))
NAMES = st.text(LETTERS, min_size=5, max_size=12).filter(lambda name: name != "https")
HOSTS = st.builds(lambda first, second: f"{first}.{second}.example", WORDS, WORDS)
SECRETS = st.text("bfghjkmnpqrvwxz23456789+/=-_.~$ &\"'%é", min_size=8, max_size=40).filter(
    lambda text: text.strip() == text
)


def redacted(*texts, known=()):
    redaction = Redaction(KEY, known, texts)
    return [redaction.apply(text) for text in texts]


def one(text, *known):
    return redacted(text, known=known)[0]


def base64_forms(name):
    for before in (b"", b"x", b"xy"):
        yield base64.b64encode(before + name.encode() + b"z").decode()
        yield base64.urlsafe_b64encode(before + name.encode()).decode().rstrip("=")


def forms(name):
    """`name` in the forms in which it may leak."""
    yield from (name, name.upper(), name.casefold(), quote(name, safe=""), json.dumps(name)[1:-1])
    yield name.encode().hex()
    yield from base64_forms(name)


SENTENCES = (
    "the server said “{}”",
    "{}",
    "x{}y",
    "https://mcp.other.example/{}/mcp?org={}",
    "WWW-Authenticate: Bearer realm=“{}”",
    "{}: HTTP 401 text/plain",
    "X-{}-Org is missing",
)


@given(NAMES, st.sampled_from(SENTENCES), st.sampled_from([Kind.USER, Kind.ORGANISATION, Kind.CLIENT, Kind.SERVER]))
def test_a_known_name_survives_in_no_form(name, sentence, kind):
    texts = [sentence.replace("{}", form) for form in forms(name)]
    shown = " ".join(redacted(*texts, known=[PrivateName(kind, name)])).casefold()
    for form in forms(name):
        assert form.casefold() not in shown


@given(SECRETS, st.sampled_from(SENTENCES))
def test_a_known_secret_survives_in_no_form(secret, sentence):
    texts = [sentence.replace("{}", form) for form in forms(secret)]
    shown = " ".join(redacted(*texts, known=[PrivateName(Kind.SECRET, secret)]))
    for form in forms(secret):
        assert form not in shown


@given(HOSTS)
def test_a_host_that_nobody_has_named_is_found_in_every_form_of_a_url(host):
    texts = [
        f"https://{host}/mcp",
        f"POST https://{host.upper()}:8443/stage7: HTTP 401",
        quote(f"https://{host}/mcp", safe=""),
        json.dumps(f"https://{host}/").replace("/", "\\/"),
        f"its audience is {host}",
        f"jane@{host}",
        f"https://jane:password@{host}",
        f"X-{host.split('.')[1].upper()}-Org",
        base64.b64encode(f"https://{host}".encode()).decode(),
    ]
    shown = " ".join(redacted(*texts)).casefold()
    for label in host.split(".")[:2]:
        assert label not in shown
        assert label.encode().hex() not in shown


@given(st.text(LETTERS[15:], min_size=4, max_size=10))
def test_a_host_with_other_letters_has_one_label_with_its_punycode(name):
    host = f"{name}.example".casefold()
    try:
        coded = host.encode("idna").decode()
    except UnicodeError:
        return  # not the name of a host
    first, second, third = redacted(f"https://{coded}/", host, f"at {coded.upper()}")
    assert name not in f"{first} {second} {third}"
    label = first.removeprefix("https://").removesuffix("/")
    assert third == f"at {label}"


@given(WORDS, WORDS)
def test_the_folder_of_a_home_and_private_folders_in_it_are_replaced(user, folder):
    for path in (f"/home/{user}/{folder}", f"/Users/{user}/My {folder}/x", f"C:\\Users\\{user}\\{folder}"):
        for sentence in ("{}", "cannot read {}: no permission", "“{}”"):
            shown = one(sentence.replace("{}", path))
            assert user not in shown
            assert folder not in shown


@given(st.text())
def test_any_text_can_be_redacted(text):
    assert isinstance(one(text, PrivateName(Kind.SECRET, text)), str)


@given(st.lists(HOSTS, min_size=2, max_size=6, unique=True))
def test_two_reports_name_one_host_alike_and_two_hosts_differently(hosts):
    first = redacted(*hosts)
    assert [redacted(host)[0] for host in hosts] == first
    assert len(set(first)) == len(hosts)
    assert Redaction(b"another", (), hosts).apply(hosts[0]) != first[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/.well-known/oauth-protected-resource/mcp: HTTP 404", "/.well-known/oauth-protected-resource/mcp: HTTP 404"),
        ("0.1.0, Python 3.11.7, Linux x86_64", "0.1.0, Python 3.11.7, Linux x86_64"),
        ("http://127.0.0.1:8080/mcp and ::1 and localhost", "http://127.0.0.1:8080/mcp and ::1 and localhost"),
        ("(ValueError at mcp_auth_bridge.doctor.here:26)", "(ValueError at mcp_auth_bridge.doctor.here:26)"),
        (
            "[servers.local], network.connect_timeout: your network",
            "[servers.local], network.connect_timeout: your network",
        ),
        ("line 3: servers.local.url is not a known key", "line 3: servers.local.url is not a known key"),
        ("it expires on 2026-11-30 at 19:12:53", "it expires on 2026-11-30 at 19:12:53"),
        ("send application/json over HTTP/1.1", "send application/json over HTTP/1.1"),
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ('Bearer error="invalid_token"', 'Bearer error="invalid_token"'),
    ],
)
def test_words_that_name_nobody_stay(text, shown):
    assert one(text) == shown


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("10.1.2.3, fe80::1 and 8.8.8.8.", ["private-ip", "private-ip", "public-ip"]),
        ("http://[2001:db8::1]:80/mcp", ["private-ip"]),
        ("jane.doe@acme.example", ["user"]),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", ["secret"]),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", ["secret"]),
        ("Authorization: Basic dXNlcjpwYXNz1", ["secret"]),
        ("went on with &code=SplxlOBe to", ["secret"]),
        ("request 6ba7b810-9dad-11d1-80b4-00c04fd430c8", ["name"]),
        ("the key sk-proj-4f1d9c2ab77e0d8e6a", ["secret"]),
        ("its resource is urn:acme:mcp:files", ["name"]),
        ("/home/jane/.config/mcp-auth-bridge/config.toml", ["path"]),
        ("~/bigcorp/config.toml", ["name"]),
        ("https://mcp.acme.example/stage7?toolset=grafana", ["host", "name", "name"]),
        ("https://jane:pw@mcp.acme.example", ["secret", "host"]),
        ("https://", []),
        ("https://[broken/mcp", ["host"]),
    ],
)
def test_what_has_the_form_of_a_name_is_replaced(text, kinds):
    import re

    assert re.findall(r"\b((?:private-|public-)?[a-z]+)-[0-9a-f]{6}\b", one(text)) == kinds


def test_a_label_says_what_a_path_leads_to_where_that_names_nobody():
    shown = one(
        "/home/jane/.cursor/mcp.json, and /Users/jane/Library/Application Support/Claude/claude_desktop_config.json"
    )
    assert "/.cursor/mcp.json, and path-" in shown
    assert shown.endswith("/Library/Application Support/Claude/claude_desktop_config.json")


def test_a_short_name_is_found_as_a_word_only():
    known = PrivateName(Kind.ORGANISATION, "abc")
    label = one("abc", known)
    assert label.startswith("organisation-")
    assert one("abcd X-ABC-Org", known) == f"abcd X-{label}-Org"
    assert one("ab", PrivateName(Kind.ORGANISATION, "ab")) == "ab"


def test_the_longest_name_wins():
    acme, corp = PrivateName(Kind.USER, "jane"), PrivateName(Kind.USER, "jane of acme")
    assert " " not in one("jane of acme", acme, corp)


def test_a_name_that_names_nobody_is_no_private_name():
    assert one("local and root", PrivateName(Kind.SERVER, "local"), PrivateName(Kind.USER, "root")) == "local and root"
    assert one("port 127.0.0.1", PrivateName(Kind.HOST, "127.0.0.1")) == "port 127.0.0.1"


def test_the_vocabulary_of_places_knows_what_is_common():
    assert is_plain_part("v2.0")
    assert is_plain_part(".well-known")
    assert not is_plain_part("stage7")
    assert is_plain_header("Org")
    assert not is_plain_header("Acme")
    assert is_plain_dotted("servers.acme.url")
    assert is_plain_dotted("auth.headers")
    assert not is_plain_dotted("auth.acme.example")


def test_an_encoded_form_is_long_enough_to_be_recognised():
    assert encoded_forms("a") == []
    assert all(len(form) >= 6 for form in encoded_forms("jane"))


def test_a_lone_surrogate_has_a_spelling():
    assert spelled_forms("\ud800abc")
