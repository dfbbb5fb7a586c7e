"""A login in words, for the user: after `login`, and in `status`."""

from datetime import UTC, datetime

from mcp_auth_bridge.errors import quoted
from mcp_auth_bridge.oauth.claims import is_account
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.oauth.time_words import span


def describe_validity(session: Session, now: float) -> str:
    """How long the login lasts, and the reason if it is not renewed. `now` is Unix time in seconds."""
    at = session.expires_at
    if at is None:
        until = "valid until the server refuses it"
    elif session.expired(now):
        ended = f"its access token expired {span(now - at)} ago ({format_time(at, now)})"
        return f"{ended}, and the next use renews it" if session.renewable else f"{ended}; {_why_it_ends(session)}"
    else:
        until = f"valid for {span(at - now)} (until {format_time(at, now)})"
    return (
        f"{until}, renewed automatically" if session.renewable else f"{until}; {_why_it_ends(session)}, so it ends then"
    )


def format_time(at: float, now: float) -> str:
    """The moment `at` in local time with its zone, and with its date unless that is today's; both in Unix seconds."""
    local, today = _local(at), _local(now).date()
    date = "" if local.date() == today else f"{local:%Y-%m-%d} "
    return f"{date}{local:%H:%M} {_zone(local)}"


def describe_time_zone(now: float) -> str:
    """The local time zone at `now` (Unix seconds): its abbreviation may have several meanings."""
    local = _local(now)
    zone, offset = _zone(local), _offset(local)
    return zone if zone == offset else f"{zone} ({offset})"


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone()


def _zone(local: datetime) -> str:
    """The zone's abbreviation, or its offset where it has none: Windows knows only long names."""
    name = local.tzname() or ""
    return name if name.isascii() and name.isalpha() else _offset(local)


def _offset(local: datetime) -> str:
    offset = f"{local:%z}"
    return "UTC" if offset == "+0000" else f"UTC{offset[:3]}:{offset[3:5]}"


def describe_scopes(session: Session) -> str:
    """The scopes of the login, and how they differ from those that it asked for."""
    parts = [f"scopes {quoted(session.scope)}" if session.scope else "no scopes named by the server"]
    if missing := missing_scopes(session):
        parts.append(f"asked for, but not granted: {quoted(' '.join(missing))}")
    if more := unrequested_scopes(session):
        parts.append(f"granted without being asked for: {quoted(' '.join(more))}")
    return "; ".join(parts)


def describe_headers(session: Session) -> str:
    """The names of the headers that are stored with the login, "" for none."""
    return f"headers kept with the login: {', '.join(session.headers)}" if session.headers else ""


def missing_scopes(session: Session) -> tuple[str, ...]:
    """The scopes that were asked for and not granted. A refresh token grants `offline_access`, named or not."""
    got = {*session.scope.split(), *(["offline_access"] if session.refresh else [])}
    return tuple(scope for scope in session.asked.split() if scope not in got)


def unrequested_scopes(session: Session) -> tuple[str, ...]:
    """The scopes that were granted without a request. A login that asked for none left the choice to the server."""
    asked = session.asked.split()
    return tuple(scope for scope in session.scope.split() if scope not in asked) if asked else ()


def account_doubt(session: Session, expected: str) -> str:
    """A sentence for a login that may be of another account than `expected` ("" for any); "" if there is no doubt."""
    matches = is_account(expected, session.names) if expected else True
    if matches is None:
        named = (
            f"the token names only {quoted(session.names[0], 80)}" if session.names else "the token names no account"
        )
        return f"couldn't verify that this is {quoted(expected)}: {named}"
    return "" if matches else f"the profile expects {quoted(expected)}: log in again"


def _why_it_ends(session: Session) -> str:
    if "offline_access" not in session.asked.split():
        return "the server gave no refresh token, and it offers no offline_access"
    if "offline_access" in session.scope.split():
        return "the server granted offline_access, but gave no refresh token"
    return "the server did not grant offline_access, and gave no refresh token"
