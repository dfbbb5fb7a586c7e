"""The relay for running without a person: a failure is a JSON-RPC error, a line in the log, and finally an exit code.

Nothing is answered from memory, not even `initialize`: an agent that sees tools which cannot work has no user to tell.
And a failure does not become a tool result, which only a model would read.
"""

from collections.abc import Iterator, Sequence

from mcp_auth_bridge.errors import BridgeError, OurProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import REPLY, Action, Fail, Message, Relay, Report, Reviewing, ToClient, collected


class Headless(Reviewing):
    """Wraps the whole relay."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)
        self._served = False
        self._last: BridgeError | None = None
        self._reported: tuple[object, ...] = ()

    @property
    def exit_code(self) -> int:
        """The exit code of the last failure if the server has answered no request, else 0."""
        return 0 if self._served or self._last is None else self._last.exit_code

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        actions = self._inner.from_server(call, message)
        for action in actions:
            # Before failures become replies: only a reply of the server's own shows that it serves.
            if type(action) is ToClient and action.message.kind is REPLY:
                self._served, self._reported = True, ()
        return self._review(actions)

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is Fail or type(action) is Report:
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            if isinstance(action, Fail):
                yield from self._failed(action.error)
                yield ToClient(replies.protocol_error(action.request, action.error))
            elif isinstance(action, Report):
                yield from self._failed(action.error)
            else:
                yield action

    @collected
    def _failed(self, error: BridgeError) -> Iterator[Action]:
        if isinstance(error, OurProtocolError):
            return  # the client's own mistake, or its way to find out the era
        self._last = error
        # An agent may retry a thousand times: the log gets one line, even if the message counts seconds.
        kind = (error.reason, error.sent, error.facts.get("status"))
        if kind != self._reported:
            self._reported = kind
            yield Report(error)
