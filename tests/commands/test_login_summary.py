"""What the user is told about a login: the account, the scopes, how long it lasts, and why no longer."""

import time

import msgspec
import pytest

from mcp_auth_bridge.commands.login_summary import (
    account_doubt,
    describe_headers,
    describe_scopes,
    describe_time_zone,
    describe_validity,
    format_time,
    missing_scopes,
    unrequested_scopes,
)
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.secret import Secret


def session(**more):
    client = Client(issuer="https://as.example", id="c")
    needed = {"resource": "r", "issuer": client.issuer, "token_endpoint": "t", "client": client}
    return Session(**{**needed, "access": Secret("AT"), "refresh": Secret("RT"), "obtained_at": 0.0, **more})


@pytest.mark.parametrize(
    ("asked", "scope", "words"),
    [
        ("read", "read", "scopes “read”"),
        ("", "read", "scopes “read”"),
        ("", "", "no scopes named by the server"),
        ("read write", "read", "scopes “read”; asked for, but not granted: “write”"),
        ("read", "read admin", "scopes “read admin”; granted without being asked for: “admin”"),
        ("read offline_access", "read", "scopes “read”"),  # Entra ID never names it
    ],
)
def test_what_was_granted_is_told_and_where_it_differs_from_what_was_asked(asked, scope, words):
    assert describe_scopes(session(asked=asked, scope=scope)) == words


def test_offline_access_without_a_refresh_token_was_not_granted():
    assert missing_scopes(session(asked="read offline_access", scope="read", refresh=None)) == ("offline_access",)
    assert unrequested_scopes(session(asked="read offline_access", scope="read", refresh=None)) == ()


@pytest.mark.parametrize(
    ("asked", "scope", "reason"),
    [
        ("read", "read", "the server gave no refresh token, and it offers no offline_access"),
        ("read offline_access", "read", "the server did not grant offline_access, and gave no refresh token"),
        ("offline_access", "offline_access", "the server granted offline_access, but gave no refresh token"),
    ],
)
def test_a_login_that_is_not_renewed_says_why(asked, scope, reason):
    words = describe_validity(session(asked=asked, scope=scope, refresh=None, expires_at=4000000000.0), 0)
    assert words.startswith("valid for 46296 days (until 2096-10-0")
    assert words.endswith(f"; {reason}, so it ends then")


def test_a_login_that_is_renewed_says_so_and_one_without_an_end_too():
    assert describe_validity(session(expires_at=4000000000.0), 0).endswith(", renewed automatically")
    assert describe_validity(session(), 0) == "valid until the server refuses it, renewed automatically"


def test_a_time_that_is_past_is_told_as_past():
    ended = session(expires_at=1000.0, refresh=None)
    told = describe_validity(session(expires_at=1000.0), 1600)
    assert told == f"its access token expired 10 minutes ago ({format_time(1000, 1600)}), and the next use renews it"
    assert describe_validity(ended, 2000).startswith(
        f"its access token expired 16 minutes ago ({format_time(1000, 2000)}); the server gave no refresh"
    )


def test_a_time_to_come_is_told_by_how_long_it_takes_and_by_the_clock(zone):
    zone("CET-1CEST,M3.5.0,M10.5.0/3")
    now = 1795743720.0
    told = describe_validity(session(expires_at=now + 52 * 60), now)
    assert told == "valid for 52 minutes (until 03:34 CET), renewed automatically"
    told = describe_validity(session(expires_at=now + 90 * 86400), now)
    assert told == "valid for 90 days (until 2027-02-25 02:42 CET), renewed automatically"


@pytest.fixture
def zone(monkeypatch):
    """Sets the time zone."""

    def choose(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield choose
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("place", "moment", "words"),
    [
        ("UTC", "01:42 UTC", "UTC"),
        ("<+0545>-5:45", "07:27 UTC+05:45", "UTC+05:45"),  # Nepal's zone has no abbreviation
        ("EST5", "20:42 EST", "EST (UTC-05:00)"),
    ],
)
def test_a_time_names_its_zone_and_the_zone_its_offset(zone, place, moment, words):
    zone(place)
    assert format_time(1795743720.0, 1795743000.0) == moment
    assert format_time(1795743720.0, 0).endswith(f" {moment}")
    assert format_time(1795743720.0, 0).startswith("2026-11-2")
    assert describe_time_zone(1795743720.0) == words


@pytest.mark.parametrize(
    ("names", "expected", "words"),
    [
        (("mia@acme.example",), "", ""),
        ((), "", ""),
        (("Mia@Acme.example", "7"), "mia@acme.example", ""),
        ((), "mia@acme.example", "couldn't verify that this is “mia@acme.example”: the token names no account"),
        (("7",), "mia@acme.example", "couldn't verify that this is “mia@acme.example”: the token names only “7”"),
        (("bob@acme.example",), "mia@acme.example", "the profile expects “mia@acme.example”: log in again"),
    ],
)
def test_an_account_that_cannot_be_checked_or_is_another_is_told(names, expected, words):
    assert account_doubt(session(names=names), expected) == words


def test_foreign_words_cannot_steer_a_terminal():
    told = describe_scopes(session(asked="read", scope="read \x1b[2J\u202eevil")) + account_doubt(
        session(names=()), "\x1b]0;x\x07"
    )
    assert told.isprintable()


def test_the_headers_that_are_kept_with_a_login_are_named_without_their_values():
    kept = msgspec.structs.replace(session(), headers={"X-Org": "env:ORG", "X-Team": "7"})
    assert describe_headers(kept) == "headers kept with the login: X-Org, X-Team"
    assert describe_headers(session()) == ""
