"""Sends requests to the MCP server: headers, credentials, the one retry after a 401, redirects within the origin."""

from collections.abc import Callable, Hashable
from typing import NamedTuple, TypeAlias

from mcp_auth_bridge.credentials.base import Credentials, Refusal, Target, ready
from mcp_auth_bridge.errors import (
    AccessDenied,
    BridgeError,
    CredentialRefused,
    LoginRequired,
    SessionDoubted,
    SessionLost,
    UpstreamFailed,
)
from mcp_auth_bridge.relay.base import REQUEST, Message
from mcp_auth_bridge.relay.http_semantics import EventStream, Failure, Unauthorized, Verdict
from mcp_auth_bridge.relay.redirects import MOST_REDIRECTS, redirect_loop_error
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.net.begun import Begun
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.transports.answers import read_error
from mcp_auth_bridge.shell.transports.attempts import Attempts, verdict_on
from mcp_auth_bridge.shell.transports.cookies import CookieJar
from mcp_auth_bridge.shell.transports.send_outcome import HeaderFields, Reading, ResponseFields, SendOutcome
from mcp_auth_bridge.urls import Url

_MOST_NONCES = 5


SentAtOnce: TypeAlias = tuple[Begun, HeaderFields]
"""A request that was sent without a wait, and the credentials in it."""


class _Request(NamedTuple):
    verb: str
    headers: HeaderFields
    message: Message | None
    url: Url


