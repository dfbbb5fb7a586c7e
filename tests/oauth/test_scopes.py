"""Which scopes a login asks for, and how those that a server names are bounded before they reach records and URLs."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from login_flow import CODE, HERE, PRM, REGISTERED, found, plan
from playing import answer, play

from mcp_auth_bridge.commands.step_up import scopes_to_add
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.grants import refresh
from mcp_auth_bridge.oauth.login import login
from mcp_auth_bridge.oauth.scopes import (
    LONGEST,
    MOST,
    drop_secret_scopes,
    limit_scopes,
    merge_scopes,
    parse_scopes,
    select_scopes,
)
from mcp_auth_bridge.oauth.session import Client, Session, dump, load_session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

ACCESS = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEyMyJ9.eyJzdWIiOiJtaWEifQ.c2lnbmF0dXJlLW9mLWl0"
MANY = tuple(f"https://api.example/auth/scope-{number}" for number in range(2000))
TEXT = st.text(max_size=40) | st.sampled_from((ACCESS, "read", "a" * 600, 'quo"ted', "back\\slash"))


def session(**more):
    return Session(
        **{
            "resource": "https://mcp.example/mcp",
            "issuer": "https://as.example",
            "token_endpoint": "https://as.example/token",
            "client": Client(issuer="https://as.example", id="c"),
            "access": Secret(ACCESS),
            "refresh": Secret("RT-0123456789"),
            "obtained_at": 0.0,
            **more,
        }
    )


@given(st.lists(TEXT | st.sampled_from(MANY)), st.lists(TEXT), st.integers(1, 50))
def test_a_record_has_bounded_scopes_of_the_rfcs_syntax_whatever_a_server_names(newer, older, times):
    kept = " ".join(older)
    for number in range(times):
        kept = merge_scopes([*newer, f"n-{number}"], kept)
    assert len(kept) <= LONGEST
    assert len(kept.split()) <= MOST
    assert all(re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", scope) for scope in kept.split())
    assert set(limit_scopes(newer)[:1]) <= set(kept.split())


def test_of_too_many_scopes_the_newest_are_kept():
    assert merge_scopes(("new",), " ".join(MANY)).split()[:2] == ["new", MANY[0]]
    assert parse_scopes("b a b") == ("b", "a")


@given(st.integers(0, len(ACCESS) - 16), st.text("abc-.", max_size=5), st.text("abc-.", max_size=5))
def test_no_part_of_a_secret_is_ever_a_scope(start, before, after):
    scope = f"{before}{ACCESS[start : start + 16]}{after}"
    assert drop_secret_scopes((scope, "read"), (Secret(ACCESS), None, Secret("RT"))) == ("read",)


def test_a_login_after_a_server_named_thousands_of_scopes_has_a_url_that_passes_the_gate():
    last = session(scope=merge_scopes(MANY, ""), wanted=merge_scopes(("files:write", *reversed(MANY)), ""))
    asked = []
    wishes = plan(step_up=scopes_to_add(last), last=last, challenge=Challenge("bearer", {"scope": " ".join(MANY)}))
    supported = answer({"resource": "https://mcp.example/mcp", "authorization_servers": ["https://as.example"]})
    script = [(PRM[0], supported), found()[1], ("listen 0", HERE), REGISTERED, *CODE]
    new = play(login(wishes), script, asked)
    url = next(effect.url for effect in asked if type(effect).__name__ == "Authorize")
    assert "files%3Awrite" in str(gate(url, Purpose.AUTHORIZATION))
    assert (new.wanted, new.denied) == ("", "")  # forgotten at a login that works


def test_all_configured_scopes_are_asked_for():
    asked, configured = [], tuple(f"s{number}" for number in range(2 * MOST))
    wishes = plan(scopes=configured, step_up=("old",))
    play(login(wishes), [*found(), ("listen 0", HERE), REGISTERED, *CODE], asked)
    url = next(effect.url for effect in asked if type(effect).__name__ == "Authorize")
    assert f"s{2 * MOST - 1}" in url


def test_a_token_that_a_token_response_calls_a_scope_is_not_recorded():
    said = {"token_type": "bearer", "access_token": ACCESS, "scope": f"read {ACCESS} {' '.join(MANY)}"}
    renewed = play(refresh(session()), [("POST https://as.example/token", answer(said))])
    assert renewed.scope.startswith("read https")
    assert ACCESS not in renewed.scope
    assert len(renewed.scope) <= LONGEST


def test_the_scopes_of_a_record_that_an_earlier_version_let_grow_are_cut():
    big = session(wanted=" ".join(MANY * 20), denied=" ".join(MANY), scope="read")
    loaded = load_session(dump(big))
    assert (len(dump(loaded)) < 3 * LONGEST, loaded.scope, loaded.refresh) == (True, "read", big.refresh)


def test_scopes_may_be_separated_by_commas_where_there_is_no_space():
    assert parse_scopes("chat:write,search:read") == ("chat:write", "search:read")
    assert parse_scopes("a,b c") == ("a,b", "c")
    assert parse_scopes(" one ") == ("one",)


@pytest.mark.parametrize(
    ("configured", "challenged", "supported", "asked"),
    [
        (("mine",), ("read", "write"), ("all",), ("mine",)),
        ((), ("read", "write"), ("all",), ("read", "write")),
        ((), (), ("all", "of", "it"), ("all", "of", "it")),
        ((), (), (), ()),
        ((), (), None, ()),
    ],
)
def test_scopes_are_the_configured_else_the_challenged_else_the_supported_else_none(
    configured, challenged, supported, asked
):
    assert select_scopes(configured, challenged, supported, offline_access=False) == asked
    assert select_scopes(configured, challenged, supported, offline_access=True) == (
        *asked,
        *(["offline_access"] if asked else []),
    )


def test_offline_access_is_asked_for_once():
    assert select_scopes(("offline_access", "a"), (), None, offline_access=True) == ("offline_access", "a")
