"""Stored sessions: written and read back whole, and due at the right moment."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.oauth.claims import account_of, unverified_claims
from mcp_auth_bridge.oauth.session import Client, Session, dump, load_client, load_session
from mcp_auth_bridge.secret import Secret

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SECRETS = TEXT.map(Secret)
TIMES = st.floats(0, 1e12, allow_nan=False)
CLIENTS = st.builds(
    Client,
    issuer=TEXT,
    id=TEXT,
    secret=st.none() | SECRETS,
    auth_method=TEXT,
    redirect_uri=TEXT,
    registered=st.booleans(),
)
SESSIONS = st.builds(
    Session,
    version=st.just(1),
    resource=TEXT,
    issuer=TEXT,
    token_endpoint=TEXT,
    revocation_endpoint=TEXT,
    client=CLIENTS,
    scope=TEXT,
    access=SECRETS,
    refresh=st.none() | SECRETS,
    obtained_at=TIMES,
    expires_at=st.none() | TIMES,
    account=TEXT,
    ended=TEXT,
)


@given(SESSIONS)
def test_a_session_is_always_read_back_as_it_was_written(session):
    assert load_session(dump(session)) == session


@given(CLIENTS)
def test_a_client_is_always_read_back_as_it_was_written(client):
    assert load_client(dump(client)) == client


@given(st.text() | SESSIONS.map(lambda session: dump(session)[:-9]) | CLIENTS.map(dump))
def test_a_record_of_another_shape_is_refused_without_quoting_it(text):
    with pytest.raises(StoreError) as raised:
        load_session(text)
    assert raised.value.message == "a stored login has an unknown shape"
    assert raised.value.__cause__ is None


def session(life=3600.0, **more):
    return Session(
        **{
            "resource": "r",
            "issuer": "i",
            "token_endpoint": "t",
            "client": Client(issuer="i", id="c"),
            "access": Secret("a"),
            "refresh": Secret("r"),
            "obtained_at": 0.0,
            "expires_at": life,
            **more,
        }
    )


def test_a_record_of_a_later_version_is_refused_with_its_number():
    with pytest.raises(StoreError, match=r"another version of the bridge \(format 2\)"):
        load_session(dump(session(version=2)))


def test_a_session_prints_no_secret():
    assert "hunter2" not in repr(
        session(access=Secret("hunter2"), client=Client(issuer="i", id="c", secret=Secret("hunter2")))
    )


@pytest.mark.parametrize(
    ("life", "due_at"),
    [(3600.0, 3540.0), (600.0, 540.0), (599.0, 599.0 * 0.9), (30.0, 27.0), (1.0, 0.9), (0.0, 0.0)],
)
def test_a_token_is_due_a_minute_or_a_tenth_of_its_life_before_its_end(life, due_at):
    assert session(life).due(due_at)
    assert session(life).due(math.inf)
    assert not session(life).due(due_at - 0.001)


def test_without_a_refresh_token_it_is_due_when_it_has_expired():
    lonely = session(refresh=None)
    assert not lonely.due(3599.999)
    assert lonely.due(3600.0)
    assert lonely.expired(3600.0)


@given(st.floats(0, 1e12))
def test_without_an_expiry_it_is_never_due(now):
    assert not session(expires_at=None).due(now)
    assert not session(expires_at=None).expired(now)


@pytest.mark.parametrize(
    ("ended", "forgotten"),
    [("", False), ("invalid_grant", False), ("invalid_client", True), ("unauthorized_client", True)],
)
def test_a_forgotten_client_is_told_from_an_ended_grant(ended, forgotten):
    assert session(ended=ended).client_forgotten is forgotten


@given(st.lists(st.none() | st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,20}\.[A-Za-z0-9_-]{0,20}\.[A-Za-z0-9_-]{0,9}")))
def test_looking_inside_any_token_never_raises_and_gives_printable_names(tokens):
    account = account_of(*tokens)
    assert account.isprintable()
    assert len(account) <= 80


@pytest.mark.parametrize("token", ["", "opaque", "a.b", "e30.W10.", "e30.bnVsbA.", "e30.MQ.", "....", "é.é.é"])
def test_an_opaque_token_has_no_claims(token):
    assert unverified_claims(token) == {}
