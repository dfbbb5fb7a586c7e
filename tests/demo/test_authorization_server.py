"""The HTTP side of the demo's authorization server, without a socket. Its decisions are in test_grants.py."""

import asyncio
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest
from demo_story import ISSUER, REDIRECT, REGISTRATION, RESOURCE, VERIFIER, Story

from mcp_auth_bridge.demo.authorization_server import authorization_server
from mcp_auth_bridge.secret import Secret


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
