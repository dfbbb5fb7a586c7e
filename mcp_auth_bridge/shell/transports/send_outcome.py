"""The HTTP response to one request with credentials, and the messages in it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, TypeAlias

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.errors import OutcomeUnknown
from mcp_auth_bridge.relay.http_semantics import Unauthorized, Verdict
from mcp_auth_bridge.relay.redirects import redirect_target
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.transports.answers import Asked, Attribution, Deliver
from mcp_auth_bridge.shell.transports.messages import Denied
from mcp_auth_bridge.shell.transports.refusal_text import quote, read_words
from mcp_auth_bridge.urls import Url

HeaderFields: TypeAlias = Mapping[str, str]

ResponseFields: TypeAlias = Mapping[str, tuple[str, ...]]
"""The headers of a response by lower-case name, with their values in order of arrival."""

Alive: TypeAlias = Callable[[], None]
"""Called with each sign of life of one call, before and between its messages."""


class SendOutcome:
    """The HTTP response to a request, and its verdict. The caller calls `aclose`."""

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

    def redirect(self, verb: str, url: Url) -> Url | None:
        """Where this response to a request for `url` redirects to, None if nowhere. Raises `UpstreamFailed`."""
        if not 300 <= self.response.status < 400 or isinstance(self.verdict, Unauthorized):
            return None  # a redirect to a sign-in page is a refusal
        return redirect_target(verb, url, self.response.status, self.response.header("location"))

    async def refusal(self, reading: "Reading | None") -> Refusal | None:
        """The refusal of the credentials. None if there is none: then all messages were delivered to `reading`.

        Raises any `BridgeError` in place of a message. A refusal that speaks of an MCP session in which a request was
        answered is `SessionLost`: servers that have restarted say 401 (rust-sdk #559), and other credentials would not
        help. They would cost a refresh token, or a tab of the user's browser.
        """
        refused = await self._refusal_of_credentials(reading)
        if refused is None or not self.asked.in_proven_session:
            return refused
        from mcp_auth_bridge.relay.session_loss import RefusedRequest, lost_session  # most starts meet no refusal

        words = f"{refused.description}. {refused.words}"
        lost = lost_session(RefusedRequest(refused.status, self.asked.session_id, words))
        if lost is None:
            return refused
        raise quote(lost, refused.said, self.sent)

    async def _refusal_of_credentials(self, reading: "Reading | None") -> Refusal | None:
        if isinstance(self.verdict, Unauthorized):
            return self._refusal(self.verdict, await read_words(self.response))
        if reading is None:
            return None
        try:
            await self._read(reading)
        except Denied as denied:
            return self._refusal(denied.verdict)
        return None

    async def _read(self, reading: "Reading") -> None:
        attribution = Attribution(self.asked, self.response.status, self.sent, reading.deliver)
        cut: OutcomeUnknown | None = None
        try:
            await reading.read(self, attribution.hand_on)
        except OutcomeUnknown as error:
            cut = error
        await attribution.end(cut)

    async def aclose(self) -> None:
        await self.response.aclose()

    def _refusal(self, verdict: Unauthorized, said: str = "") -> Refusal:
        from mcp_auth_bridge.oauth.challenge import choose_challenge  # most servers refuse nothing
        from mcp_auth_bridge.oauth.documents import known_error  # as above

        challenge = choose_challenge(verdict.fields)
        refused = Refusal(verdict.status, challenge, self.sent, self.again, said or verdict.words, verdict.protocol)
        blamed = known_error(challenge.error) if challenge and challenge.error else ""
        debug_log.event("mcp.refused", status=verdict.status, error=blamed, said=refused.said)
        return refused


Read: TypeAlias = Callable[[SendOutcome, Deliver], Awaitable[None]]
"""How a transport reads the messages of a response. Raises `Denied` if the first one refuses the credentials."""


class Reading(NamedTuple):
    """The messages of a response: how they are read, and where they go."""

    read: Read
    deliver: Deliver
