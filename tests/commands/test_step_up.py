"""What a login leaves behind when the authorization server does not know a scope that it was to add."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import msgspec

from mcp_auth_bridge.commands.step_up import give_up, last_session, obtained_scopes, scopes_to_add
from mcp_auth_bridge.config.auth import digest
from mcp_auth_bridge.config.login import BrowserSettings
from mcp_auth_bridge.credentials.diagnosis import LoginDiagnosis
from mcp_auth_bridge.errors import AccessDenied
from mcp_auth_bridge.oauth.session import Client, Session, dump, load_session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.stores.base import Record
from mcp_auth_bridge.stores.memory import MemoryStore

CLIENT = Client(issuer="https://as.example", id="c")


class Locked:
    """The part of a bridge that `give_up` uses: a record, and a lock around its refresh."""

    record = "session acme https://mcp.example"

    def __init__(self, auth):
        self.held, self.profile = 0, SimpleNamespace(auth=auth)

    @asynccontextmanager
    async def refresh_lock(self):
        self.held += 1
        yield


AUTH = BrowserSettings(scopes=("read",))
TODAY = LoginDiagnosis("acme", "login", digest(AUTH))


def given_up(**more):
    """The session that is stored after `give_up`, and how often the refresh lock was taken for it."""
    session = Session(
        resource="r",
        issuer=CLIENT.issuer,
        token_endpoint="t",
        client=CLIENT,
        access=Secret("AT"),
        refresh=Secret("RT"),
        obtained_at=0.0,
        **more,
    )
    store, bridge = MemoryStore(), Locked(AUTH)
    store.save(bridge.record, dump(session), None)
    asyncio.run(give_up(bridge, store))
    return load_session(store.load(bridge.record).secret), bridge.held


def test_an_unknown_scope_is_not_asked_for_again_by_the_next_login_or_the_next_call():
    session, held = given_up(scope="read", wanted="nonsense", denied="other", settings=digest(AUTH))
    assert (session.wanted, session.denied, session.refresh, held) == ("", "nonsense other", Secret("RT"), 1)
    assert isinstance(TODAY.denied_scope_error(session, "nonsense"), AccessDenied)
    assert TODAY.denied_scope_error(session, "write") is None


def test_a_denied_scope_is_forgotten_when_the_configuration_changes():
    session, _ = given_up(scope="read", wanted="write", denied="other")
    assert session.denied == "write"  # a refusal under other settings does not count any more
    changed = LoginDiagnosis("acme", "login", digest(BrowserSettings(scopes=("read", "write"))))
    assert isinstance(TODAY.denied_scope_error(session, "write"), AccessDenied)
    assert changed.denied_scope_error(session, "write") is None
    assert isinstance(changed.denied_scope_error(session, "read"), AccessDenied)  # it has that one


def test_a_scope_that_a_step_up_has_brought_is_not_called_denied_with_the_one_that_it_did_not():
    session, _ = given_up(scope="read write", wanted="admin write")
    assert session.denied == "admin"


def last(**more):
    """The session before a login, stored with these attributes, as the login sees it."""
    session, _ = given_up(**more)
    kept = msgspec.structs.replace(session, **more)
    return last_session(Record(1, dump(kept)), digest(AUTH))


def test_what_a_step_up_has_brought_is_asked_for_again_by_each_login_until_the_configuration_changes():
    brought = obtained_scopes(last(scope="read", wanted="write admin", settings=digest(AUTH)), last(scope="read write"))
    assert brought == "write"
    before = last(scope="read write", wanted=brought, settings=digest(AUTH))
    assert scopes_to_add(before) == ("read", "write")
    assert scopes_to_add(last(scope="read write", wanted=brought, settings="other")) == ()
    assert scopes_to_add(last(scope="read write", wanted="admin write", settings="other")) == ("read", "write", "admin")
    assert obtained_scopes(None, before) == ""


def test_a_login_forgets_what_was_denied_under_other_settings():
    assert last(scope="read", denied="offline_access", settings=digest(AUTH)).denied == "offline_access"
    assert last(scope="read", denied="offline_access", settings="").denied == ""


def test_a_login_that_was_to_add_nothing_changes_nothing():
    session, _ = given_up(scope="read")
    assert (session.wanted, session.denied) == ("", "")
