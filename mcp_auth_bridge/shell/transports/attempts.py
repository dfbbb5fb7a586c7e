"""One attempt at a request: its head, its response's verdict, and what the response teaches for the next ones."""

from collections import deque
from collections.abc import Collection, Hashable, Mapping
from typing import TypeAlias

from mcp_auth_bridge.relay.base import REQUEST, Message
from mcp_auth_bridge.relay.http_semantics import Accepted, EventStream, SingleMessage, Verdict, judge, request_headers
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.console.silence_notice import announce_wait
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.net.route import PreparedHead
from mcp_auth_bridge.shell.transports.answers import Asked
from mcp_auth_bridge.shell.transports.cookies import CookieJar
from mcp_auth_bridge.shell.transports.send_outcome import HeaderFields, ResponseFields
from mcp_auth_bridge.urls import Url

_PROVEN = 8  # sessions
_ANSWERED = (SingleMessage, EventStream)

PLAIN: Mapping[tuple[int, tuple[str, ...] | None, bool], Verdict] = {
    (200, ("application/json",), True): SingleMessage(),
    (200, ("application/json; charset=utf-8",), True): SingleMessage(),
    (200, ("text/event-stream",), True): EventStream(),
    (202, None, False): Accepted(),
}
"""What `judge` says of nearly all responses, by status, `Content-Type`, and whether a reply is expected."""

_Origins: TypeAlias = tuple[str, Url, HeaderFields, HeaderFields, HeaderFields]


class Attempts:
    """The attempts at requests to one server, over the connections of `pool`. `jar` keeps its cookies."""

    def __init__(self, pool: Pool, jar: CookieJar) -> None:
        # The server's latest nonce for proofs (RFC 9449 section 9), "" while it has given none.
        self.nonce = ""
        # The names of all headers that the credentials have given so far.
        self.sent: frozenset[str] = frozenset()
        # The connections to the server.
        self._pool = pool
        # The cookies.
        self._jar = jar
        # The last head, and all that it was made of: nearly all requests of a session have the same one.
        self._last: tuple[_Origins, PreparedHead] | None = None
        # The ids of the last sessions in which the server answered a request: a refusal may come late.
        self._proven_sessions: deque[str] = deque(maxlen=_PROVEN)

    async def exchange(
        self, verb: str, url: Url, headers: HeaderFields, message: Message | None, credentials: HeaderFields
    ) -> StreamedResponse:
        """Send the request. Raises as `Pool.prepare` and `Pool.exchange`."""
        prepared = self.prepared(verb, url, headers, credentials)
        body = message.raw if message else b""
        with debug_log.timed("mcp", verb=verb, path=url.path, auth=_scheme(credentials), bytes=len(body)) as line:
            line.add(method=(message.method if message else None) or "")
            with announce_wait(url.origin):
                response = await self._pool.exchange(prepared, body)
            line.add(status=response.status)
        return response

    def prepared(self, verb: str, url: Url, headers: HeaderFields, credentials: HeaderFields) -> PreparedHead:
        """The head of a request. Raises as `Pool.prepare`."""
        cookies = self._jar.headers()
        if self._last is not None and self._last[0] == (verb, url, headers, cookies, credentials):
            return self._last[1]
        self.sent |= credentials.keys()
        prepared = self._pool.prepare(verb, url, request_headers(verb, headers, cookies, credentials))
        self._last = (verb, url, dict(headers), cookies, dict(credentials)), prepared
        return prepared

    def learn(self, url: Url, head: ResponseFields) -> None:
        """Keep the nonce and the cookies in the `head` of a response from `url`."""
        if "dpop-nonce" in head:
            from mcp_auth_bridge.oauth.dpop import nonce_of  # few servers ask for proofs

            self.nonce = nonce_of(head["dpop-nonce"]) or self.nonce
        if "set-cookie" in head:
            self._jar.store(url, head["set-cookie"])

    def asked(
        self, headers: HeaderFields, message: Message | None, verdict: Verdict | None, under_way: Collection[Hashable]
    ) -> Asked:
        """The request that a response with this `verdict` answers. Notes that its session is known to the server."""
        is_proven = self.note_session(headers, message, verdict)
        return Asked(message, headers.get("mcp-session-id", ""), is_proven, under_way)

    def note_session(self, headers: HeaderFields, message: Message | None, verdict: Verdict | None) -> bool:
        """Note that the server knows the session of a request, if it answers so.

        Returns whether that was known before.
        """
        session_id = headers.get("mcp-session-id", "")
        if session_id in self._proven_sessions:
            return True
        is_request = message is not None and message.kind is REQUEST
        if session_id and is_request and isinstance(verdict, _ANSWERED):
            self._proven_sessions.append(session_id)
        return False


def verdict_on(status: int, head: ResponseFields, headers: HeaderFields, message: Message | None) -> Verdict:
    """The verdict on the response with this `head` to a request with `headers` and `message`."""
    expects_reply = message is None or message.kind is REQUEST
    if (verdict := PLAIN.get((status, head.get("content-type"), expects_reply))) is not None:
        return verdict  # nearly always
    return judge(status, head, expects_reply=expects_reply, in_session="mcp-session-id" in headers)


def _scheme(credentials: HeaderFields) -> str:
    """The authentication scheme of a request, for the log."""
    if "dpop" in credentials:
        return "dpop"
    if credentials.get("authorization", "").startswith("Bearer "):
        return "bearer"
    return "headers" if credentials else "none"
