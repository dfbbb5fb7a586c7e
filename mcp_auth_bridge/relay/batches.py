"""Batches of the client's, which exist in MCP 2025-03-26 alone: taken apart if that revision was agreed on.

Their answers come one by one, as that revision allows. The server's batches never get here: the transport splits them.
"""

from collections.abc import Iterable, Iterator

from mcp_auth_bridge.errors import OurProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Action, Around, Fail, Kind, Malformed, Message, Relay, ToClient
from mcp_auth_bridge.relay.envelope import result_of, split

_REVISION = "2025-03-26"


class Batches(Around):
    """Wraps the relay that handles single messages."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)
        self._opening: Message | None = None
        self._agreed = False

    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is Kind.BATCH:
            yield from self._taken_apart(message)
            return
        if message.method == "initialize" and message.kind is Kind.REQUEST:
            self._opening, self._agreed = message, False
        yield from self._seen(self._inner.from_client(message))

    def _taken_apart(self, batch: Message) -> Iterator[Action]:
        try:
            parts = self._parts(batch)
        except Malformed as malformed:
            yield ToClient(replies.malformed(malformed))
            return
        for part in parts:
            if part.method == "initialize" and part.kind is Kind.REQUEST:
                yield Fail(part, OurProtocolError("initialize must not be part of a batch"))
            else:
                yield from self._seen(self._inner.from_client(part))

    def _parts(self, batch: Message) -> list[Message]:
        if not self._agreed:
            raise Malformed(-32600, f"batches exist in MCP {_REVISION} only, which is not what was agreed on")
        parts = split(batch)
        if not parts:
            raise Malformed(-32600, "the batch is empty")
        return parts

    def _seen(self, actions: Iterable[Action]) -> Iterator[Action]:
        for action in actions:
            if self._opening is not None and isinstance(action, ToClient) and action.message.kind is Kind.REPLY:
                self._look(self._opening, action.message)
            yield action

    def _look(self, opening: Message, message: Message) -> None:
        if message.key == opening.key:
            self._opening = None
            self._agreed = replies.members(result_of(message)).get("protocolVersion") == _REVISION
