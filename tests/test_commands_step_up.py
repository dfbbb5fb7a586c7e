"""What a login leaves behind when the authorization server does not know a scope that it was to add."""

import asyncio
from contextlib import asynccontextmanager

from mcp_auth_bridge.commands.sign_in import _without_step_up
from mcp_auth_bridge.credentials.reasons import Reasons
from mcp_auth_bridge.errors import AccessDenied
from mcp_auth_bridge.oauth.session import Client, Session, dump, load_session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.stores.memory import MemoryStore

CLIENT = Client(issuer="https://as.example", id="c")


class Locked:
    """As much of a bridge as has a record and a lock around its refresh."""

    record = "session acme https://mcp.example"

    def __init__(self):
        self.held = 0

    @asynccontextmanager
    async def lock(self):
        self.held += 1
        yield


def given_up(**more):
    """The session that is stored after `_without_step_up`, and how often the refresh lock was taken for it."""
    session = Session(
        resource="r",
        issuer=CLIENT.issuer,
        token_endpoint="t",
        client=CLIENT,
        access=Secret("AT"),
        obtained_at=0.0,
        **more,
    )
    store, bridge = MemoryStore(), Locked()
    store.save(bridge.record, dump(session), None)
    asyncio.run(_without_step_up(bridge, store))
    return load_session(store.load(bridge.record).secret), bridge.held


def test_a_scope_that_nobody_knows_is_not_asked_for_again_by_the_next_login_or_the_next_call():
    session, held = given_up(scope="read", wanted="nonsense", denied="other", refresh=Secret("RT"))
    assert (session.wanted, session.denied, session.refresh, held) == ("", "nonsense other", Secret("RT"), 1)
    assert isinstance(Reasons("acme", "login").not_to_be_had(session, "nonsense"), AccessDenied)
    assert Reasons("acme", "login").not_to_be_had(session, "write") is None


def test_a_login_that_was_to_add_nothing_changes_nothing():
    session, _ = given_up(scope="read")
    assert (session.wanted, session.denied) == ("", "")
