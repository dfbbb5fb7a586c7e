"""How the authentication method that a server accepts is found, and which attempts are never made."""

import base64
import json
from urllib.parse import unquote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from login_flow import CODE, HERE, REGISTERED, found, plan
from playing import answer, outcome, plain, play
from registration_flow import client

from mcp_auth_bridge.effects import Fetch
from mcp_auth_bridge.errors import BridgeError, GrantEnded, OAuthRefused, TheirProtocolError
from mcp_auth_bridge.oauth.client_auth import ClientAuthentication, authenticate, choose_method, with_other_methods
from mcp_auth_bridge.oauth.grants import refresh
from mcp_auth_bridge.oauth.login import login
from mcp_auth_bridge.oauth.registration import RegistrationSettings
from mcp_auth_bridge.oauth.revocation import revoke
from mcp_auth_bridge.oauth.session import Client, Session, dump, load_client
from mcp_auth_bridge.secret import Secret

TOKEN = "POST https://as.example/token"
REVOKE = "POST https://as.example/revoke"
NO_CLIENT = answer({"error": "invalid_client"}, 401)
METHODS = {"token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"]}
ID, SECRET = "qgOjyu5y/Kq+8rGzRlQ=", "p+ss/w0rd=="


def configured(**more):
    known = {"issuer": "https://as.example", "id": ID, "secret": Secret(SECRET), "auth_method": "", "registered": False}
    return Client(**{**known, **more})


def shown(fetch):
    """How a request authenticates the client: the `Authorization` header's pair, and what the form says."""
    form = plain(fetch.form)
    basic = plain(fetch.headers).get("authorization", "").removeprefix("Basic ")
    return base64.b64decode(basic).decode(), form.get("client_id"), form.get("client_secret")


def attempts(*answers, client=None, metadata=METHODS, **more):
    """The session of a login whose token endpoint gives these `answers`, and how each request authenticated."""
    asked = []
    registered = [] if client else [(REGISTERED[0], more.pop("registration"))]
    script = [*found(**metadata), ("listen 0", HERE), *registered, *CODE[:3], *[(TOKEN, each) for each in answers]]
    session = outcome(lambda: play(login(plan(configured=client, **more)), script, asked))
    return session, [shown(each) for each in asked if isinstance(each, Fetch) and each.form is not None]


POST = ("", ID, SECRET)
ENCODED = "qgOjyu5y%2FKq%2B8rGzRlQ%3D:p%2Bss%2Fw0rd%3D%3D"
BASIC = (ENCODED, None, None)


@pytest.mark.plays("Snowflake")
def test_each_method_is_tried_once_until_one_works_which_is_remembered():
    session, tried = attempts(NO_CLIENT, NO_CLIENT, CODE[3][1], client=configured())
    assert tried == [BASIC, POST, (f"{ID}:{SECRET}", None, None)]
    assert (session.client.auth_method, session.client.other_methods) == ("client_secret_basic_raw", ())
    error, tried = attempts(*[NO_CLIENT] * 4, client=configured())
    assert tried[3:] == [(ENCODED, ID, None)]
    assert "auth_method" in error.hint


def test_a_method_that_only_repeats_another_one_is_not_tried():
    _, tried = attempts(*[NO_CLIENT] * 3, client=configured(id="c", secret=Secret("s")))
    assert tried == [("c:s", None, None), ("", "c", "s"), ("c:s", "c", None)]


def test_a_configured_method_is_the_only_one():
    error, tried = attempts(NO_CLIENT, client=configured(auth_method="client_secret_post"))
    assert isinstance(error, OAuthRefused)
    assert tried == [POST]


@pytest.mark.parametrize(
    "refused",
    [
        answer({"error": "invalid_grant"}, 400),
        answer({"error": "invalid_grant", "error_description": "unknown client_id"}, 401),
        answer({"error": "invalid_request", "error_description": "resource is missing"}, 400),
        answer({"error": "invalid_client"}, 503),
        answer({"error": "invalid_client"}, 429),
        answer(b"", 500),
    ],
)
def test_nothing_but_a_refusal_of_the_client_is_answered_with_another_attempt(refused):
    session, tried = attempts(refused, client=configured())
    assert isinstance(session, BridgeError)
    assert tried == [BASIC]


@pytest.mark.parametrize(
    "refused",
    [
        answer({"error": "unauthorized_client"}, 400),
        answer({"error": "invalid_request", "error_description": "Client credentials missing or malformed"}, 400),
        answer(b"", 401),
    ],
)
def test_servers_have_other_words_for_a_client_that_did_not_prove_itself(refused):
    session, _ = attempts(refused, CODE[3][1], client=configured())
    assert session.client.auth_method == "client_secret_post"


@pytest.mark.plays("Figma")
def test_a_secret_that_comes_with_none_is_shown_only_after_a_refusal():
    given_one = answer({"client_id": "new", "client_secret": "s", "token_endpoint_auth_method": "none"})
    session, tried = attempts(CODE[3][1], registration=given_one, metadata={})
    assert (tried, session.client.auth_method) == ([("", "new", None)], "none")  # canaille
    session, tried = attempts(NO_CLIENT, CODE[3][1], registration=given_one, metadata={})
    assert tried == [("", "new", None), ("", "new", "s")]  # Figma
    assert (session.client.auth_method, session.client.other_methods) == ("client_secret_post", ())


