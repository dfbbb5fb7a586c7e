"""Prefers the modern era at a server that speaks both and opens legacy sessions without keeping them.

The TypeScript SDK 2.x does so by default: its reply to `initialize` names no session, and each request meets a new
instance. So elicitation, sampling, roots, subscriptions, cancellation and the log level are lost. In its modern era it
has them all. A server that keeps sessions loses nothing in the legacy era, so the bridge uses that one: some tools made
with the Python SDK 2.x can ask the client only there. The relay also asks a server whose reply to `initialize` names a
revision of the modern era, because that revision has no sessions.
"""

from collections.abc import Iterator

import msgspec

from mcp_auth_bridge.errors import BridgeError, TheirProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import REPLY, Action, Around, Hangup, Message, Relay, ToServer, Wake, collected
from mcp_auth_bridge.relay.call_numbers import OWN, PROBES, STREAM, CallNumbers
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.era import DISCOVER, is_modern
from mcp_auth_bridge.relay.mcp_headers import MODERN_VERSIONS, standard_headers
from mcp_auth_bridge.relay.own_handshake import META

PATIENCE = 5.0
"""Seconds that the server has for its reply to `server/discover`, during which the client waits for its session."""

_TIMER = "dual server"


class _Withheld(msgspec.Struct):
    """The server's reply to `initialize`, which came under `call` and has not been passed on."""

    call: int
    reply: Message


class DualServer(Around):
    """Wraps the relay that keeps a legacy session."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)

        # The server's reply to `initialize`, while the server is asked for its other era.
        self._withheld: _Withheld | None = None

        # The numbers of the calls that ask, and the newest of them.
        self._numbers = CallNumbers(PROBES)
        self._probe = STREAM

        # Whether the server has been asked: it is asked once.
        self._asked = False

    @collected
    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        if call in PROBES:
            if call == self._probe and message.kind is REPLY:
                yield from self._answered(message)
        elif not self._asked and call in OWN and _is_doubtful(message):
            self._asked, self._withheld = True, _Withheld(call, message)
            yield from self._ask()
        else:
            yield from self._inner.from_server(call, message)

    @collected
    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if call == self._probe:
            yield from self._pass_on()
        elif self._withheld is not None and call == self._withheld.call:
            pass  # its reply has come
        elif call not in PROBES:
            yield from self._inner.ended(call, error)

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        if timer != _TIMER:
            yield from self._inner.woke(timer)
        elif self._withheld is not None:
            yield Hangup(self._probe)
            yield from self._pass_on()

    @collected
    def _ask(self) -> Iterator[Action]:
        self._probe = self._numbers.take()
        discover = replies.request(DISCOVER, {"_meta": META}, -self._probe)
        yield ToServer(self._probe, discover, standard_headers(discover))
        yield Wake(_TIMER, PATIENCE)

    @collected
    def _answered(self, discovery: Message) -> Iterator[Action]:
        if self._withheld is None or not is_modern(discovery):
            yield from self._pass_on()
            return
        withheld, self._withheld = self._withheld, None
        # The session fails all that waits for it, so that nothing stays behind in the legacy era.
        stateless = TheirProtocolError("the server keeps no legacy session, and speaks MCP 2026-07-28")
        yield from self._inner.ended(withheld.call, stateless)

    @collected
    def _pass_on(self) -> Iterator[Action]:
        if self._withheld is not None:
            withheld, self._withheld = self._withheld, None
            yield from self._inner.from_server(withheld.call, withheld.reply)
            yield from self._inner.ended(withheld.call, None)


def _is_doubtful(reply: Message) -> bool:
    """Whether `reply` opens a session of which the server may know nothing."""
    result = result_of(reply)
    return result is not None and (
        reply.is_stateless or replies.members(result).get("protocolVersion") in MODERN_VERSIONS
    )
