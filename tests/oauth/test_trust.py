"""Whom a login trusts: which hosts belong together, what a person is asked, and what need not be asked again."""

import shlex
from ipaddress import ip_address, ip_network
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from login_flow import CODE, HERE, PRM, REGISTERED, at, found, plan
from playing import NOT_FOUND, answer, play

from mcp_auth_bridge.config.config_file import parse
from mcp_auth_bridge.effects import Agree, Fetch
from mcp_auth_bridge.errors import ConfigError, LoginRequired, UrlRefused
from mcp_auth_bridge.oauth.address_zones import Zone, within, zone_of
from mcp_auth_bridge.oauth.login import Plan, login
from mcp_auth_bridge.oauth.related_hosts import akin
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.oauth.trust import Trust, check_issuer
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate


@pytest.mark.parametrize(
    ("issuer", "host"),
    [
        ("as.example.com", "as.example.com"),
        ("as.example.com", "as.example.com."),
        ("example.com", "login.example.com"),
        ("cf.mcp.atlassian.com", "mcp.atlassian.com"),
        ("example.co.uk", "login.example.co.uk"),
        ("accounts.google.com", "oauth2.googleapis.com"),
        ("cognito-idp.eu-west-2.amazonaws.com", "acme.auth.eu-west-2.amazoncognito.com"),
        ("api.figma.com", "www.figma.com"),
        ("mcp.facebook.com", "graph.facebook.com"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
def test_these_hosts_belong_together(issuer, host):
    assert akin(issuer, host)


@pytest.mark.parametrize(
    ("issuer", "host"),
    [
        ("as.example.com", "as.example.org"),
        ("evil.host.com", "host.com"),
        ("evil.vercel.app", "vercel.app"),
        ("evil.mcp.atlassian.com", "mcp.atlassian.com"),
        ("as.example.com", "other.example.com"),
        ("example.com", "notexample.com"),
        ("example.com", "example.com.evil.org"),
        ("evil.com", "com"),
        ("evil.co.uk", "co.uk"),
        ("co.uk", "evil.co.uk"),
        ("evil.com.au", "com.au"),
        ("localhost", "evil.localhost"),
        ("10.0.0.1", "0.0.1"),
        ("evil.accounts.google.com.example", "oauth2.googleapis.com"),
        ("accounts.google.com", "evil.googleapis.com"),
        ("accounts-google.com", "oauth2.googleapis.com"),
        ("evil.amazonaws.com", "acme.auth.eu-west-2.amazoncognito.com"),
        ("oauth2.googleapis.com", "accounts.google.com"),
    ],
)
def test_these_do_not(issuer, host):
    assert not akin(issuer, host)


LAST = Session(
    resource="https://mcp.example/mcp",
    issuer="https://as.example",
    token_endpoint="https://as.example/token",
    client=Client(issuer="https://as.example", id="new", redirect_uri=HERE),
    access=Secret("AT"),
    refresh=Secret("RT"),
    obtained_at=0.0,
)
NEW = "https://new.example"
GOES_ON = [("listen 0", HERE), *[(REGISTERED[0].replace("as.", "new."), REGISTERED[1])], *CODE[:3]]
REDEEMED = ("POST https://new.example/token", CODE[3][1])


def test_another_issuer_than_the_last_logins_is_asked_about_before_anything_is_sent_there():
    asked = []
    with pytest.raises(LoginRequired, match=r"now wants logins at “https://new\.example”; the last one was"):
        play(login(plan(last=LAST)), [found(NEW)[0], (f"agree --trust {NEW}", refuse)], asked)
    assert all("new.example" not in str(effect.url) for effect in asked if isinstance(effect, Fetch))


def refuse(effect):
    """Nobody says yes."""
    return LoginRequired(effect.question)


def test_who_agrees_gets_a_login_with_nothing_of_the_old_one():
    asked = []
    steps = [found(NEW)[0], (f"agree --trust {NEW}", None), found(NEW, **at(NEW))[1], *GOES_ON, REDEEMED]
    session = play(login(plan(last=LAST, clients={LAST.issuer: LAST.client})), steps, asked)
    assert session.issuer == NEW
    assert "RT" not in str([effect.form for effect in asked if isinstance(effect, Fetch)])
    agreeing = plan(last=LAST, agreed=(NEW,))
    assert play(login(agreeing), [*found(NEW, **at(NEW)), *GOES_ON, REDEEMED]).issuer == NEW


@pytest.mark.parametrize("last", ["https://as.example", "https://as.example/"])
def test_the_same_issuer_is_not_asked_about(last):
    same = msgspec.structs.replace(LAST, issuer=last)
    play(login(plan(last=same)), [*found(), ("listen 0", HERE), REGISTERED, *CODE])


def test_a_configured_issuer_is_the_users_will():
    trust = Trust(server=gate("https://mcp.example/mcp", Purpose.SERVER), issuer=NEW, last=LAST)
    assert list(check_issuer(NEW, trust)) == []


def test_of_several_issuers_the_last_logins_is_kept_without_a_question():
    several = answer({"resource": "https://mcp.example/mcp", "authorization_servers": [NEW, "https://as.example"]})
    play(login(plan(last=LAST)), [(*PRM, several), found()[1], ("listen 0", HERE), REGISTERED, *CODE])


BELOW = "https://tenant.as.example"
ABOVE = {"authorization_endpoint": "https://as.example/authorize", "registration_endpoint": f"{BELOW}/register"}


def test_an_issuer_below_a_host_does_not_get_the_codes_of_that_hosts_login_page_without_a_yes():
    steps = found(BELOW, **{**at(BELOW), **ABOVE})
    with pytest.raises(LoginRequired, match="away from there; the code of the login goes to https://tenant"):
        play(login(plan()), [*steps, ("agree --trust https://as.example", refuse)])


def test_an_issuer_whose_whole_login_is_at_the_host_above_it_needs_no_yes():
    whole = {**at(BELOW), **ABOVE, "token_endpoint": "https://as.example/token"}
    registered = (f"POST {BELOW}/register", REGISTERED[1])
    assert play(login(plan()), [*found(BELOW, **whole), ("listen 0", HERE), registered, *CODE]).issuer == BELOW


def elsewhere(**more):
    return found(authorization_endpoint="https://login.elsewhere.example/a", **more)


@pytest.mark.parametrize("path", ["/$(id)", "/'&calc&'", "/;id", "/%COMSPEC%&x", "/?a&b"])
def test_no_server_writes_a_word_of_the_command_that_a_person_is_given(path):
    hostile = NEW + path
    with pytest.raises(LoginRequired):
        play(login(plan(last=LAST)), [found(hostile)[0], ("agree --trust …", refuse)])


def test_what_was_agreed_to_once_is_remembered_with_the_login_and_for_its_issuer_alone():
    option = "agree --trust https://login.elsewhere.example"
    session = play(login(plan()), [*elsewhere(), (option, None), ("listen 0", HERE), REGISTERED, *CODE])
    assert session.agreed == ("https://login.elsewhere.example",)
    again = play(login(plan(last=session)), [*elsewhere(), ("listen 0", HERE), REGISTERED, *CODE])
    assert again.agreed == session.agreed
    stranger = msgspec.structs.replace(session, issuer=NEW)
    with pytest.raises(LoginRequired):
        play(login(plan(last=stranger, agreed=("https://as.example",))), [*elsewhere(), (option, refuse)])


def test_the_question_names_the_server_the_issuer_and_the_host_that_gets_the_code():
    asked = []
    with pytest.raises(LoginRequired):
        play(login(plan()), [*elsewhere(), ("agree --trust https://login.elsewhere.example", refuse)], asked)
    question = asked[-1].question
    named = ("https://mcp.example ", "“https://as.example”", "https://login.elsewhere.example", "to https://as.example")
    for part in named:
        assert part in question


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30))
def test_an_option_that_a_hint_names_is_always_one_word_for_a_shell(tail):
    trust = Trust(server=gate("https://mcp.example/mcp", Purpose.SERVER), last=LAST)
    try:
        [wish] = list(check_issuer(f"https://evil.example/{tail}", trust))
    except UrlRefused:
        return
    assert isinstance(wish, Agree)
    assert len(shlex.split(wish.answer)) == 2


def test_the_address_of_an_endpoint_is_checked_for_each_of_its_requests():
    asked = []
    play(login(plan()), [*found(), ("listen 0", HERE), REGISTERED, *CODE], asked)
    fetched = [effect for effect in asked if isinstance(effect, Fetch)]
    assert len(fetched) == 4
    assert {str(effect.led_by) for effect in fetched} == {"https://mcp.example/mcp"}


def test_what_the_configuration_names_is_led_to_by_nobody():
    asked = []
    play(login(plan(trusted_issuer="https://as.example")), [*found(), ("listen 0", HERE), REGISTERED, *CODE], asked)
    led = {effect.url.host: effect.led_by for effect in asked if isinstance(effect, Fetch)}
    assert led["as.example"] is None
    assert led["mcp.example"] is not None


BLOCKS = """
    10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 0.0.0.0/8 192.0.0.0/24 192.0.2.0/24
    198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 fc00::/7 fe80::/10 fec0::/10 ff00::/8 ::1/128
    ::/128 2001:db8::/32 2001::/32 100::/64
"""


@given(st.sampled_from([ip_network(block) for block in BLOCKS.split()]), st.data())
def test_nothing_that_the_registries_set_aside_is_ever_public_in_any_spelling(block, data):
    address = block[data.draw(st.integers(0, block.num_addresses - 1))]
    spellings = [address]
    if address.version == 4:
        low = int(address)
        spellings += [ip_address(f"::ffff:{address}"), ip_address(int(ip_address("64:ff9b::")) + low)]
        spellings += [ip_address(int(ip_address("2002::")) + (low << 80) + 1)]
    for spelling in spellings:
        assert zone_of(spelling) > Zone.PUBLIC
        assert within([spelling], Zone.PUBLIC) == []


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public_and_nobody_leads_to_the_forbidden(address):
    zone = zone_of(address)
    if address.is_private or address.is_multicast or address.is_link_local or address.is_unspecified:
        translated = address.version == 6 and (address.sixtofour or address in ip_network("64:ff9b:1::/48"))
        assert zone > Zone.PUBLIC or translated
    if zone is Zone.FORBIDDEN:
        assert all(within([address], reach) == [] for reach in Zone)


@pytest.mark.parametrize("key", ["issuer", "trusted_issuer", "resource_metadata"])
@pytest.mark.parametrize(
    "value", ["http://as.example", "as.example", "https://user:hunter2@as.example", "https://0x7f.1"]
)
def test_a_url_in_the_configuration_is_checked_when_it_is_read(key, value):
    auth = f"""{{ kind = "browser", client_id = "x", {key} = "{value}" }}"""
    text = f"""[servers.acme]\nurl = "https://mcp.example"\nauth = {auth}"""
    with pytest.raises(ConfigError, match=rf"toml, line 3: servers\.acme\.auth\.{key}: .* is not acceptable") as raised:
        parse(text, Path("config.toml")).profile("acme")
    assert "hunter2" not in raised.value.message


# An MCP server of plain http, for which a person has set `allow_http`


PLAIN = "http://metrics.cluster.example"
PLAIN_MCP = f"{PLAIN}/mcp"
PLAIN_PRM = f"GET {PLAIN}/.well-known/oauth-protected-resource/mcp"
PLAIN_NOTHING = [
    (PLAIN_PRM, NOT_FOUND),
    (f"GET {PLAIN}/.well-known/oauth-protected-resource", NOT_FOUND),
]


def plain_plan():
    return Plan(url=gate(PLAIN_MCP, Purpose.PLAIN_SERVER))


def plain_resource(issuer):
    return (PLAIN_PRM, answer({"resource": PLAIN_MCP, "authorization_servers": [issuer]}))


def test_what_a_server_of_plain_http_publishes_may_lead_to_an_authorization_server_of_https():
    steps = [plain_resource("https://as.example"), found()[1], ("listen 0", HERE), REGISTERED, *CODE]
    session = play(login(plain_plan()), steps)
    assert (session.issuer, session.resource) == ("https://as.example", PLAIN_MCP)


@pytest.mark.parametrize("issuer", [PLAIN, "http://as.example", "http://127.0.0.1:9", "http://localhost:8080"])
def test_it_leads_to_no_authorization_server_of_plain_http_not_even_to_itself(issuer):
    steps = [plain_resource(issuer)]
    with pytest.raises(UrlRefused, match=r"acceptable|encrypted") as raised:
        play(login(plain_plan()), steps)
    assert "http" in raised.value.hint


def test_it_is_no_authorization_server_by_its_own_metadata():
    own = {"issuer": PLAIN, "code_challenge_methods_supported": ["S256"]}
    metadata = {**own, "authorization_endpoint": f"{PLAIN}/authorize", "token_endpoint": f"{PLAIN}/token"}
    steps = [*PLAIN_NOTHING, (f"GET {PLAIN}/.well-known/oauth-authorization-server", answer(metadata))]
    with pytest.raises(UrlRefused, match="acceptable"):
        play(login(plain_plan()), steps)


def test_it_is_none_by_the_default_endpoints_of_2025_03_26_either():
    steps = [
        *PLAIN_NOTHING,
        (f"GET {PLAIN}/.well-known/oauth-authorization-server", NOT_FOUND),
        (f"GET {PLAIN}/.well-known/openid-configuration", NOT_FOUND),
        (f"GET {PLAIN}/register", answer({}, 405)),
        ("listen 0", HERE),
    ]
    with pytest.raises(UrlRefused, match=r"a login to http://metrics.cluster.example would go to") as raised:
        play(login(plain_plan()), steps)
    assert "allow_http" in raised.value.hint
