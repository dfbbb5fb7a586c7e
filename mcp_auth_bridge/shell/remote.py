"""The remote server over streamable HTTP (MCP 2025-03-26 to 2025-11-25): a POST for each message, a GET for its own.

Closing an iterator is hanging up. What arrives is yielded; what goes wrong is raised as a `BridgeError`.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

from mcp_auth_bridge.credentials.base import Credentials, Refusal, Target
from mcp_auth_bridge.errors import BridgeError, LoginRequired, TheirProtocolError, UpstreamFailed
from mcp_auth_bridge.oauth.challenge import Challenge, bearer
from mcp_auth_bridge.relay.base import Kind, Malformed, Message
from mcp_auth_bridge.relay.http_rules import (
    Accepted,
    Failed,
    One,
    Stream,
    Unauthorized,
    Verdict,
    judge,
    request_headers,
)
from mcp_auth_bridge.relay.peek import peek, split
from mcp_auth_bridge.relay.sse import Parser
from mcp_auth_bridge.shell.answer import Answer
from mcp_auth_bridge.shell.wire import Wire
from mcp_auth_bridge.urls import Url

_LARGEST = 64 * 1024 * 1024
_SESSION_ID = re.compile(r"[\x21-\x7e]{1,1024}")


class Remote:
    """`organisation` gives the profile's own headers, which go to this server and nowhere else."""

    def __init__(
        self, url: Url, wire: Wire, credentials: Credentials, organisation: Callable[[], Mapping[str, str]]
    ) -> None:
        self._url = url
        self._wire = wire
        self._credentials = credentials
        self._organisation = organisation
        self._session: dict[str, str] = {}

    async def post(self, message: Message, headers: Mapping[str, str]) -> AsyncGenerator[Message, None]:
        """Send `message` once and yield what the server answers."""
        opens = message.method == "initialize"
        session = {} if opens else self._session
        answer, verdict = await self._send("POST", {**headers, **session}, message)
        try:
            if opens and answer.status == 200:
                self._session = _session_of(answer)
            async for received in self._read(answer, verdict, message):
                yield received
        finally:
            await answer.aclose()

    async def listen(self, headers: Mapping[str, str]) -> AsyncGenerator[Message, None]:
        """The server's own stream (GET). Raises `UpstreamFailed` with a 4xx status if it offers none."""
        answer, verdict = await self._send("GET", {**headers, **self._session}, None)
        try:
            if isinstance(verdict, Failed):
                raise verdict.error
            if not isinstance(verdict, Stream):
                raise UpstreamFailed("the server answered a GET with no stream of events", status=406)
            async for received in _events(answer):
                yield received
        finally:
            await answer.aclose()

    async def challenge(self, opening: Message) -> Challenge | None:
        """What the server asks of somebody without credentials, here an `initialize`; None if it asks nothing.

        Some servers open a session for anybody and ask only later: it is ended again. Where there is no MCP server at
        all this raises, before a person is sent to a browser for nothing; 400 and 403 are what some gateways say to
        strangers.
        """
        answer, verdict = await self._attempt("POST", {}, {}, opening)
        await answer.aclose()
        if isinstance(verdict, Failed) and answer.status not in (400, 403):
            raise verdict.error
        if answer.status == 200 and (session := _session_of(answer)):
            ended, _ = await self._attempt("DELETE", session, {}, None)
            await ended.aclose()
        return bearer(answer.headers.get("www-authenticate", ()))

    async def close(self) -> None:
        """End the session, if there is one (MCP "Session Management"); the answer does not matter."""
        if self._session:
            session, self._session = self._session, {}
            answer, _ = await self._send("DELETE", session, None)
            await answer.aclose()

    async def _send(self, verb: str, headers: Mapping[str, str], message: Message | None) -> tuple[Answer, Verdict]:
        """Send with credentials. When they are refused, ask once for others and send once more.

        A refusal is not an execution (RFC 9110 section 15.5.2), so this never does anything twice.
        """
        target = Target(verb, self._url)
        credentials = await self._credentials.headers(target)
        answer, verdict = await self._attempt(verb, headers, credentials, message)
        if not isinstance(verdict, Unauthorized):
            return answer, verdict
        await answer.aclose()
        refusal = Refusal(verdict.status, bearer(verdict.fields), credentials)
        credentials = await self._credentials.headers(target, refusal)
        answer, verdict = await self._attempt(verb, headers, credentials, message)
        if not isinstance(verdict, Unauthorized):
            return answer, verdict
        await answer.aclose()
        raise LoginRequired(
            f"{self._url.origin} refuses even a fresh token (HTTP {verdict.status})",
            "log in again; if that does not help, the token's issuer, audience or scope is not what the server expects",
        )

    async def _attempt(
        self, verb: str, headers: Mapping[str, str], credentials: Mapping[str, str], message: Message | None
    ) -> tuple[Answer, Verdict]:
        fields = request_headers(verb, headers, self._organisation(), credentials)
        answer = await self._wire.send(verb, self._url, fields, message.raw if message else b"")
        expects_answer = message is None or message.kind is Kind.REQUEST
        in_session = "mcp-session-id" in headers
        return answer, judge(answer.status, answer.headers, expects_answer=expects_answer, in_session=in_session)

    async def _read(self, answer: Answer, verdict: Verdict, request: Message) -> AsyncIterator[Message]:
        match verdict:
            case Accepted():
                await answer.read(_LARGEST)
            case One():
                for message in _messages(await answer.read(_LARGEST)):
                    yield message
            case Stream():
                async for message in _events(answer):
                    yield message
            case Failed(error=error, body_may_answer=body_may_answer):
                yield await _error_answer(answer, request, error) if body_may_answer else _raise(error)


async def _events(answer: Answer) -> AsyncIterator[Message]:
    """The messages of an event stream. Priming events (no data) and events of other types carry none."""
    parser = Parser(_LARGEST)
    async for chunk in answer.chunks():
        for event in parser.feed(chunk):
            if event.data and event.type == b"message":
                for message in _messages(event.data):
                    yield message


def _messages(data: bytes) -> list[Message]:
    try:
        message = peek(data)
        return split(message) if message.kind is Kind.BATCH else [message]
    except Malformed as malformed:
        raise TheirProtocolError(f"the server sent something that is no message: {malformed.message}") from None


async def _error_answer(answer: Answer, request: Message, error: BridgeError) -> Message:
    """A JSON-RPC error that came with an HTTP error status is the server's answer to `request`; else raise `error`."""
    try:
        message = peek(await answer.read(_LARGEST))
    except Malformed:
        raise error from None
    if message.kind is Kind.RESPONSE and request.kind is Kind.REQUEST and message.key == request.key:
        return message
    raise error


def _raise(error: BridgeError) -> Message:
    raise error


def _session_of(answer: Answer) -> dict[str, str]:
    session_id = answer.header("mcp-session-id")
    if not session_id:
        return {}
    if not _SESSION_ID.fullmatch(session_id):
        raise TheirProtocolError("the server gave a session id that no header can carry")
    return {"mcp-session-id": session_id}
