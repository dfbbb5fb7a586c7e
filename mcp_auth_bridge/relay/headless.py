"""Where no person is: a failure is an answer that a program can read, a line in the log, and in the end an exit code.

Nothing is answered from memory, `initialize` included: an agent that is let in to tools which cannot work has nobody to
tell. And no failure is a tool's result, which only a model would read.
"""

from collections.abc import Iterable, Iterator

from mcp_auth_bridge.errors import BridgeError, OurProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Action, Around, Fail, Kind, Message, Relay, Report, ToClient


class Headless(Around):
    """Wraps the whole relay."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)
        self._served = False
        self._last: BridgeError | None = None
        self._said: tuple[object, ...] = ()

    @property
    def exit_code(self) -> int:
        """That of the last failure if nothing but failures came of it all, else 0."""
        return 0 if self._served or self._last is None else self._last.exit_code

    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        for action in super().from_server(call, message):
            if isinstance(action, ToClient) and action.message.kind is Kind.REPLY:
                self._served, self._said = True, ()
            yield action

    def _seen(self, actions: Iterable[Action]) -> Iterator[Action]:
        for action in actions:
            if isinstance(action, Fail):
                yield from self._failed(action.error)
                yield ToClient(replies.protocol_error(action.request, action.error))
            elif isinstance(action, Report):
                yield from self._failed(action.error)
            else:
                yield action

    def _failed(self, error: BridgeError) -> Iterator[Action]:
        if isinstance(error, OurProtocolError):
            return  # the client's own affair, or the way in which it finds out about eras
        self._last = error
        # A thousand requests of an agent that tries again are one line, also where the words count the seconds.
        kind = (error.reason, error.sent, error.facts.get("status"))
        if kind != self._said:
            self._said = kind
            yield Report(error)
