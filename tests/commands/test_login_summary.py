"""What the user is told about a login: the account, the scopes, how long it lasts, and why no longer."""

import time

import msgspec
import pytest

from mcp_auth_bridge.commands.login_summary import (
    account_doubt,
    describe_headers,
    describe_scopes,
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
    assert words.startswith("valid until 2")
    assert words.endswith(f"; {reason}, so it ends then")


def test_a_login_that_is_renewed_says_so_and_one_without_an_end_too():
    assert describe_validity(session(expires_at=4000000000.0), 0).endswith(", renewed automatically")
    assert describe_validity(session(), 0) == "valid until the server refuses it, renewed automatically"


def test_a_time_that_is_past_is_told_as_past():
    ended = session(expires_at=1000.0, refresh=None)
    told = describe_validity(session(expires_at=1000.0), 1000)
    assert told == f"its access token expired at {format_time(1000)}, and the next use renews it"
    assert describe_validity(ended, 2000).startswith(
        f"its access token expired at {format_time(1000)}; the server gave no refresh"
    )


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("UTC", "2026-11-27 01:42 UTC"),
        ("XXX-5:45", "2026-11-27 07:27 UTC+05:45"),
        ("EST5", "2026-11-26 20:42 UTC-05:00"),
    ],
)
def test_a_time_says_how_far_from_utc_it_is(monkeypatch, zone, words):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert format_time(1795743720.0) == words
    monkeypatch.undo()
    time.tzset()


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
