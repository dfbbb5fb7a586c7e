"""The credential that would be presented now: read where it is kept, never renewed, and never replaced."""

from functools import partial

import anyio
import pytest
from commanding import context_of, store_of
from stored_login import BROWSER, URL, log_in

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.credentials.base import Refusal, Target
from mcp_auth_bridge.doctor.credential.held import OrganisationOnly, hold
from mcp_auth_bridge.doctor.here.store_look import StoreLook, look
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.errors import CredentialMissing, LoginRequired, StoreError
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

TARGET = Target("POST", gate(URL, Purpose.SERVER))
BEARER = '{ kind = "bearer", token = "env:TOKEN" }'


def held(context, seen=None):
    """The credential of the server `acme`; `seen` is the store, in place of the real one."""
    bridge = Bridge(context.config.profiles["acme"], context)

    async def given():
        return seen

    return anyio.run(hold, bridge, given if seen is not None else partial(look, Subject(context, bridge)))


def revealed(found):
    return {name: value.reveal() for name, value in found.headers.items()}


def refused(found):
    """What the credentials do once they were refused."""
    return anyio.run(found.credentials.headers, TARGET, Refusal(401, None, revealed(found), again=True))


def test_a_configured_token_is_read_with_the_headers_of_the_organisation(tmp_path):
    context = context_of(tmp_path, URL, BEARER, {"TOKEN": "canary"}, 'headers = { "X-Org" = "7" }')
    found = held(context)
    assert revealed(found) == {"authorization": "Bearer canary", "x-org": "7"}
    assert (found.token.reveal(), found.session, found.error) == ("canary", None, None)


def test_a_configured_token_that_is_missing_is_the_error(tmp_path):
    found = held(context_of(tmp_path, URL, BEARER))
    assert isinstance(found.error, CredentialMissing)
    assert (revealed(found), found.token) == ({}, None)


def test_where_none_is_configured_only_the_headers_of_the_organisation_are_presented(tmp_path):
    found = held(context_of(tmp_path, URL, more='headers = { "X-Org" = "7" }'))
    assert (revealed(found), found.token, found.error) == ({"x-org": "7"}, None, None)
    with pytest.raises(LoginRequired):
        refused(found)


def test_a_login_is_presented_with_its_headers_and_never_replaced(tmp_path):
    context = context_of(tmp_path, URL, BROWSER)
    log_in(context, "acme", headers={"X-Org": Secret("7")})
    before = store_of(context).load(Bridge(context.config.profiles["acme"], context).record)
    found = held(context)
    assert revealed(found) == {"authorization": "Bearer AT", "x-org": "7"}
    with pytest.raises(LoginRequired):
        refused(found)
    assert store_of(context).load(Bridge(context.config.profiles["acme"], context).record) == before


@pytest.mark.parametrize("more", [{"expires_at": 1.0}, {"ended": "invalid_grant"}])
def test_a_login_that_cannot_be_presented_now_is_shown_and_not_renewed(tmp_path, more):
    context = context_of(tmp_path, URL, BROWSER)
    log_in(context, "acme", **more)
    found = held(context)
    assert (revealed(found), found.session.refresh.reveal()) == ({}, "RT")
    assert isinstance(found.error, LoginRequired)


def test_without_a_login_there_is_nothing_to_present(tmp_path):
    found = held(context_of(tmp_path, URL, BROWSER))
    assert (found.session, revealed(found)) == (None, {})
    assert isinstance(found.error, LoginRequired)


def test_a_store_that_is_closed_is_the_error(tmp_path):
    closed, context = StoreError("the keyring is locked"), context_of(tmp_path, URL, BROWSER)
    log_in(context, "acme")
    assert held(context, StoreLook(error=closed)).error is closed


def test_a_stranger_presents_nothing_and_gives_up_at_the_first_refusal():
    async def story():
        assert await OrganisationOnly().headers(TARGET) == {}
        with pytest.raises(LoginRequired):
            await OrganisationOnly().headers(TARGET, Refusal(401, None, {}))

    anyio.run(story)
