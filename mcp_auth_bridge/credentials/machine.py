"""The renewal of a machine's session: it is obtained anew, with secrets that are read again each time."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from mcp_auth_bridge.credentials import refresh_policy
from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.credentials.services import Services
from mcp_auth_bridge.credentials.stored_session import StoredSession
from mcp_auth_bridge.credentials.token_headers import lasting, presentable
from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.errors import AccessDenied, BridgeError, ConfigError, CredentialRefused, quoted
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.stores.base import Store

if TYPE_CHECKING:
    from mcp_auth_bridge.oauth.machine import MachinePlan

_PAUSE, _LONGEST_PAUSE = 30.0, 600.0
"""Seconds without the same request after the authorization server has refused it, doubled each time."""


class PlanSource(msgspec.Struct, frozen=True):
    """The source of the tokens for one server."""

    # The server's name in the configuration.
    name: str
    # The configuration's word for the grant.
    kind: str
    # Reads the configuration's secrets.
    plan: "Callable[[], Awaitable[MachinePlan]]"
    # Whether the token endpoint is looked up. If so, a bare request is worthwhile: the MCP server's challenge has the
    # URL of its metadata and its scopes.
    discovers: bool


class MachineRenewal:
    """The renewal of the `stored` session by new token requests."""

    def __init__(self, source: PlanSource, stored: StoredSession, services: Services) -> None:
        # The server's name in the configuration.
        self._name = source.name
        # The configuration's word for the grant.
        self._kind = source.kind
        # Reads the configuration's secrets.
        self._plan = source.plan
        # The session in memory and in the store.
        self._stored = stored
        # The shell's services.
        self._services = services
        # Whether the first request goes out without a token, for the sake of the challenge.
        self._wants_challenge = source.discovers
        # Whether the last token request failed.
        self._has_failed = False
        # The last refusal, and the plan that was refused.
        self._refusal: tuple[MachinePlan, BridgeError] | None = None
        # The number of refusals in a row.
        self._refusals = 0
        # When the last one was refused, by `services.ticks`.
        self._refused_at = float("-inf")

    def sends_bare(self, refused: Refusal | None) -> bool:
        self._wants_challenge = self._wants_challenge and refused is None
        return self._wants_challenge

    async def settle(self) -> None:
        """Does nothing: a lost token can be obtained again."""

    async def refresh_under_lock(self, refused: Refusal | None) -> Session:
        async with self._services.lock():
            store = await self._stored.look()
            another = lasting(self._stored.session, refused, self._services.now())
            return another or await self._obtain(store, refused)

    async def _obtain(self, store: Store, refused: Refusal | None) -> Session:
        plan = await self._plan()
        self._check_pause(plan)
        try:
            session = await self._services.drive(self._flow(plan, refused))
        except BridgeError as error:
            self._note_failure(plan, error)
            raise refresh_policy.as_unsent(error) from None
        self._has_failed, self._refusal, self._refusals = False, None, 0
        await self._stored.save_or_keep(store, session)
        return presentable(self._stored.session, refused, self._services.now()) or session

    def _flow(self, plan: "MachinePlan", refused: Refusal | None) -> Flow[Session]:
        """Ask the server of the last session, or look everything up anew if that failed."""
        # Imported here because most starts find a token in the store (docs/architecture.md, "Cold start").
        from mcp_auth_bridge.oauth.machine import obtain, renew

        last = self._stored.session
        if last is not None and refused is None and not self._has_failed:
            return renew(plan, last)
        return obtain(plan, refused.challenge if refused is not None else None)

    def _note_failure(self, plan: "MachinePlan", error: BridgeError) -> None:
        self._has_failed = True
        if isinstance(error, ConfigError | CredentialRefused) or refresh_policy.is_refusal(error):
            self._refusal, self._refused_at = (plan, error), self._services.ticks()
            self._refusals += 1

    def _check_pause(self, plan: "MachinePlan") -> None:
        """Raise the last refusal again if the authorization server refused the same secrets a moment ago.

        Other secrets, from a file that was rotated, may be tried at once.
        """
        if self._refusal is None or self._refusal[0] != plan:
            self._refusals = 0
            return
        length = min(_PAUSE * 2.0 ** (self._refusals - 1), _LONGEST_PAUSE)
        if self._services.ticks() - self._refused_at < length:
            raise self._refusal[1]

    async def missing_permission_error(self, refused: Refusal) -> BridgeError:
        wanted = " ".join(refused.scopes)
        session = self._stored.session
        told = f"{self._name} refuses this request with the token obtained by {self._kind} ({refused})"
        if session is not None and set(wanted.split()) <= set(session.scope.split()):
            return AccessDenied(told, "its operator has to give the permission to the client, or to the user behind it")
        return AccessDenied(f"{told}, which lacks {quoted(wanted)}", f"add that to scopes under auth for {self._name}")

    def new_token_error(self, session: Session, refused: Refusal) -> BridgeError:
        # Imported here because only a diagnosis looks inside a token (docs/architecture.md, "Cold start").
        from mcp_auth_bridge.credentials.diagnosis import RefusedToken, token_refused_error

        what, place = f"even a token freshly issued by {self._kind}", f"the configuration of {self._name}"
        token = RefusedToken(session.access.reveal(), self._name, what, place, session.resource)
        error = token_refused_error(token, refused, self._services.now())
        error.hint = f"see resource, audience, scopes and issuer under auth for {self._name}"
        return error
