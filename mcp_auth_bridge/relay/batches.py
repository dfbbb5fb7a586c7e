"""Splits the batches of the MCP client, which exist in MCP 2025-03-26 only, if that revision was negotiated.

Their replies come one by one, as that revision allows. A batch from the server does not reach this relay: the transport
splits it.
"""

from collections.abc import Iterator, Sequence

from mcp_auth_bridge.errors import OurProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    BATCH,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Malformed,
    Message,
    Relay,
    Reviewing,
    ToClient,
    collected,
)
from mcp_auth_bridge.relay.envelope import result_of, split_batch

_REVISION = "2025-03-26"


class Batches(Reviewing):
    """Wraps the relay that handles single messages."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)
        self._initialize: Message | None = None
        self._negotiated = False

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is BATCH:
            return self._split(message)
        if message.method == "initialize" and message.kind is REQUEST:
            self._initialize, self._negotiated = message, False
        actions = self._inner.from_client(message)
        return actions if self._initialize is None else self._review(actions)

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        actions = self._inner.from_server(call, message)
        return actions if self._initialize is None else self._review(actions)

    @collected
    def _split(self, batch: Message) -> Iterator[Action]:
        try:
            parts = self._parts(batch)
        except Malformed as malformed:
            yield ToClient(replies.malformed(malformed))
            return
        for part in parts:
            if part.method == "initialize" and part.kind is REQUEST:
                yield Fail(part, OurProtocolError("initialize must not be part of a batch"))
            else:
                yield from self._review(self._inner.from_client(part))

    def _parts(self, batch: Message) -> list[Message]:
        if not self._negotiated:
            raise Malformed(-32600, f"batches exist only in MCP {_REVISION}, which was not negotiated")
        parts = split_batch(batch)
        if not parts:
            raise Malformed(-32600, "the batch is empty")
        return parts

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is ToClient and action.message.kind is REPLY:
                self._note_revision(action.message)
        return actions

    def _note_revision(self, reply: Message) -> None:
        if self._initialize is not None and reply.key == self._initialize.key:
            self._initialize = None
            self._negotiated = replies.members(result_of(reply)).get("protocolVersion") == _REVISION
