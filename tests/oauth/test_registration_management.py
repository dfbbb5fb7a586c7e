"""The end of a registration (RFC 7592)."""

import pytest
from playing import answer, play
from registration_flow import client, managed

from mcp_auth_bridge.errors import (
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.registration_management import unregister

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
