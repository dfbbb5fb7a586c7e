"""Prefers the modern era at a server that speaks both and opens legacy sessions without keeping them.

The TypeScript SDK 2.x does so by default: its reply to `initialize` names no session, and each request meets a new
instance. So elicitation, sampling, roots, subscriptions, cancellation and the log level are lost. In its modern era it
has them all. A server that keeps sessions loses nothing in the legacy era, so the bridge uses that one: some tools made
with the Python SDK 2.x can ask the client only there. The relay also asks a server whose reply to `initialize` names a
revision of the modern era, because that revision has no sessions.
"""

from collections.abc import Sequence

import msgspec

from mcp_auth_bridge.errors import BridgeError, TheirProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import NOTHING, REPLY, Action, Around, Hangup, Message, Relay, ToServer, Wake
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

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        if call in PROBES:
            is_answer = call == self._probe and message.kind is REPLY
            return self._answered(message) if is_answer else NOTHING
        if not self._asked and call in OWN and _is_doubtful(message):
            self._asked, self._withheld = True, _Withheld(call, message)
            return self._ask()
        return self._inner.from_server(call, message)

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        if call == self._probe:
            return self._pass_on()
        if call in PROBES or (self._withheld is not None and call == self._withheld.call):
            return NOTHING  # the reply to that `initialize` has come
        return self._inner.ended(call, error)

    def woke(self, timer: str) -> Sequence[Action]:
        if timer != _TIMER:
            return self._inner.woke(timer)
        return [Hangup(self._probe), *self._pass_on()] if self._withheld is not None else NOTHING

    def _ask(self) -> Sequence[Action]:
        self._probe = self._numbers.take()
        discover = replies.request(DISCOVER, {"_meta": META}, -self._probe)
        return [ToServer(self._probe, discover, standard_headers(discover)), Wake(_TIMER, PATIENCE)]

    def _answered(self, discovery: Message) -> Sequence[Action]:
        if self._withheld is None or not is_modern(discovery):
            return self._pass_on()
        withheld, self._withheld = self._withheld, None
        # The session fails all that waits for it, so that nothing stays behind in the legacy era.
        stateless = TheirProtocolError("the server keeps no legacy session, and speaks MCP 2026-07-28")
        return self._inner.ended(withheld.call, stateless)

    def _pass_on(self) -> Sequence[Action]:
        if self._withheld is None:
            return NOTHING
        withheld, self._withheld = self._withheld, None
        passed = self._inner.from_server(withheld.call, withheld.reply)
        return [*passed, *self._inner.ended(withheld.call, None)]


def _is_doubtful(reply: Message) -> bool:
    """Whether `reply` opens a session of which the server may know nothing."""
    result = result_of(reply)
    return result is not None and (
        reply.is_stateless or replies.members(result).get("protocolVersion") in MODERN_VERSIONS
    )
