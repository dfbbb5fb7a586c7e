"""The decisions of the demo's authorization server: what a request gets, and what ends a family of tokens."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from demo_story import ISSUER, REDIRECT, REGISTRATION, Story, refusal
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.demo.grants import CODE_LIFETIME
from mcp_auth_bridge.errors import OAuthRefused


def test_a_login_gets_tokens_that_work_until_they_expire():
    story = Story()
    tokens = story.login()
    assert story.grants.access(tokens.access).scope == "tools offline_access"
    story.clock.now += tokens.expires_in
    assert story.grants.access(tokens.access) is None


def test_a_refresh_gets_new_tokens_and_is_counted():
    story = Story()
    first = story.login()
    second = story.refresh(first.refresh)
    assert second.access != first.access
    assert second.refresh != first.refresh
    assert story.grants.access(second.access)
    assert story.grants.refreshes == 1


def test_a_refresh_may_narrow_the_scope_and_never_widens_it():
    story = Story()
    tokens = story.login()
    assert refusal(story.refresh, tokens.refresh, scope="tools everything") == "invalid_scope"
    narrow = story.refresh(tokens.refresh, scope="tools")
    assert story.grants.access(narrow.access).scope == "tools"


def test_a_wrong_code_verifier_is_refused_and_the_code_stays_valid_for_its_owner():
    story = Story()
    code = story.code()
    assert refusal(story.redeem, code, code_verifier="x" * 43) == "invalid_grant"
    assert story.redeem(code).access


def test_a_code_works_once_and_its_reuse_revokes_the_tokens_it_yielded():
    story = Story()
    code = story.code()
    tokens = story.redeem(code)
    assert refusal(story.redeem, code) == "invalid_grant"
    assert story.grants.access(tokens.access) is None
    assert refusal(story.refresh, tokens.refresh) == "invalid_grant"


def test_a_code_expires():
    story = Story()
    code = story.code()
    story.clock.now += CODE_LIFETIME
    assert refusal(story.redeem, code) == "invalid_grant"


def test_a_code_is_bound_to_its_client_and_its_redirect_uri():
    story = Story()
    code = story.code()
    other = story.grants.register(REGISTRATION)
    assert refusal(story.redeem, code, client_id=other.id) == "invalid_grant"
    assert refusal(story.redeem, code, redirect_uri="http://127.0.0.1:5001/callback") == "invalid_grant"


def test_the_second_use_of_a_refresh_token_revokes_the_family():
    story = Story()
    first = story.login()
    second = story.refresh(first.refresh)
    assert refusal(story.refresh, first.refresh) == "invalid_grant"
    assert refusal(story.refresh, second.refresh) == "invalid_grant"
    assert story.grants.access(second.access) is None


def test_a_refresh_token_is_bound_to_its_client():
    story = Story()
    tokens = story.login()
    other = story.grants.register(REGISTRATION)
    assert refusal(story.refresh, tokens.refresh, client_id=other.id) == "invalid_grant"
    assert story.refresh(tokens.refresh).access


def test_families_do_not_affect_each_other():
    story = Story()
    one, two = story.login(), story.login()
    story.refresh(one.refresh)
    refusal(story.refresh, one.refresh)
    assert story.refresh(two.refresh).access


def test_without_offline_access_there_is_no_refresh_token():
    assert Story().login(scope="tools").refresh is None


def test_a_client_that_did_not_register_for_refreshing_may_not_refresh():
    story = Story(grant_types=["authorization_code"])
    assert refusal(story.refresh, story.login().refresh) == "unauthorized_client"


@pytest.mark.parametrize("resource", ["https://elsewhere.example/mcp", None])
def test_a_wrong_or_missing_resource_is_an_invalid_target_everywhere(resource):
    story = Story()
    tokens = story.login()
    assert refusal(story.ask, resource=resource) == "invalid_target"
    assert refusal(story.redeem, story.code(), resource=resource) == "invalid_target"
    assert refusal(story.refresh, tokens.refresh, resource=resource) == "invalid_target"
    assert story.refresh(tokens.refresh).access


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"scope": "tools everything"}, "invalid_scope"),
    ],
)
def test_a_faulty_authorization_request_is_refused_with_the_matching_error_code(changes, error):
    assert refusal(Story().ask, **changes) == error


@pytest.mark.parametrize(
    ("form", "error", "status"),
    [
        ({"grant_type": "authorization_code"}, "invalid_client", 401),
        ({"client_id": "nobody", "grant_type": "authorization_code"}, "invalid_client", 401),
        ({"client_id": "known"}, "invalid_request", 400),
        ({"client_id": "known", "grant_type": "password"}, "unsupported_grant_type", 400),
        ({"client_id": "known", "grant_type": "authorization_code"}, "invalid_request", 400),
        ({"client_id": "known", "grant_type": "authorization_code", "code": "x"}, "invalid_request", 400),
        ({"client_id": "known", "grant_type": "refresh_token"}, "invalid_request", 400),
        ({"client_id": "known", "grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant", 400),
    ],
)
def test_a_faulty_token_request_is_refused_with_the_matching_error_code(form, error, status):
    story = Story()
    known = {name: story.client.id if value == "known" else value for name, value in form.items()}
    with pytest.raises(OAuthRefused) as caught:
        story.grants.issue_tokens(known)
    assert (caught.value.error, caught.value.status) == (error, status)


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": "http://127.0.0.1:5000/callback"}, "invalid_redirect_uri"),
        ({"redirect_uris": [5]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://elsewhere.example/callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": [REDIRECT + "#fragment"]}, "invalid_redirect_uri"),
        ({"redirect_uris": [REDIRECT], "grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"redirect_uris": [REDIRECT], "grant_types": "authorization_code"}, "invalid_client_metadata"),
    ],
)
def test_a_faulty_registration_is_refused_with_the_matching_error_code(document, error):
    assert refusal(Story().grants.register, document) == error


def test_a_consent_is_answered_once():
    story = Story()
    ticket = story.ask()
    story.grants.decide(ticket, allowed=True)
    assert refusal(story.grants.decide, ticket, allowed=True) == "invalid_request"


def test_a_denied_consent_returns_to_the_client_with_state_and_issuer():
    story = Story()
    location = story.grants.decide(story.ask(), allowed=False)
    answer = dict(parse_qsl(urlsplit(location).query))
    assert location.startswith(REDIRECT)
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "a state", ISSUER)
    assert "code" not in answer


def test_revoking_a_refresh_token_revokes_its_family():
    story = Story()
    tokens = story.login()
    story.grants.revoke({"client_id": story.client.id, "token": tokens.refresh.reveal()})
    assert story.grants.access(tokens.access) is None
    assert refusal(story.refresh, tokens.refresh) == "invalid_grant"


def test_revoking_an_access_token_keeps_the_refresh_token():
    story = Story()
    tokens = story.login()
    story.grants.revoke({"client_id": story.client.id, "token": tokens.access.reveal()})
    assert story.grants.access(tokens.access) is None
    assert story.refresh(tokens.refresh).access


def test_revoking_an_unknown_token_succeeds_and_another_clients_token_fails():
    story = Story()
    tokens = story.login()
    other = story.grants.register(REGISTRATION)
    story.grants.revoke({"client_id": story.client.id, "token": "nothing"})
    assert refusal(story.grants.revoke, {"client_id": other.id, "token": tokens.refresh.reveal()}) == "invalid_grant"
    assert refusal(story.grants.revoke, {"client_id": "nobody", "token": "nothing"}) == "invalid_client"
    assert story.refresh(tokens.refresh).access


def after(history):
    """The family after `history`, a list of indexes into the refresh tokens issued so far, which are used in turn."""
    story = Story()
    issued = [story.login().refresh]
    for step in history:
        try:
            issued.append(story.refresh(issued[step % len(issued)]).refresh)
        except OAuthRefused:
            break
    return story, issued


def works(history, index):
    story, issued = after(history)
    try:
        story.refresh(issued[index])
    except OAuthRefused:
        return False
    return True


@given(st.lists(st.integers(0, 5), max_size=6))
def test_a_family_never_has_more_than_one_valid_refresh_token(history):
    """Each token is tried at a fresh server (the entropy is the same), because a try changes the state."""
    count = len(after(history)[1])
    assert sum(works(history, index) for index in range(count)) <= 1
