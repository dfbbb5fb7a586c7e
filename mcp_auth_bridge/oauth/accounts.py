"""Whose login it is: a profile may say who is to be signed in, and then nobody else is."""

from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.errors import AccessDenied, BridgeError, quoted
from mcp_auth_bridge.oauth.claims import is_account
from mcp_auth_bridge.oauth.grants import revoke
from mcp_auth_bridge.oauth.session import Session


def only_as(expected: str, session: Session) -> Flow[Session]:
    """`session`, if it may be the login of `expected`; "" is anybody.

    Raises `AccessDenied` if its tokens name somebody else. They are revoked before, if that can be done: nobody wanted
    them, and nothing will remember them.
    """
    if not expected or is_account(expected, session.names) is not False:
        return session
    try:
        yield from revoke(session)
        rest = "nothing was kept"
    except BridgeError as error:
        rest = f"nothing was kept, but the new tokens could not be revoked ({error.message})"
    raise AccessDenied(
        f"{quoted(session.account)} signed in, but this server is to be used as {quoted(expected)}; {rest}",
        "sign out of that account in the browser and log in again, or change account under auth for this server",
    )
