"""Sends requests to the MCP server: headers, credentials, the one retry after a 401, redirects within the origin."""

from collections import deque
from collections.abc import Hashable

from mcp_auth_bridge.credentials.base import Credentials, Refusal, Target
from mcp_auth_bridge.errors import (
    AccessDenied,
    BridgeError,
    CredentialRefused,
    LoginRequired,
    SessionDoubted,
    SessionLost,
    UpstreamFailed,
)
from mcp_auth_bridge.relay.base import Kind, Message
from mcp_auth_bridge.relay.http_semantics import (
    EventStream,
    Failure,
    SingleMessage,
    Unauthorized,
    Verdict,
    judge,
    request_headers,
)
from mcp_auth_bridge.relay.redirects import MOST_REDIRECTS, redirect_loop_error
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.console.silence_notice import announce_wait
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.transports.answers import Asked, Deliver, read_error
from mcp_auth_bridge.shell.transports.cookies import CookieJar
from mcp_auth_bridge.shell.transports.send_outcome import HeaderFields, Read, Reading, SendOutcome
from mcp_auth_bridge.urls import Url

_MOST_NONCES = 5
_PROVEN = 8  # sessions


class Sender:
    """Sends requests to the server at `url` and to no other origin. `credentials` may give other headers too."""

    def __init__(self, url: Url, pool: Pool, credentials: Credentials, jar: CookieJar) -> None:
        # The URL of the server.
        self.url = url
        # The connections to the server.
        self._pool = pool
        # The source of the headers that authenticate a request.
        self._credentials = credentials
        # The cookies.
        self._jar = jar
        # The keys of the requests that have no complete response.
        self._under_way: set[Hashable] = set()
        # The ids of the last sessions in which the server answered a request: a refusal may come late.
        self._proven_sessions: deque[str] = deque(maxlen=_PROVEN)
        # The server's latest nonce for proofs (RFC 9449 section 9), "" while it has given none.
        self._nonce = ""
        # The names of all headers that the credentials have given so far.
        self._sent: frozenset[str] = frozenset()
        # A header that the server accepts and that is not sent, "" for none; None until the server was asked.
        self._missing_header: str | None = None

    async def post(
        self, headers: HeaderFields, message: Message, read: Read, deliver: Deliver, url: Url | None = None
    ) -> None:
        """Send `message` with credentials, to `url` or else to the server's, and `deliver` the messages in return.

        Follows redirects within the origin. This is the one retry of all transports: when the server refuses the
        credentials, ask once for others and send once more. A refusal is an HTTP status, or a JSON-RPC error with the
        code 401 in place of the first message that `read` finds: the resource servers of an internal platform
        (tests/scenarios/internal_platform.py) send that with HTTP 200. Neither is an execution (RFC 9110 section
        15.5.2), so no request is carried out twice.
        """
        key = message.key if message.kind is Kind.REQUEST else None
        if key is not None:
            self._under_way.add(key)
        try:
            reading = Reading(read, deliver)
            outcome = await self._send_until_accepted("POST", headers, message, url or self.url, reading)
            await outcome.aclose()
        except BridgeError as error:
            await self._learn_from(error)
            raise
        finally:
            self._under_way.discard(key)

    async def send(self, verb: str, headers: HeaderFields) -> SendOutcome:
        """As `post`, without a message; the response is the caller's to read."""
        try:
            return await self._send_until_accepted(verb, headers, None, self.url, None)
        except BridgeError as error:
            await self._learn_from(error)
            raise

    async def _send_until_accepted(
        self, verb: str, headers: HeaderFields, message: Message | None, url: Url, reading: Reading | None
    ) -> SendOutcome:
        """The first response that neither redirects nor refuses the credentials. Its messages were delivered."""
        refused: Refusal | None = None
        redirects = 0
        while True:
            outcome = await self.present(verb, url, headers, message, refused)
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
                await self._credentials.headers(Target(verb, url, self._nonce), refused)
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
            self._missing_header = await find_missing_header(self._pool, self.url, self._sent)
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
            nonce = self._nonce
            credentials = await self._credentials.headers(Target(verb, url, nonce), refused)
            response, verdict = await self._attempt(verb, url, headers, message, credentials)
            doubt = _doubt(verdict) if "dpop" in credentials else ""
            if not doubt:
                asked = self._asked(headers, message, verdict)
                return SendOutcome(response, verdict, asked, credentials, again=refused is not None)
            await response.aclose()
            _check_lacks_nonce(doubt, url)
            if nonce == self._nonce:
                break
        raise AccessDenied(
            f"{url.origin} asks for a nonce in proofs (DPoP) and accepts no proof with one",
            "contact the server's operator",
        )

    def _asked(self, headers: HeaderFields, message: Message | None, verdict: Verdict) -> Asked:
        session_id = headers.get("mcp-session-id", "")
        is_request = message is not None and message.kind is Kind.REQUEST
        is_proven = session_id in self._proven_sessions
        if session_id and not is_proven and is_request and isinstance(verdict, SingleMessage | EventStream):
            self._proven_sessions.append(session_id)
        return Asked(message, session_id, is_proven, self._under_way)

    async def _attempt(
        self, verb: str, url: Url, headers: HeaderFields, message: Message | None, credentials: HeaderFields
    ) -> tuple[StreamedResponse, Verdict]:
        self._sent |= credentials.keys()
        fields = request_headers(verb, headers, self._jar.headers(), credentials)
        body = message.raw if message else b""
        with debug_log.timed("mcp", verb=verb, path=url.path, auth=_scheme(credentials), bytes=len(body)) as line:
            line.add(method=(message.method if message else None) or "")
            with announce_wait(url.origin):
                response = await self._pool.exchange(self._pool.prepare(verb, url, fields), body)
            line.add(status=response.status)
        if "dpop-nonce" in response.headers:
            from mcp_auth_bridge.oauth.dpop import nonce_of  # few servers ask for proofs

            self._nonce = nonce_of(response.headers["dpop-nonce"]) or self._nonce
        self._jar.store(url, response.headers.get("set-cookie", ()))
        expects_reply = message is None or message.kind is Kind.REQUEST
        in_session = "mcp-session-id" in headers
        verdict = judge(response.status, response.headers, expects_reply=expects_reply, in_session=in_session)
        return response, verdict


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


def _scheme(credentials: HeaderFields) -> str:
    """The authentication scheme of a request, for the log."""
    if "dpop" in credentials:
        return "dpop"
    if credentials.get("authorization", "").startswith("Bearer "):
        return "bearer"
    return "headers" if credentials else "none"
