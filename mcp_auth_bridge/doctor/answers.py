"""The answers of the MCP server to a few requests, asked side by side, with and without credentials."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Generic, TypeVar

import anyio
import msgspec
from anyio.abc import TaskGroup

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.credentials.base import Credentials, Refusal, Target
from mcp_auth_bridge.credentials.static import WithOrganisation
from mcp_auth_bridge.doctor.answer import Answer, Question
from mcp_auth_bridge.doctor.asking import ask
from mcp_auth_bridge.doctor.held_credential import HeldCredential, OrganisationOnly
from mcp_auth_bridge.errors import BridgeError, LoginRequired, Overdue, UpstreamFailed
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.error_text import redacted_quotations
from mcp_auth_bridge.relay.mcp_headers import standard_headers
from mcp_auth_bridge.relay.own_handshake import DISCOVER, INITIALIZE
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.net.cors_preflight import preflight_headers
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.shell.transports.cookies import CookieJar
from mcp_auth_bridge.shell.transports.probe import prove
from mcp_auth_bridge.shell.transports.remote import Remote
from mcp_auth_bridge.shell.transports.sender import Sender
from mcp_auth_bridge.urls import Url

T = TypeVar("T")

CONNECT_PATIENCE = 4.0
"""Seconds for a connection."""

HEAD_PATIENCE = 6.0
"""Seconds from a request to the head of its response."""

SESSION_PATIENCE = 8.0
"""Seconds for a whole session: the opening, a list of tools, the end."""

PAUSE = 1.0
"""Seconds before a request is repeated that the server, asked many things at a time, may have refused for that."""

_TOO_MUCH = (429, 503)
"""503 is what nginx's `limit_req` answers."""

_INITIALIZE = Question("POST", INITIALIZE, standard_headers(INITIALIZE))
_DISCOVER = Question("POST", DISCOVER, standard_headers(DISCOVER))
_STREAM = Question("GET")


class Session(msgspec.Struct, frozen=True):
    """One short session in the era and over the transport that the server speaks."""

    # The raw results by method, as `probe.prove` returns them.
    results: Mapping[str, bytes] = {}
    # Why there are none.
    error: BridgeError | None = None
    # The refusal of the credentials, at the opening or later.
    refusal: Refusal | None = None


class Answers(msgspec.Struct, frozen=True):
    """The answers of the server to requests for its URL."""

    # POST initialize without a token and without the organisation's headers.
    bare: Answer
    # The same with the organisation's headers and without a token; None if there are no such headers.
    organisation: Answer | None
    # The same with everything that the bridge would present; None if it has no credential to present.
    credential: Answer | None
    # POST server/discover with as much as can be presented.
    discover: Answer
    # GET with Accept: text/event-stream and with as much as can be presented.
    stream: Answer
    # OPTIONS, the preflight of a browser, with nothing.
    preflight: Answer
    # A session of a stranger with the organisation's headers, None if `initialize` failed.
    stranger_session: Session | None
    # A session with the credential, None if there is no credential or if `initialize` failed with it.
    session: Session | None
    # The names of the headers that were sent besides those of every request.
    sent: tuple[str, ...] = ()

    @property
    def best(self) -> Answer:
        """The answer to the `initialize` that had the most to present."""
        return self.credential or self.organisation or self.bare

    @property
    def stranger(self) -> Answer:
        """The answer to the `initialize` without a login: with the organisation's headers, if any."""
        return self.organisation or self.bare

    @property
    def refusal(self) -> Refusal | None:
        """The refusal of a client without a credential, at the opening or later, None if there is none."""
        later = self.stranger_session.refusal if self.stranger_session is not None else None
        return self.stranger.refusal or later

    @property
    def challenge(self) -> Challenge | None:
        """The challenge to a client without a credential, None if the server sends none."""
        return self.refusal.challenge if self.refusal is not None else None

    @property
    def credential_refusal(self) -> Refusal | None:
        """The refusal of the credential, at the opening or later in its session."""
        later = self.session.refusal if self.session is not None else None
        return self.credential.refusal if self.credential is not None and self.credential.refusal else later

    @property
    def is_cut_off(self) -> bool:
        """Whether nothing could be sent at all: then the way is broken, and these answers say nothing."""
        return all(each.is_unsent for each in self.all)

    @property
    def all(self) -> tuple[Answer, ...]:
        """All of them, in the order in which they are shown."""
        openings = (self.bare, self.organisation, self.credential)
        return (*(each for each in openings if each is not None), self.discover, self.stream, self.preflight)


