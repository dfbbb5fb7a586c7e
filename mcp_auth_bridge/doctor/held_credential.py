"""The credential that the bridge would present now: read from where it is kept, and never renewed or replaced."""

import os
import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.config.auth import AnonymousSettings, BearerSettings, HeaderSettings
from mcp_auth_bridge.credentials.base import Credentials, Refusal, Target
from mcp_auth_bridge.credentials.static import WithOrganisation
from mcp_auth_bridge.credentials.token_headers import TokenHeaders, presentable
from mcp_auth_bridge.doctor.store_look import StoreLook, record_of
from mcp_auth_bridge.errors import BridgeError, LoginRequired
from mcp_auth_bridge.oauth.session import Session, load_session
from mcp_auth_bridge.secret import Secret


class HeldCredential(msgspec.Struct, frozen=True):
    """A credential, or the reason why there is none."""

    # Presents it, with the organisation's headers.
    credentials: Credentials
    # The headers of a request to the MCP endpoint, {} for a stranger's; they are secret.
    headers: Mapping[str, Secret] = {}
    # The login or the machine's token in the store, whether it can be presented or not.
    session: Session | None = None
    # Why there is nothing to present, None if there is, or if none is configured.
    error: BridgeError | None = None

    @property
    def token(self) -> Secret | None:
        """The token in the `Authorization` header, None if there is none."""
        if "authorization" not in self.headers:
            return None
        return Secret(self.headers["authorization"].reveal().partition(" ")[2])


class OrganisationOnly:
    """Credentials of a stranger who has the organisation's headers."""

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:  # noqa: ARG002 - nothing to prove
        if refused is not None:
            raise LoginRequired("the server asks for credentials")
        return {}


class _Stored:
    """Presents the token of `session` and never another one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._headers = TokenHeaders(time.time, os.urandom)

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:
        if refused is not None:
            raise LoginRequired("the server refuses the token")
        return self._headers.headers(self._session, target)


async def hold(bridge: Bridge, look: Callable[[], Awaitable[StoreLook]]) -> HeldCredential:
    """The credential of `bridge`; `look` shows the store. Raises nothing: the error is in the result."""
    session: Session | None = None
    inner: Credentials = OrganisationOnly()
    error: BridgeError | None = None
    try:
        match bridge.profile.auth:
            case BearerSettings() | HeaderSettings() as static:
                inner = bridge.secrets.static_credentials(static)
            case AnonymousSettings():
                pass
            case _:
                session = await _stored_session(bridge, look)
                if (usable := presentable(session, None, time.time())) is not None and not usable.ended:
                    inner = _Stored(usable)
                else:
                    error = LoginRequired("there is no token that could be presented now")
    except BridgeError as closed:
        error = closed
    known = session.headers if session is not None else {}
    credentials = WithOrganisation(bridge.secrets.organisation_headers(lambda: known), inner)
    try:
        found = await credentials.headers(Target("POST", bridge.profile.url))
    except BridgeError as missing:
        return HeldCredential(OrganisationOnly(), {}, session, error or missing)
    return HeldCredential(credentials, {name.lower(): Secret(value) for name, value in found.items()}, session, error)


async def _stored_session(bridge: Bridge, look: Callable[[], Awaitable[StoreLook]]) -> Session | None:
    record = await record_of(bridge, await look())
    return load_session(record.secret) if record is not None else None
