"""The demo's authorization server: first the decisions of `Grants`, by script; then its HTTP side, without a socket."""

import asyncio
import base64
import hashlib
import itertools
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.demo.authorization_server import authorization_server
from mcp_auth_bridge.demo.grants import CODE_LIFETIME, Grants
from mcp_auth_bridge.errors import OAuthRefused
from mcp_auth_bridge.secret import Secret

ISSUER = "http://127.0.0.1:4711"
RESOURCE = f"{ISSUER}/mcp"
REDIRECT = "http://127.0.0.1:5000/callback"
VERIFIER = "a-verifier-of-forty-three-characters-or-more-1234"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
REGISTRATION = {
    "client_name": "a client",
    "redirect_uris": [REDIRECT],
    "grant_types": ["authorization_code", "refresh_token"],
}


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


def counting(start=0):
    """Entropy that is the same in every history: the nth value is n."""
    numbers = itertools.count(start)
    return lambda size: next(numbers).to_bytes(size, "big")


class Story:
    """One client and its requests to one authorization server."""

    def __init__(self, **registration):
        self.clock = Clock()
        self.grants = Grants(ISSUER, RESOURCE, self.clock, counting(), lifetime=5)
        self.client = self.grants.register(REGISTRATION | registration)

    def parameters(self, **changes):
        wanted = {
            "client_id": self.client.id,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "resource": RESOURCE,
            "scope": "tools offline_access",
            "state": "a state",
        } | changes
        return {name: value for name, value in wanted.items() if value is not None}

    def ask(self, **changes):
        parameters = self.parameters(**changes)
        return self.grants.open_request(self.grants.find_client(parameters), parameters)[0]

    def code(self, **changes):
        location = self.grants.decide(self.ask(**changes), allowed=True)
        return parse_qs(urlsplit(location).query)["code"][0]

    def redeem(self, code, **changes):
        form = {
            "client_id": self.client.id,
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": VERIFIER,
            "redirect_uri": REDIRECT,
            "resource": RESOURCE,
        } | changes
        return self.grants.issue_tokens({name: value for name, value in form.items() if value is not None})

    def login(self, **changes):
        return self.redeem(self.code(**changes))

    def refresh(self, token, **changes):
        form = {
            "client_id": self.client.id,
            "grant_type": "refresh_token",
            "refresh_token": token.reveal(),
            "resource": RESOURCE,
        } | changes
        return self.grants.issue_tokens({name: value for name, value in form.items() if value is not None})


def refusal(function, *arguments, **changes):
    with pytest.raises(OAuthRefused) as caught:
        function(*arguments, **changes)
    return caught.value.error


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


# HTTP


def browse(story, *requests):
    """Send (method, path, options) one after the other and return the responses; redirects are not followed."""

    async def all_of_them():
        transport = httpx2.ASGITransport(authorization_server(story.grants))
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
            return [await client.request(method, path, **options) for method, path, options in requests]

    return asyncio.run(all_of_them())


def get(story, path, **options):
    return browse(story, ("GET", path, options))[0]


def post(story, path, **options):
    return browse(story, ("POST", path, options))[0]


def test_the_metadata_describe_the_server_correctly():
    document = get(Story(), "/.well-known/oauth-authorization-server").json()
    assert document["issuer"] == ISSUER
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["token_endpoint_auth_methods_supported"] == ["none"]
    assert "offline_access" in document["scopes_supported"]


def test_a_registration_is_answered_with_201_and_the_registered_client():
    response = post(Story(), "/register", json=REGISTRATION)
    assert response.status_code == 201
    assert response.json()["redirect_uris"] == [REDIRECT]
    assert response.json()["token_endpoint_auth_method"] == "none"


def test_a_registration_that_is_not_a_json_object_is_refused():
    for body in (b"", b"[]", b"\xff"):
        response = post(Story(), "/register", content=body)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.parametrize(
    "changes", [{"client_id": "nobody"}, {"redirect_uri": "https://elsewhere.example/"}, {"redirect_uri": None}]
)
def test_a_request_with_a_foreign_redirect_uri_never_redirects(changes):
    story = Story()
    response = get(story, "/authorize", params=story.parameters(**changes))
    assert response.status_code == 400
    assert "location" not in response.headers
    assert "refused" in response.text


def test_a_parameter_that_comes_twice_never_redirects():
    story = Story()
    twice = [*story.parameters().items(), ("redirect_uri", REDIRECT)]
    assert get(story, "/authorize", params=twice).status_code == 400


def test_any_other_fault_is_redirected_to_the_client():
    story = Story()
    response = get(story, "/authorize", params=story.parameters(code_challenge=None))
    answer = dict(parse_qsl(urlsplit(response.headers["location"]).query))
    assert response.status_code == 303
    assert (answer["error"], answer["state"], answer["iss"]) == ("invalid_request", "a state", ISSUER)


def test_the_consent_page_loads_and_runs_nothing_and_escapes_the_clients_name():
    story = Story(client_name="<script>alert(1)</script>")
    response = get(story, "/authorize", params=story.parameters())
    policy = response.headers["content-security-policy"]
    assert "<script" not in response.text
    assert "&lt;script&gt;" in response.text
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:5000;" in policy
    assert response.headers["cache-control"] == "no-store"


def test_allow_sends_the_browser_to_the_client_with_a_code():
    story = Story()
    response = post(story, "/consent", data={"ticket": story.ask(), "decision": "allow"})
    assert response.status_code == 303
    assert set(parse_qs(urlsplit(response.headers["location"]).query)) == {"code", "state", "iss"}


def test_a_consent_without_a_ticket_never_redirects():
    response = post(Story(), "/consent", data={"ticket": "made up", "decision": "allow"})
    assert response.status_code == 400
    assert "location" not in response.headers


def token_form(story):
    return {
        "client_id": story.client.id,
        "grant_type": "authorization_code",
        "code": story.code(),
        "code_verifier": VERIFIER,
        "redirect_uri": REDIRECT,
        "resource": RESOURCE,
    }


def test_the_token_endpoint_answers_as_rfc_6749_requires_and_forbids_caching():
    story = Story()
    response = post(story, "/token", data=token_form(story))
    tokens = response.json()
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 5, "tools offline_access")
    assert story.grants.access(Secret(tokens["access_token"]))
    assert tokens["refresh_token"]
    assert response.headers["cache-control"] == "no-store"


def test_a_refused_token_request_is_a_400_with_the_error_in_json():
    story = Story()
    response = post(story, "/token", data=token_form(story) | {"code": "another"})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert response.headers["cache-control"] == "no-store"


def test_an_unknown_client_is_a_401_with_a_challenge():
    response = post(Story(), "/token", data={"client_id": "nobody"})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert response.headers["www-authenticate"].startswith("Basic")


def test_a_token_request_in_json_is_refused():
    story = Story()
    response = post(story, "/token", json=token_form(story))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_a_revocation_is_answered_with_200_and_an_empty_body():
    story = Story()
    tokens = story.login()
    response = post(story, "/revoke", data={"client_id": story.client.id, "token": tokens.refresh.reveal()})
    assert (response.status_code, response.content) == (200, b"")
    assert story.grants.access(tokens.access) is None
