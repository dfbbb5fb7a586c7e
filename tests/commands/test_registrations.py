"""The client registration of a login that moves."""

import pytest
from moving import ISSUER, URL

from mcp_auth_bridge.commands.registrations import is_used
from mcp_auth_bridge.oauth.session import CLIENTS, Client, dump
from mcp_auth_bridge.secret import Secret


@pytest.mark.parametrize("newest", ["c", "newer"])
@pytest.mark.parametrize("copy", [False, True])
def test_a_registration_that_both_machines_use_is_not_ended_by_either(desk, server, file, copy, newest):
    desk.serve("work")
    session = desk.log_in()
    if not copy:
        desk.log_in("work")
    key = f"{CLIENTS}{ISSUER}"
    desk.store.save(key, dump(Client(issuer=ISSUER, id=newest)), desk.store.load(key).generation)
    desk.export(file, copy=copy)
    for name in ("acme", "work"):
        record = desk.store.load(f"session {name} {URL}")
        if record is not None:
            desk.store.delete(f"session {name} {URL}", record.generation)
    assert is_used(desk.store, session.client)  # by the login that left
    server.take(file)
    assert (server.login().client.id, server.login().client.management_uri) == ("c", "")
    assert server.login().client.management_token is None


def test_a_registration_that_is_there_already_stays(desk, server, file):
    desk.log_in()
    server.serve("work")
    server.log_in("work", client=Client(issuer=ISSUER, id="there"))
    desk.export(file)
    server.take(file)
    assert (server.client.id, server.login().client.id) == ("there", "c")


def test_a_client_that_the_user_registered_moves_with_its_secret_and_is_never_ended(desk, server, file):
    own = Client(issuer=ISSUER, id="own", secret=Secret("canary-client"), registered=False)
    desk.log_in(client=own)
    desk.export(file)
    server.take(file)
    assert (server.login().client, server.client) == (own, None)
