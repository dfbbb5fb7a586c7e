"""A login in words: for the person who has just made it, and for whoever asks about it later."""

from datetime import UTC, datetime

from mcp_auth_bridge.errors import quoted
from mcp_auth_bridge.oauth.claims import is_account
from mcp_auth_bridge.oauth.session import Session


def describe_validity(session: Session, now: float) -> str:
    """How long the login lasts, and if it is not renewed, why not. `now` is Unix seconds."""
    if session.expires_at is None:
        until = "valid until the server refuses it"
    elif session.expired(now):
        ended = f"its access token expired at {format_time(session.expires_at)}"
        return f"{ended}, and the next use renews it" if session.renewable else f"{ended}; {_why_it_ends(session)}"
    else:
        until = f"valid until {format_time(session.expires_at)}"
    return f"{until}, renewed by itself" if session.renewable else f"{until}; {_why_it_ends(session)}, so it ends then"


def format_time(at: float) -> str:
    """Unix seconds as local time, which says how far from UTC it is."""
    local = datetime.fromtimestamp(at, UTC).astimezone()
    offset = f"{local:%z}"
    zone = "" if offset == "+0000" else f"{offset[:3]}:{offset[3:5]}"
    return f"{local:%Y-%m-%d %H:%M} UTC{zone}"


def describe_scopes(session: Session) -> str:
    """What the login is allowed, and where that differs from what it asked for."""
    parts = [f"scopes {quoted(session.scope)}" if session.scope else "no scopes named by the server"]
    if missing := missing_scopes(session):
        parts.append(f"asked for, but not granted: {quoted(' '.join(missing))}")
    if more := unrequested_scopes(session):
        parts.append(f"granted without being asked for: {quoted(' '.join(more))}")
    return "; ".join(parts)


def describe_headers(session: Session) -> str:
    """The names of the headers that are kept with the login, "" for none."""
    return f"headers kept with the login: {', '.join(session.headers)}" if session.headers else ""


def missing_scopes(session: Session) -> tuple[str, ...]:
    """The scopes that were asked for in vain. `offline_access` is granted by its refresh token, named or not."""
    got = {*session.scope.split(), *(["offline_access"] if session.refresh else [])}
    return tuple(scope for scope in session.asked.split() if scope not in got)


def unrequested_scopes(session: Session) -> tuple[str, ...]:
    """The scopes that nobody asked for. Who asked for none left the choice to the server."""
    asked = session.asked.split()
    return tuple(scope for scope in session.scope.split() if scope not in asked) if asked else ()


def account_doubt(session: Session, expected: str) -> str:
    """What to say about the account that the profile expects, "" if it is the one, or if none is expected."""
    verdict = is_account(expected, session.names) if expected else True
    if verdict is None:
        named = (
            f"the token names only {quoted(session.names[0], 80)}" if session.names else "the token names no account"
        )
        return f"couldn't verify that this is {quoted(expected)}: {named}"
    return "" if verdict else f"the profile expects {quoted(expected)}: log in again"


def _why_it_ends(session: Session) -> str:
    if "offline_access" not in session.asked.split():
        return "the server gave no refresh token, and it offers no offline_access"
    if "offline_access" in session.scope.split():
        return "the server granted offline_access, but gave no refresh token"
    return "the server did not grant offline_access, and gave no refresh token"