def test_a_server_that_refuses_to_register_one_method_is_asked_for_the_next():
    asked, wrong = [], answer({"error": "invalid_client_metadata"}, 400)
    made = answer({"client_id": "new", "client_secret": "s"}, 201)
    script = [*found(), ("listen 0", HERE), (REGISTERED[0], wrong), (REGISTERED[0], made), *CODE]
    session = play(login(plan()), script, asked)
    documents = [json.loads(each.document) for each in asked if getattr(each, "document", None)]
    assert [each["token_endpoint_auth_method"] for each in documents] == ["none", "client_secret_post"]
    assert session.client.auth_method == "client_secret_post"


def test_a_configured_method_is_what_is_registered_and_an_earlier_registration_by_another_is_not_used():
    asked, earlier = [], Client(issuer="https://as.example", id="old", redirect_uri=HERE)
    spoken = RegistrationSettings(auth_method="client_secret_basic_raw")
    made = answer({"client_id": "new", "client_secret": "a/b", "token_endpoint_auth_method": "client_secret_basic"})
    script = [*found(), ("listen 0", HERE), (REGISTERED[0], made), *CODE]
    session = play(login(plan(registration=spoken, clients={earlier.issuer: earlier})), script, asked)
    documents = [json.loads(each.document) for each in asked if getattr(each, "document", None)]
    assert documents[0]["token_endpoint_auth_method"] == "client_secret_basic"
    assert (shown(asked[-1])[0], session.client.auth_method) == ("new:a/b", "client_secret_basic_raw")


def kept(**more):
    client = configured(auth_method="client_secret_basic", **more)
    return Session(
        resource="https://mcp.example/mcp",
        issuer="https://as.example",
        token_endpoint="https://as.example/token",
        revocation_endpoint="https://as.example/revoke",
        client=client,
        access=Secret("AT"),
        refresh=Secret("RT"),
        obtained_at=0.0,
        expires_at=10.0,
    )


@pytest.mark.parametrize("refused", [NO_CLIENT, answer({"error": "invalid_grant"}, 400)])
def test_a_refresh_token_is_presented_once_by_the_method_that_brought_it(refused):
    asked = []
    with pytest.raises((OAuthRefused, GrantEnded)):
        play(refresh(kept()), [(TOKEN, refused)], asked)
    assert shown(asked[0]) == (ENCODED, None, None)


def test_a_revocation_that_wants_a_secret_of_a_client_without_one_gets_an_empty_one():
    asked, public = [], msgspec.structs.replace(kept(), client=Client(issuer="https://as.example", id="c"))
    wants = answer({"error": "invalid_request", "error_description": "client_secret: Field required"}, 400)
    play(revoke(public), [(REVOKE, wants), (REVOKE, answer(b"", at=20.0))], asked)
    assert [shown(each) for each in asked] == [("", "c", None), ("", "c", "")]


def test_a_record_of_an_earlier_version_still_loads():
    record = msgspec.json.decode(dump(kept().client))
    del record["other_methods"]
    assert load_client(msgspec.json.encode(record).decode()) == kept().client


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)
ANSWERS = st.sampled_from(
    [
        NO_CLIENT,
        answer({"error": "invalid_grant"}, 400),
        answer({}, 500),
        answer(b"", 401),
        answer({"access_token": "A"}),
    ]
)


@given(
    st.builds(configured, id=TEXT, secret=TEXT.map(Secret), registered=st.booleans(), auth_method=st.just("none")),
    st.lists(st.sampled_from(("none", "client_secret_post", "client_secret_basic", "x")), max_size=3).map(tuple),
    st.lists(ANSWERS, min_size=6),
)
def test_no_method_is_ever_used_twice_and_what_is_remembered_has_none_to_try(client, advertised, answers):
    applicant = ClientAuthentication(with_other_methods(client, advertised))
    seen = []
    for each in answers:
        headers, form = play(applicant.authenticate({"grant_type": "x"}), [])
        seen.append((plain(headers), plain(form)))
        if not applicant.learn(each):
            break
    assert all(first != second for index, first in enumerate(seen) for second in seen[:index])
    assert len(seen) <= 5
    assert applicant.client.other_methods == ()
    assert (applicant.client.id, applicant.client.secret) == (client.id, client.secret)


@pytest.mark.parametrize(("advertised", "public"), [(("private_key_jwt",), True), (("none",), False)])
def test_a_server_that_accepts_none_of_our_ways_is_refused_with_their_names(advertised, public):
    with pytest.raises(TheirProtocolError, match="no authentication method") as raised:
        choose_method(advertised, public=public)
    assert "client_secret_basic" in raised.value.hint


ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(ANY, ANY)
def test_basic_authentication_encodes_both_halves_so_that_they_can_always_be_told_apart(identifier, secret):
    known = client(id=identifier, secret=Secret(secret), auth_method="client_secret_basic")
    headers, form = play(authenticate(known, {"grant_type": "x"}), [])
    scheme, _, pair = headers["authorization"].reveal().partition(" ")
    user, _, password = base64.b64decode(pair).decode("ascii").partition(":")
    assert (scheme, unquote_plus(user), unquote_plus(password)) == ("Basic", identifier, secret)
    assert form == {"grant_type": "x"}


def test_post_authentication_and_public_clients_say_who_they_are_in_the_form():
    with_secret = client(secret=Secret("s:/?"), auth_method="client_secret_post")
    headers, form = play(authenticate(with_secret, {"a": "b"}), [])
    assert (headers, plain(form)) == ({}, {"a": "b", "client_id": "abc", "client_secret": "s:/?"})
    headers, form = play(authenticate(client(), {"a": "b"}), [])
    assert (headers, plain(form)) == ({}, {"a": "b", "client_id": "abc"})


def test_the_secret_of_an_authentication_prints_nowhere():
    for method in ("client_secret_basic", "client_secret_post"):
        assert "hunter2" not in repr(play(authenticate(client(secret=Secret("hunter2"), auth_method=method), {}), []))
