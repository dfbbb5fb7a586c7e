"""Which servers a login trusts, what it asks the user, and what it does not ask again."""

import shlex
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from login_flow import CODE, HERE, PRM, REGISTERED, at, found, plan
from playing import NOT_FOUND, answer, play

from mcp_auth_bridge.config.config_file import parse
from mcp_auth_bridge.effects import Agree, Fetch, ask
from mcp_auth_bridge.errors import ConfigError, LoginRequired, UrlRefused
from mcp_auth_bridge.oauth.address_zones import Zone
from mcp_auth_bridge.oauth.login import login
from mcp_auth_bridge.oauth.plan import LoginPlan
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.oauth.trust import Trust, _is_at_home, check_configured, check_issuer, confine, filter_addresses
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, Url, gate

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


def test_the_user_is_asked_about_another_issuer_before_anything_is_sent_there():
    asked = []
    with pytest.raises(LoginRequired, match=r"now wants logins at “https://new\.example”; the last one was"):
        play(login(plan(last=LAST)), [found(NEW)[0], (f"agree --trust {NEW}", refuse)], asked)
    assert all("new.example" not in str(effect.url) for effect in asked if isinstance(effect, Fetch))


def refuse(effect):
    """The user does not agree."""
    return LoginRequired(effect.question)


def test_a_login_at_another_issuer_uses_nothing_of_the_last_one():
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


def test_a_configured_issuer_needs_no_question():
    trust = Trust(server=gate("https://mcp.example/mcp", Purpose.SERVER), issuer=NEW, last=LAST)
    assert list(check_issuer(NEW, trust)) == []


def test_of_several_issuers_the_last_logins_is_chosen_without_a_question():
    several = answer({"resource": "https://mcp.example/mcp", "authorization_servers": [NEW, "https://as.example"]})
    play(login(plan(last=LAST)), [(*PRM, several), found()[1], ("listen 0", HERE), REGISTERED, *CODE])


BELOW = "https://tenant.as.example"


ABOVE = {"authorization_endpoint": "https://as.example/authorize", "registration_endpoint": f"{BELOW}/register"}


def test_an_issuer_does_not_get_the_codes_of_its_parent_domains_login_page_without_a_yes():
    steps = found(BELOW, **{**at(BELOW), **ABOVE})
    with pytest.raises(LoginRequired, match="away from there; the code of the login goes to https://tenant"):
        play(login(plan()), [*steps, ("agree --trust https://as.example", refuse)])


def test_a_whole_login_at_the_parent_domain_of_its_issuer_needs_no_yes():
    whole = {**at(BELOW), **ABOVE, "token_endpoint": "https://as.example/token"}
    registered = (f"POST {BELOW}/register", REGISTERED[1])
    assert play(login(plan()), [*found(BELOW, **whole), ("listen 0", HERE), registered, *CODE]).issuer == BELOW


def elsewhere(**more):
    return found(authorization_endpoint="https://login.elsewhere.example/a", **more)


@pytest.mark.parametrize("path", ["/$(id)", "/'&calc&'", "/;id", "/%COMSPEC%&x", "/?a&b"])
def test_a_server_cannot_add_a_word_to_the_command_in_a_hint(path):
    hostile = NEW + path
    with pytest.raises(LoginRequired):
        play(login(plan(last=LAST)), [found(hostile)[0], ("agree --trust …", refuse)])


def test_an_agreement_is_remembered_with_the_login_and_for_its_issuer_alone():
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
def test_the_value_of_an_option_in_a_hint_is_one_word_for_a_shell(tail):
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


def test_a_request_to_a_configured_origin_is_not_led_by_the_mcp_server():
    asked = []
    play(login(plan(trusted_issuer="https://as.example")), [*found(), ("listen 0", HERE), REGISTERED, *CODE], asked)
    led = {effect.url.host: effect.led_by for effect in asked if isinstance(effect, Fetch)}
    assert led["as.example"] is None
    assert led["mcp.example"] is not None


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


# An MCP server of plain http, for which the user has set `allow_http`


PLAIN = "http://metrics.cluster.example"


PLAIN_MCP = f"{PLAIN}/mcp"


PLAIN_PRM = f"GET {PLAIN}/.well-known/oauth-protected-resource/mcp"


PLAIN_NOTHING = [
    (PLAIN_PRM, NOT_FOUND),
    (f"GET {PLAIN}/.well-known/oauth-protected-resource", NOT_FOUND),
]


def plain_plan():
    return LoginPlan(url=gate(PLAIN_MCP, Purpose.PLAIN_SERVER))