class _Fixed:
    """The headers of `credentials`, which are never replaced: the first refusal is kept, and ends what they are for."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self.refusal: Refusal | None = None
        # The values of the headers that were sent, which the server may repeat.
        self.sent: set[str] = set()

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:
        if refused is not None:
            self.refusal = refused
            raise LoginRequired("the server asks for credentials")
        headers = await self._credentials.headers(target)
        self.sent.update(headers.values())
        return headers


async def survey(bridge: Bridge, held: HeldCredential) -> Answers:
    """Ask the server of `bridge` everything side by side. Raises no `BridgeError`, and ends the sessions it opens."""
    known = held.session.headers if held.session is not None else {}
    stranger = WithOrganisation(bridge.secrets.organisation_headers(lambda: known), OrganisationOnly())
    try:
        organisation = await stranger.headers(Target("POST", bridge.profile.url))
    except BridgeError:
        organisation = {}  # the credential's own error says that they cannot be read
    has_credential = bool({*held.headers} - {name.lower() for name in organisation})
    async with connections(bridge) as pool:
        client = _Client(bridge.profile.url, pool)
        return await _ask_all(
            client,
            stranger if organisation else None,
            held.credentials if has_credential else None,
            tuple(held.headers),
        )


async def _ask_all(
    client: "_Client", organisation: Credentials | None, credential: Credentials | None, sent: tuple[str, ...]
) -> Answers:
    nothing = OrganisationOnly()
    best = credential or organisation or nothing
    async with anyio.create_task_group() as group:
        bare = _Task(group, partial(client.open, nothing, proves=organisation is None))
        named = _Task(group, partial(client.open, organisation, proves=True)) if organisation is not None else None
        held = _Task(group, partial(client.open, credential, proves=True)) if credential is not None else None
        discover = _Task(group, partial(client.ask, best, _DISCOVER))
        stream = _Task(group, partial(client.ask, best, _STREAM))
        preflight = _Task(group, partial(client.ask, nothing, client.preflight))
    stranger = named or bare
    return Answers(
        bare.result.answer,
        named.result.answer if named is not None else None,
        held.result.answer if held is not None else None,
        discover.result,
        stream.result,
        preflight.result,
        stranger.result.session,
        held.result.session if held is not None else None,
        sent,
    )


class _Task(Generic[T]):
    """A job in `group`; its `result` is there when the group has ended."""

    result: T

    def __init__(self, group: TaskGroup, job: Callable[[], Awaitable[T]]) -> None:
        self._job = job
        group.start_soon(self._run)

    async def _run(self) -> None:
        self.result = await self._job()


class _Opening(msgspec.Struct, frozen=True):
    """The answer to `initialize`, and the session that followed, None if there is nothing to try."""

    answer: Answer
    session: Session | None = None


class _Client:
    """A client of the server at `url` that begins anew with each question: it has no cookies and no session."""

    def __init__(self, url: Url, pool: Pool) -> None:
        self._url = url
        self._pool = pool

    @property
    def preflight(self) -> Question:
        return Question("OPTIONS", None, preflight_headers(self._url))

    async def ask(self, credentials: Credentials, question: Question) -> Answer:
        """The answer to `question`. It is asked again if the server may have had too many of them at a time."""
        sender = Sender(self._url, self._pool, _Fixed(credentials), CookieJar())
        answer = await ask(sender, self._url, question)
        if answer.status not in _TOO_MUCH:
            return answer
        await anyio.sleep(PAUSE)
        return await ask(sender, self._url, question)

    async def open(self, credentials: Credentials, *, proves: bool) -> _Opening:
        """The answer to `initialize`; with `proves` also a session, if anything but a refusal came back."""
        answer = await self.ask(credentials, _INITIALIZE)
        if not proves or answer.status == 0 or answer.refusal is not None:
            return _Opening(answer)
        session = await self._prove(credentials)
        if isinstance(session.error, UpstreamFailed) and session.error.status in _TOO_MUCH:
            await anyio.sleep(PAUSE)
            session = await self._prove(credentials)
        return _Opening(answer, session)

    async def _prove(self, credentials: Credentials) -> Session:
        fixed = _Fixed(credentials)
        remote = Remote(self._url, self._pool, fixed, CookieJar())
        session = Session(error=Overdue(f"a session did not come about within {SESSION_PATIENCE:g} seconds"))
        with anyio.move_on_after(SESSION_PATIENCE):
            try:
                session = Session(await prove(remote))
            except BridgeError as error:
                error.message = redacted_quotations(error.message, map(Secret, fixed.sent))
                session = Session({}, error, fixed.refusal)
                with suppress(BridgeError):
                    await remote.close()
        return session


@asynccontextmanager
async def connections(bridge: Bridge) -> AsyncIterator[Pool]:
    """Connections with time limits that suit an examination: each error says what there was too little time for."""
    configured = bridge.profile.network
    settings = msgspec.structs.replace(
        configured,
        connect_timeout=min(CONNECT_PATIENCE, configured.connect_timeout),
        headers_timeout=HEAD_PATIENCE,
    )
    pool = Pool(Network(settings, bridge.environ))
    try:
        yield pool
    finally:
        await pool.aclose()