class Sender:
    """Sends requests to the server at `url` and to no other origin. `credentials` may give other headers too."""

    def __init__(self, url: Url, pool: Pool, credentials: Credentials, jar: CookieJar) -> None:
        # The URL of the server.
        self.url = url
        # The connections to the server.
        self._pool = pool
        # The source of the headers that authenticate a request.
        self._credentials = credentials
        # Gives the same headers without a wait, if they are known.
        self._at_hand = ready(credentials)
        # The request that these headers are for, but for a new nonce.
        self._target = Target("POST", url)
        # The attempts, one after the other.
        self._attempts = Attempts(pool, jar)
        # The cookies.
        self._jar = jar
        # The keys of the requests that have no complete response.
        self._under_way: set[Hashable] = set()
        # A header that the server accepts and that is not sent, "" for none; None until the server was asked.
        self._missing_header: str | None = None

    async def post(
        self,
        headers: HeaderFields,
        message: Message,
        reading: Reading,
        url: Url | None = None,
        sent: SentAtOnce | None = None,
    ) -> None:
        """Send `message` with credentials, to `url` or else to the server's, and deliver the messages in return.

        Goes on from there if it was `sent` at once. Follows redirects within the origin. This is the one retry of all
        transports: when the server refuses the credentials, ask once for others and send once more. A refusal is an
        HTTP status, or a JSON-RPC error with the code 401 in place of the first message that is read: the resource
        servers of an internal platform (tests/scenarios/internal_platform.py) send that with HTTP 200. Neither is an
        execution (RFC 9110 section 15.5.2), so no request is carried out twice.
        """
        key = message.key if message.kind is REQUEST else None
        if key is not None:
            self._under_way.add(key)
        try:
            request = _Request("POST", headers, message, url or self.url)
            await (await self._send_until_accepted(request, reading, sent)).aclose()
        except BridgeError as error:
            await self._learn_from(error)
            raise
        finally:
            self._under_way.discard(key)

    async def send(self, verb: str, headers: HeaderFields) -> SendOutcome:
        """As `post`, without a message; the response is the caller's to read."""
        try:
            return await self._send_until_accepted(_Request(verb, headers, None, self.url))
        except BridgeError as error:
            await self._learn_from(error)
            raise

    def at_once(self, headers: HeaderFields, message: Message, moved: Callable[[], None]) -> SentAtOnce | None:
        """Send `message` if nothing has to be waited for, neither credentials nor a connection. Otherwise None.

        `moved` is called as `Pool.at_once` says. The end is told to `over`, unless `post` goes on.
        """
        if self._target.nonce != self._attempts.nonce:
            self._target = Target("POST", self.url, self._attempts.nonce)
        credentials = self._at_hand(self._target)
        if credentials is None or "dpop" in credentials:
            return None  # each proof is for one attempt
        try:
            prepared = self._attempts.prepared("POST", self.url, headers, credentials)
        except BridgeError:
            return None  # `post` raises it
        begun = self._pool.at_once(prepared, message.raw, moved)
        if begun is None:
            return None
        if message.kind is REQUEST:
            self._under_way.add(message.key)
        return begun, credentials

    def accepted(self, headers: HeaderFields, message: Message, head: ResponseFields, verdict: Verdict | None) -> None:
        """The response to a `message` that was sent at once is a success with this `head`. Nothing more is to come."""
        self._attempts.learn(self.url, head)
        self._attempts.note_session(headers, message, verdict)
        self._under_way.discard(message.key)

    def over(self, message: Message) -> None:
        """Nothing more is wanted in return for a `message` that was sent at once."""
        self._under_way.discard(message.key)

    async def _send_until_accepted(
        self, request: _Request, reading: Reading | None = None, sent: SentAtOnce | None = None
    ) -> SendOutcome:
        """The first response that neither redirects nor refuses the credentials. Its messages were delivered."""
        verb, headers, message, url = request
        refused: Refusal | None = None
        redirects = 0
        while True:
            if sent is None:
                outcome = await self.present(verb, url, headers, message, refused)
            else:
                begun, credentials = sent
                outcome, sent = self._outcome(request, await begun.resume(), credentials), None
            try:
                target = outcome.redirect(verb, url)
                refused = await outcome.refusal(reading) if target is None else None
            except BaseException:
                await outcome.aclose()
                raise
            if target is None and refused is None:
                return outcome
            await outcome.aclose()
            if target is not None:
                url = target
                redirects += 1
                if redirects > MOST_REDIRECTS:
                    raise redirect_loop_error(outcome.response.status)
            elif refused is not None and refused.again:
                await self._credentials.headers(Target(verb, url, self._attempts.nonce), refused)
                # The credentials do not know why either: another process has just changed them.
                raise LoginRequired(f"{url.origin} refused two tokens in a row ({refused})", "try again")

    async def _learn_from(self, error: BridgeError) -> None:
        """Note the loss of a session, and add to `error` what the user can do."""
        if isinstance(error, SessionLost):
            self._note_lost_session(error)
        await self._name_missing_header(error)

    async def _name_missing_header(self, error: BridgeError) -> None:
        """Name in the hint of a refusal a header that the server takes and that is not sent. The server is asked once.

        A fault that the token itself shows needs no other reason.
        """
        if not _may_lack_header(error):
            return
        from mcp_auth_bridge.shell.net.cors_preflight import find_missing_header, name_missing_header  # only for errors

        if self._missing_header is None:
            self._missing_header = await find_missing_header(self._pool, self.url, self._attempts.sent)
        if self._missing_header and "missing_header" not in error.facts:
            name_missing_header(error, self._missing_header)

    def _note_lost_session(self, error: SessionLost) -> None:
        debug_log.event("session.lost", says=error.message)
        self._jar.session_lost(error)

    async def open_stream(self, headers: HeaderFields) -> StreamedResponse:
        """GET a stream of events. Raises `UpstreamFailed` for a response that is not one, and `SessionLost`."""
        outcome = await self.send("GET", headers)
        if isinstance(outcome.verdict, EventStream):
            return outcome.response
        if isinstance(outcome.verdict, Failure):
            error = await read_error(outcome.response, outcome.verdict, outcome.asked, outcome.sent)
            if isinstance(error, SessionDoubted) and isinstance(error.answer, BridgeError):
                raise error.answer  # it may as well mean that there is no such stream
            if isinstance(error, SessionLost):
                self._note_lost_session(error)
            raise error
        await outcome.aclose()
        raise UpstreamFailed("the server answered a GET with something other than a stream of events", status=406)

    async def present(
        self, verb: str, url: Url, headers: HeaderFields, message: Message | None, refused: Refusal | None = None
    ) -> SendOutcome:
        """One attempt, and another one if the proof lacked only the server's nonce.

        That is not a refusal of the token (RFC 9449 section 9). More attempts follow only while the nonces are new: if
        each is good for one request, another request may have spent it. Raises `AccessDenied` for a proof that
        the server does not accept.
        """
        for _ in range(_MOST_NONCES):
            nonce = self._attempts.nonce
            credentials = await self._credentials.headers(Target(verb, url, nonce), refused)
            response = await self._attempts.exchange(verb, url, headers, message, credentials)
            request = _Request(verb, headers, message, url)
            outcome = self._outcome(request, response, credentials, again=refused is not None)
            doubt = _doubt(outcome.verdict) if "dpop" in credentials else ""
            if not doubt:
                return outcome
            await outcome.aclose()
            _check_lacks_nonce(doubt, url)
            if nonce == self._attempts.nonce:
                break
        raise AccessDenied(
            f"{url.origin} asks for a nonce in proofs (DPoP) and accepts no proof with one",
            "contact the server's operator",
        )

    def _outcome(
        self, request: _Request, response: StreamedResponse, credentials: HeaderFields, *, again: bool = False
    ) -> SendOutcome:
        """The outcome that `response` is. `again`: the `credentials` replace refused ones."""
        _, headers, message, url = request
        self._attempts.learn(url, response.headers)
        verdict = verdict_on(response.status, response.headers, headers, message)
        asked = self._attempts.asked(headers, message, verdict, self._under_way)
        return SendOutcome(response, verdict, asked, credentials, again=again)


def _doubt(verdict: Verdict) -> str:
    """The error of the challenge that refuses a proof, "" for any other response (RFC 9449 section 7.1)."""
    if not isinstance(verdict, Unauthorized):
        return ""
    from mcp_auth_bridge.oauth.dpop import INVALID_PROOF, USE_NONCE, challenge_error  # as above

    error = challenge_error(verdict.fields)
    return error if error in (USE_NONCE, INVALID_PROOF) else ""


def _check_lacks_nonce(doubt: str, url: Url) -> None:
    """Raise `AccessDenied` if a proof that `url` refuses for this reason lacks more than the server's nonce."""
    from mcp_auth_bridge.oauth.dpop import CLOCK_HINT, INVALID_PROOF  # as above

    if doubt == INVALID_PROOF:
        raise AccessDenied(f"{url.origin} refuses the proof that the token belongs to this bridge (DPoP)", CLOCK_HINT)


def _may_lack_header(error: BridgeError) -> bool:
    """Whether `error` is a refusal of unclear cause by the MCP server: a 401, or a 403 in its own words."""
    if isinstance(error, UpstreamFailed):
        return error.status == 403
    return isinstance(error, CredentialRefused | LoginRequired) and error.has_unclear_cause
