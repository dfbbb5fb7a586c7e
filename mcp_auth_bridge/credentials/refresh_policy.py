"""The meaning of a failed refresh for the login: temporary trouble of a server never costs a good grant.

Only `invalid_grant` ends a login at once (RFC 6749 section 5.2). A server that does not know its own client may have
lost its memory or be in the middle of a deployment, so the bridge asks twice. Any other refusal may be the page of a
firewall, or a server's own word for a dead grant: after several of them the bridge asks the user to log in, and keeps
the record.

The session holds the count, and so the store does: neither a restart nor another process starts at zero.
"""

import msgspec

from mcp_auth_bridge.errors import (
    BridgeError,
    GrantEnded,
    OAuthRefused,
    OutcomeUnknown,
    Overdue,
    Sent,
    TimedOut,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.session import Session, Strikes

_CLIENT_STRIKES = 2
_STRIKES = 5

_PAUSE = 30.0
_LONGEST_PAUSE = 3600.0
"""Seconds without a request after a refusal, doubled each time."""

_TEMPORARY = ("server_error", "slow_down", "temporarily_unavailable")
_RETRYABLE = (408, 425, 429)


def begun(session: Session) -> Session:
    """`session` as it is stored before its refresh token is presented: no response is known."""
    return msgspec.structs.replace(session, in_doubt=True)


def succeeded(session: Session) -> Session:
    """`session` after a refresh that succeeded: the strikes and the doubt are gone."""
    return msgspec.structs.replace(session, in_doubt=False, strikes=Strikes())


def failed(session: Session, error: BridgeError, now: float) -> Session:
    """`session` after a refresh that ended with `error`."""
    if isinstance(error, GrantEnded):
        return msgspec.structs.replace(session, refresh=None, ended=error.error, ended_saying=error.said)
    if is_refusal(error):
        return _with_strike(session, error, now)
    if error.sent is Sent.NO:
        return session
    return begun(session)  # the server may have rotated the token, and the new one never arrived


def is_refusal(error: BridgeError) -> bool:
    """Whether the authorization server, or a proxy before it, has made a decision: not a temporary fault."""
    if isinstance(error, OAuthRefused):
        return error.status < 500 and error.status not in _RETRYABLE and error.error not in _TEMPORARY
    return isinstance(error, UpstreamFailed) and 400 <= error.status < 500 and error.status not in _RETRYABLE


def _with_strike(session: Session, error: BridgeError, now: float) -> Session:
    # Imported here because most starts need no refresh (docs/architecture.md, "Cold start").
    from mcp_auth_bridge.oauth.error_meaning import client_forgotten

    code = error.error if isinstance(error, OAuthRefused) else ""
    status = error.status if isinstance(error, OAuthRefused | UpstreamFailed) else 0
    of_client, last = client_forgotten(error), session.strikes
    if not code and not last.code and _rest(last, now):
        return session  # the page of a firewall or portal again: one episode counts as one strike
    count = 1 + (last.count if last.of_client == of_client else 0)
    # A registration with a known end needs no second refusal.
    ended = code if of_client and (count >= _CLIENT_STRIKES or session.client.expired(now)) else ""
    said = error.said if isinstance(error, OAuthRefused) else ""
    strikes = Strikes(count=count, at=now, code=code, status=status, said=said, of_client=of_client)
    return msgspec.structs.replace(session, strikes=strikes, ended=ended, ended_saying=said if ended else "")


def why_ended(session: Session, now: float) -> str:
    """Why the authorization server ended `session`, with its own sentence."""
    if session.client_forgotten and session.client.expired(now):
        return "the registration of this bridge at the authorization server has expired"
    doubt = " after a refresh that got no response" if session.in_doubt else ""
    from mcp_auth_bridge.oauth.documents import known_error  # few logins have ended

    return f"the authorization server ended it{doubt} ({known_error(session.ended)}{session.ended_saying})"


def pause(strikes: Strikes, now: float) -> float:
    """Seconds until the authorization server may be asked again, 0 for at once.

    There is no pause after a firewall's page, because the firewall may be gone the next second; but after several such
    pages the user has to look.
    """
    return _rest(strikes, now) if strikes.code or wants_login(strikes) else 0.0


def _rest(strikes: Strikes, now: float) -> float:
    """The rest of the pause after the last strike, in seconds. A clock that was set back ends it."""
    length = min(_PAUSE * 2 ** (strikes.count - 1), _LONGEST_PAUSE) if strikes.count else 0.0
    return max(0.0, strikes.at + length - now) if now >= strikes.at else 0.0


def wants_login(strikes: Strikes) -> bool:
    """Whether the server has refused so often that only the user can help."""
    return strikes.count >= _STRIKES


def last_words(strikes: Strikes) -> str:
    """The authorization server's reason for the last strike."""
    from mcp_auth_bridge.oauth.documents import known_error  # as above

    return f"{known_error(strikes.code) if strikes.code else f'HTTP {strikes.status}'}{strikes.said}"


def as_unsent(error: BridgeError) -> BridgeError:
    """`error` of a refresh, for the request that needed it: nothing of that request was sent."""
    if isinstance(error, OutcomeUnknown):
        kind = TimedOut if isinstance(error, Overdue) else Unreachable
        earlier = kind(error.message, error.hint)
        earlier.facts |= error.facts
        return earlier
    error.sent = Sent.NO
    return error
