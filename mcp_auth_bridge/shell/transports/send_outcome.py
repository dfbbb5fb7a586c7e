"""The HTTP response to one request with credentials, and the messages in it."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TypeAlias

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay.base import Message
from mcp_auth_bridge.relay.http_semantics import Unauthorized, Verdict
from mcp_auth_bridge.relay.redirects import redirect_target
from mcp_auth_bridge.relay.session_loss import RefusedRequest, lost_session
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.transports.answers import Asked, attributed
from mcp_auth_bridge.shell.transports.messages import Denied
from mcp_auth_bridge.shell.transports.refusal_text import quote, read_words
from mcp_auth_bridge.urls import Url

HeaderFields: TypeAlias = Mapping[str, str]

Alive: TypeAlias = Callable[[], None]
"""Called with each sign of life of one call, before and between its messages."""


class SendOutcome:
    """The HTTP response to a request, its verdict, and its messages, the first of which has been read.

    The caller iterates over `messages` to the end, or calls `aclose`.
    """

    def __init__(
        self, response: StreamedResponse, verdict: Verdict, asked: Asked, sent: HeaderFields, *, again: bool
    ) -> None:
        # The response; it is closed with the outcome.
        self.response = response
        # The meaning of its status and media type.
        self.verdict = verdict
        # The request.
        self.asked = asked
        # The credentials of the request.
        self.sent = sent
        # Whether they replaced refused ones.
        self.again = again
        # The first message, or the error in its place; None if there is none, and after it was handed on.
        self.first: Message | BridgeError | None = None
        # All messages but `first`.
        self._rest: AsyncGenerator[Message, None] | None = None
        # Called when it is closed.
        self._closed: Callable[[], None] | None = None

    def on_close(self, closed: Callable[[], None]) -> None:
        """Call `closed` when this outcome is closed."""
        self._closed = closed

    def redirect(self, verb: str, url: Url) -> Url | None:
        """Where this response to a request for `url` redirects to, None if nowhere. Raises `UpstreamFailed`."""
        if not 300 <= self.response.status < 400 or isinstance(self.verdict, Unauthorized):
            return None  # a redirect to a sign-in page is a refusal
        return redirect_target(verb, url, self.response.status, self.response.header("location"))

    async def refusal(self, read: "Read | None") -> Refusal | None:
        """The refusal of the credentials, None if there is none. Then `first` holds what `read` yields first.

        A refusal that speaks of an MCP session in which a request was answered is `SessionLost`, in `first`: servers
        that have restarted say 401 (rust-sdk #559), and other credentials would not help. They would cost a refresh
        token, or a tab of the user's browser.
        """
        refused = await self._refusal_of_credentials(read)
        if refused is None or not self.asked.in_proven_session:
            return refused
        words = f"{refused.description}. {refused.words}"
        lost = lost_session(RefusedRequest(refused.status, self.asked.session_id, words))
        if lost is None:
            return refused
        self.first = quote(lost, refused.said, self.sent)
        return None

    async def _refusal_of_credentials(self, read: "Read | None") -> Refusal | None:
        if isinstance(self.verdict, Unauthorized):
            return self._refusal(self.verdict, await read_words(self.response))
        if read is None:
            return None
        self._rest = attributed(read(self), self.asked, self.response.status, self.sent)
        try:
            self.first = await anext(self._rest, None)
        except Denied as denied:
            return self._refusal(denied.verdict)
        except BridgeError as error:
            self.first = error
        return None

    async def messages(self) -> AsyncGenerator[Message, None]:
        """All messages as they come. Raises any `BridgeError` in place of a message."""
        try:
            first, self.first = self.first, None
            if isinstance(first, BridgeError):
                raise first
            if first is not None:
                yield first
            del first
            if self._rest is not None:
                async for received in self._rest:
                    yield received
                    del received
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        if self._closed is not None:
            self._closed()
        if self._rest is not None:
            await self._rest.aclose()
        await self.response.aclose()

    def _refusal(self, verdict: Unauthorized, said: str = "") -> Refusal:
        from mcp_auth_bridge.oauth.challenge import choose_challenge  # most servers refuse nothing
        from mcp_auth_bridge.oauth.documents import known_error  # as above

        challenge = choose_challenge(verdict.fields)
        refused = Refusal(verdict.status, challenge, self.sent, self.again, said or verdict.words, verdict.protocol)
        blamed = known_error(challenge.error) if challenge and challenge.error else ""
        debug_log.event("mcp.refused", status=verdict.status, error=blamed, said=refused.said)
        return refused


Read: TypeAlias = Callable[[SendOutcome], AsyncGenerator[Message, None]]
"""How a transport reads the messages of a response. Raises `Denied` if the first one refuses the credentials."""
