"""The end of a registration (RFC 7592)."""

import pytest
from playing import answer, play
from registration_flow import client, managed

from mcp_auth_bridge.errors import (
    ProtocolError,
    TheirProtocolError,
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.registration_management import read_registration, unregister

DELETE = "DELETE https://as.example/register/abc"


@pytest.mark.parametrize(
    ("status", "gone"), [(204, True), (200, True), (401, True), (404, True), (405, False), (501, False)]
)
def test_a_registration_is_deleted_with_its_own_token_and_nothing_else(status, gone):
    asked = []
    assert play(unregister(managed()), [(DELETE, answer(b"", status))], asked) is gone
    assert {name: value.reveal() for name, value in asked[0].headers.items()} == {"authorization": "Bearer RAT-hunter2"}
    assert (asked[0].form, asked[0].document) == (None, None)


def test_a_registration_without_a_management_token_is_left_alone():
    assert play(unregister(client()), []) is False


@pytest.mark.parametrize("status", [302, 400, 403, 500])
def test_a_refused_deletion_is_an_error(status):
    with pytest.raises(UpstreamFailed, match="to delete the registration"):
        play(unregister(managed()), [(DELETE, answer(b"", status))])


READ = "GET https://as.example/register/abc"


def test_a_registration_is_read_with_its_own_token_and_a_new_one_replaces_it():
    assert play(read_registration(managed()), [(READ, answer({"client_id": "abc"}))]) == managed()
    renewed = answer({"client_id": "abc", "registration_access_token": "RAT-new"})
    assert play(read_registration(managed()), [(READ, renewed)]).management_token.reveal() == "RAT-new"
    odd = answer({"client_id": "abc", "registration_access_token": "RAT new\r\n"})
    assert play(read_registration(managed()), [(READ, odd)]) == managed()


@pytest.mark.parametrize("gone", [answer(b"", 401), answer(b"", 404), answer({"error": "access_denied"}, 400)])
def test_a_registration_that_is_gone_is_none(gone):
    assert play(read_registration(managed()), [(READ, gone)]) is None


@pytest.mark.parametrize("answered", [answer(b"", 500), answer({"error": "invalid_token"}, 403)])
def test_a_registration_that_cannot_be_read_is_an_error(answered):
    with pytest.raises(ProtocolError, match="to show the registration"):
        play(read_registration(managed()), [(READ, answered)])


def test_the_registration_of_another_client_is_not_ours():
    with pytest.raises(TheirProtocolError, match="another client"):
        play(read_registration(managed()), [(READ, answer({"client_id": "other"}))])