def plain_resource(issuer):
    return (PLAIN_PRM, answer({"resource": PLAIN_MCP, "authorization_servers": [issuer]}))


def test_a_server_at_plain_http_may_lead_to_an_authorization_server_at_https():
    steps = [plain_resource("https://as.example"), found()[1], ("listen 0", HERE), REGISTERED, *CODE]
    session = play(login(plain_plan()), steps)
    assert (session.issuer, session.resource) == ("https://as.example", PLAIN_MCP)


@pytest.mark.parametrize("issuer", [PLAIN, "http://as.example", "http://127.0.0.1:9", "http://localhost:8080"])
def test_it_may_not_lead_to_an_authorization_server_at_plain_http_not_even_to_itself(issuer):
    steps = [plain_resource(issuer)]
    with pytest.raises(UrlRefused, match=r"acceptable|encrypted") as raised:
        play(login(plain_plan()), steps)
    assert "http" in raised.value.hint


def test_its_own_metadata_do_not_make_it_an_authorization_server():
    own = {"issuer": PLAIN, "code_challenge_methods_supported": ["S256"]}
    metadata = {**own, "authorization_endpoint": f"{PLAIN}/authorize", "token_endpoint": f"{PLAIN}/token"}
    steps = [*PLAIN_NOTHING, (f"GET {PLAIN}/.well-known/oauth-authorization-server", answer(metadata))]
    with pytest.raises(UrlRefused, match="acceptable"):
        play(login(plain_plan()), steps)


def test_the_default_endpoints_of_2025_03_26_do_not_make_it_one_either():
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


def test_a_server_that_takes_tokens_of_others_gets_none_of_the_configured_issuer():
    trust = Trust(server=gate("https://mcp.example/mcp", Purpose.SERVER), issuer="https://as.example")
    check_configured([], trust)
    check_configured(["https://as.example/"], trust)
    with pytest.raises(ConfigError, match=r"takes tokens of “https://evil\.example”, not of the configured issuer"):
        check_configured(["https://evil.example"], trust)


OTHER = Url("https", "10.0.0.7", 443, "/", "")
FAR = gate("https://mcp.example/mcp", Purpose.SERVER)


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "224.0.0.1"])
def test_a_clouds_metadata_service_is_never_connected_to(address):
    with pytest.raises(UrlRefused, match="never connected to"):
        filter_addresses([ip_address(address)], Zone.LOOPBACK, OTHER, None)


@pytest.mark.parametrize(
    ("address", "server", "words"),
    [
        ("127.0.0.1", FAR, "https://mcp.example points to .* on this machine"),
        ("10.0.0.7", FAR, "https://mcp.example points to .* on your own network"),
        ("10.0.0.7", None, "the configuration points to"),
    ],
)
def test_metadata_lead_no_nearer_than_their_server_stands(address, server, words):
    with pytest.raises(UrlRefused, match=words):
        filter_addresses([ip_address(address)], Zone.PUBLIC, OTHER, server)


def test_of_several_addresses_those_that_are_allowed_are_left():
    both = [ip_address("10.0.0.7"), ip_address("8.8.8.8")]
    assert filter_addresses(both, Zone.PUBLIC, OTHER, FAR) == [both[1]]
    assert filter_addresses(both, Zone.PRIVATE, OTHER, FAR) == both


NEAR = gate("http://127.0.0.1:8000/mcp", Purpose.SERVER)


@pytest.mark.parametrize("issuer", ["https://10.0.0.7", "https://127.0.0.1:9000"])
def test_metadata_of_a_public_server_do_not_lead_to_an_address_of_this_network(issuer):
    reach = Trust(server=gate("https://8.8.8.8/mcp", Purpose.SERVER))
    with pytest.raises(UrlRefused, match="points to"):
        play(confine(fetching(f"{issuer}/x"), reach), [])


def fetching(url):
    return (yield from ask(Fetch(gate(url, Purpose.RESOURCE_METADATA))))


def test_a_server_on_this_machine_may_lead_to_another_one_here():
    assert play(
        confine(fetching("http://127.0.0.1:9000/x"), Trust(server=NEAR)), [("GET http://127.0.0.1:9000/x", NOT_FOUND)]
    )


@pytest.mark.parametrize(
    ("endpoint", "agreed"), [("http://127.0.0.1:9000/token", True), ("http://127.0.0.1:9001/token", False)]
)
def test_each_port_of_this_machine_may_be_another_users(endpoint, agreed):
    assert _is_at_home(gate(endpoint, Purpose.TOKEN), gate("http://127.0.0.1:9000", Purpose.ISSUER)) is agreed
