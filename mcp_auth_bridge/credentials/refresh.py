"""The renewal of a user's login by its refresh token, which each use may spend."""

import msgspec

from mcp_auth_bridge.credentials import refresh_policy
from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.credentials.diagnosis import LoginDiagnosis
from mcp_auth_bridge.credentials.redemption import Redemption
from mcp_auth_bridge.credentials.services import Services
from mcp_auth_bridge.credentials.stored_session import StoredSession
from mcp_auth_bridge.credentials.token_headers import is_refused, lasting, presentable
from mcp_auth_bridge.errors import (
    BridgeError,
    GrantEnded,
    LoginRequired,
    Sent,
    StepUpRequired,
    UpstreamFailed,
    quoted,
)
from mcp_auth_bridge.oauth.scopes import drop_secret_scopes, merge_scopes
from mcp_auth_bridge.oauth.session import Session


class RefreshRenewal:
    """The renewal of the `stored` login. `diagnosis` explains its refusals, `redemption` redeems its refresh token."""

    def __init__(
        self, diagnosis: LoginDiagnosis, stored: StoredSession, services: Services, redemption: Redemption
    ) -> None:
        # The server's name in the configuration.
        self._name = diagnosis.name
        # The command for the user to run.
        self._login_command = diagnosis.login_command
        # The session in memory and in the store.
        self._stored = stored
        # The shell's services.
        self._services = services
        # Explains refusals.
        self._diagnosis = diagnosis
        # Redeems the refresh token.
        self._redemption = redemption
        # Whether the server has refused a request, and so is not open.
        self._closed = False

    def sends_bare(self, refused: Refusal | None) -> bool:
        """Without a login requests go out without a token until the server refuses one: many servers are open."""
        self._closed = self._closed or refused is not None
        return not self._closed

    async def settle(self) -> None:
        await self._redemption.settle()

    def new_token_error(self, session: Session, refused: Refusal) -> BridgeError:
        return self._diagnosis.new_token_error(session, refused, self._services.now())

    async def refresh_under_lock(self, refused: Refusal | None) -> Session:
        async with self._services.turn():
            async with self._services.lock():  # wait for a redemption that another process has begun
                await self._stored.look()
            if (another := lasting(self._stored.session, refused, self._services.now())) is not None:
                return another
            try:
                await self._redemption.redeem(self._refreshable(refused))
            except GrantEnded:
                pass  # the session is marked as ended, and `_refreshable` raises below
            except BridgeError as error:
                self._refreshable(refused)  # raises if the server has refused too often
                raise refresh_policy.as_unsent(error) from None
        return presentable(self._stored.session, refused, self._services.now()) or self._refreshable(refused)

    def _refreshable(self, refused: Refusal | None) -> Session:
        """The session in memory, if its refresh token may be presented now. Raises the error that says why not."""
        session = self._stored.session
        if session is None:
            raise self._login_required("you are not logged in")
        if session.ended:
            raise self._login_required(refresh_policy.why_ended(session, self._services.now()))
        if session.refresh is None:
            reason = "the login has expired"
            if refused is not None and is_refused(session, refused):
                suspicions = self._diagnosis.suspicions(session, refused, self._services.now())
                reason = f"the server refused the access token ({suspicions})"
            raise self._login_required(f"{reason}, and there is no refresh token")
        self._check_pause(session)
        return session

    def _check_pause(self, session: Session) -> None:
        """Raise during the pause after the authorization server has refused to renew `session`."""
        strikes = session.strikes
        pause = refresh_policy.pause(strikes, self._services.now())
        said = refresh_policy.last_words(strikes)
        if pause and refresh_policy.wants_login(strikes):
            raise self._login_required(f"it could not be renewed {strikes.count} times in a row ({said})")
        if pause:
            error = UpstreamFailed(
                f"{session.issuer} refused to renew the login to {self._name} ({said}), which may be temporary",
                f"the bridge asks again after {pause:.0f} seconds; if that does not help, run: {self._login_command}",
                status=strikes.status,
                retry_after=pause,
            )
            error.sent = Sent.NO
            raise error

    async def missing_permission_error(self, refused: Refusal) -> BridgeError:
        """As in `Renewal`. Also notes the missing scopes, so that the next login asks for them too (SEP-835)."""
        async with self._services.lock():
            store = await self._stored.look()
            session = self._stored.session
            if session is None:
                return self._login_required("you are not logged in")
            wanted = " ".join(drop_secret_scopes(refused.scopes, session.secrets))
            if (denied := self._diagnosis.denied_scope_error(session, wanted)) is not None:
                return denied
            if not set(wanted.split()) <= set(session.wanted.split()):
                union = merge_scopes(wanted.split(), session.wanted)
                await self._stored.save_or_keep(store, msgspec.structs.replace(session, wanted=union))
        return StepUpRequired(
            f"the login to {self._name} lacks a permission: {quoted(wanted)}",
            f"run: {self._login_command}",
        )

    def _login_required(self, reason: str) -> LoginRequired:
        return LoginRequired(f"a login to {self._name} is needed: {reason}", f"run: {self._login_command}")
