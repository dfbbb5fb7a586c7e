"""The MCP server over the HTTP transport that it speaks: streamable HTTP, else HTTP+SSE, detected at each `initialize`.

The methods deliver messages and raise every failure as a `BridgeError`. Cancelling one ends its connection.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from mcp_auth_bridge.credentials.base import Credentials
from mcp_auth_bridge.errors import BridgeError, CredentialRefused, LoginRequired, UrlRefused
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Kind, Message
from mcp_auth_bridge.relay.era import may_mean_other_era
from mcp_auth_bridge.relay.mcp_headers import MODERN_ERRORS
from mcp_auth_bridge.shell.console import debug_log, silence_notice
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.shell.transports.answers import Deliver
from mcp_auth_bridge.shell.transports.cookies import CookieJar, NoCookies
from mcp_auth_bridge.shell.transports.send_outcome import Alive
from mcp_auth_bridge.shell.transports.sender import Sender
from mcp_auth_bridge.shell.transports.streamable_http import StreamableHttp
from mcp_auth_bridge.shell.transports.swift import Course, Swift
from mcp_auth_bridge.urls import Url

if TYPE_CHECKING:
    from mcp_auth_bridge.shell.transports.http_sse import HttpSse


class Remote:
    """The headers of `credentials` go to this server and to no other; `jar` keeps its cookies."""

    def __init__(self, url: Url, pool: Pool, credentials: Credentials, jar: CookieJar | None = None) -> None:
        self._sender = Sender(url, pool, credentials, jar or NoCookies())
        self._streamable = StreamableHttp(self._sender)
        self._http_sse: HttpSse | None = None

    async def post(
        self, message: Message, headers: Mapping[str, str], deliver: Deliver, alive: Alive = lambda: None
    ) -> None:
        """Send `message` once and `deliver` the server's messages in return.

        `alive` is called when the server has accepted the message, and when bytes have come in return.
        """
        if message.method == "initialize":
            await self._initialize(message, headers, deliver, alive)
        else:
            await (self._http_sse or self._streamable).post(message, headers, deliver, alive)

    def at_once(self, call: int, message: Message, headers: Mapping[str, str], course: Course) -> Swift | None:
        """As `post`, if nothing has to be waited for; None if `post` has to send `message`.

        `course` hears of it under the number `call`.

        The debug log and the notice of silence tell of waits in a task, so they need one.
        """
        if message.method == "initialize" or self._http_sse is not None or debug_log.on or silence_notice.is_enabled():
            return None
        return self._streamable.at_once(call, message, headers, course)

    async def listen(self, headers: Mapping[str, str], deliver: Deliver) -> None:
        """Deliver the messages that the server sends of its own accord, as long as it sends them.

        Raises `UpstreamFailed` with a 4xx status if it offers no such stream, `SessionLost` if it was the session.
        """
        await (self._http_sse or self._streamable).listen(headers, deliver)

    async def close(self) -> None:
        """End the session, if there is one."""
        await (self._http_sse or self._streamable).close()

    async def _initialize(self, message: Message, headers: Mapping[str, str], deliver: Deliver, alive: Alive) -> None:
        if self._http_sse is not None:
            await self._renew(self._http_sse)
        await (self._http_sse.post if self._http_sse is not None else self._detect)(message, headers, deliver, alive)

    async def _renew(self, older: "HttpSse") -> None:
        """A new stream for a new session, or no `older` transport any more: the server may have been upgraded."""
        try:
            await older.renew()
        except BridgeError as error:
            if not may_mean_other_era(error):
                raise
            self._http_sse = None

    async def _detect(self, message: Message, headers: Mapping[str, str], deliver: Deliver, alive: Alive) -> None:
        async def hand_on(received: Message) -> None:
            await deliver(received if self._streamable.in_session else _without_session(received))

        refusal = await self._streamable.open(message, headers, hand_on, alive)
        if refusal is None:
            return
        if not isinstance(refusal, Message) or replies.error_code(refusal) not in MODERN_ERRORS:
            self._http_sse = await self._older()
        if self._http_sse is not None:
            await self._http_sse.post(message, headers, deliver, alive)
        elif isinstance(refusal, Message):
            await deliver(refusal)
        else:
            raise refusal

    async def _older(self) -> "HttpSse | None":
        """The transport of 2024-11-05, None if the server does not speak it: then its response to the POST counts."""
        from mcp_auth_bridge.shell.transports.http_sse import HttpSse  # few servers are that old

        transport = HttpSse(self._sender)
        try:
            await transport.open()
        except UrlRefused:
            raise  # it speaks that transport, and would lead the credentials to another origin
        except (LoginRequired, CredentialRefused):
            raise  # it asks for credentials at its stream, because that URL takes no POST
        except BridgeError:
            return None
        return transport


def _without_session(received: Message) -> Message:
    return msgspec.structs.replace(received, is_stateless=received.kind is Kind.REPLY)
