"""How a login obtains the scopes that the one before it lacked (the MCP specification's step-up authorization).

`Session.wanted` are the scopes that the MCP server asked for and the session lacked. `Session.denied` are those that
cannot be had.
"""

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.commands.stored_logins import readable_record, session_in
from mcp_auth_bridge.config.auth import digest
from mcp_auth_bridge.oauth.scopes import limit_scopes, merge_scopes
from mcp_auth_bridge.oauth.session import Session, dump
from mcp_auth_bridge.stores.base import Record, Store


def last_session(record: Record | None, settings: str) -> Session | None:
    """The session before this login.

    If it was made under other `settings`, nothing counts as denied, and only the scopes that it lacks as wanted.
    """
    last = session_in(record)
    if last is None or last.settings == settings:
        return last
    return msgspec.structs.replace(last, wanted=" ".join(_missing(last)), denied="")


def _missing(session: Session) -> list[str]:
    """The scopes that the MCP server asked for and `session` lacks."""
    had = session.scope.split()
    return [scope for scope in session.wanted.split() if scope not in had]


def scopes_to_add(last: Session | None) -> tuple[str, ...]:
    """The scopes of the `last` session and those that it lacked, () if it lacked none."""
    if last is None or not last.wanted:
        return ()
    fitted = limit_scopes((*last.wanted.split(), *last.scope.split()))  # those that it lacked come first
    return tuple(scope for scope in dict.fromkeys((*last.scope.split(), *last.wanted.split())) if scope in fitted)


def obtained_scopes(last: Session | None, session: Session) -> str:
    """The scopes that `session` has because the MCP server asked for them. The next login must not lose them again."""
    wanted = last.wanted.split() if last is not None else []
    return " ".join(scope for scope in wanted if scope in session.scope.split())


async def give_up(bridge: Bridge, store: Store) -> None:
    """Let the next login go without the scopes that this one was to add: the authorization server refused them."""
    async with bridge.refresh_lock():
        record = readable_record(store, bridge.record)
        session = session_in(record)
        if record is not None and session is not None and session.wanted:
            settings = digest(bridge.profile.auth)
            denied = merge_scopes(_missing(session), session.denied if session.settings == settings else "")
            session = msgspec.structs.replace(session, wanted="", denied=denied, settings=settings)
            store.save(bridge.record, dump(session), record.generation)
