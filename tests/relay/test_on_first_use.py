"""A relay is built by the client's first message, once, and gets everything from then on."""

from relaying import answer, message, notification, request

from mcp_auth_bridge.errors import Unreachable
from mcp_auth_bridge.relay.base import Note
from mcp_auth_bridge.relay.on_first_use import OnFirstUse


class Witness:
    """A relay that tells what it was given."""

    def from_client(self, given):
        return [Note(f"from client: {given.method}")]

    def from_server(self, call, given):
        return [Note(f"from server: {call} {given.kind.name}")]

    def alive(self, call):
        return [Note(f"alive: {call}")]

    def ended(self, call, error):
        return [Note(f"ended: {call} {type(error).__name__}")]

    def woke(self, timer):
        return [Note(f"woke: {timer}")]


def told(relay):
    """What `relay` does with everything that the server and the clock may tell it."""
    return [
        *relay.from_server(1, message(answer(1))),
        *relay.alive(1),
        *relay.ended(1, Unreachable("gone")),
        *relay.woke("timer"),
    ]


def test_before_the_client_has_spoken_nothing_is_built_and_nothing_done():
    def build():
        raise AssertionError("it was built")

    assert told(OnFirstUse(build)) == []


def test_the_first_message_builds_the_relay_and_the_next_ones_reach_the_same():
    built = []
    relay = OnFirstUse(lambda: built.append(Witness()) or built[-1])
    assert relay.from_client(message(request(1))) == [Note("from client: tools/call")]
    assert relay.from_client(message(notification("notifications/x"))) == [Note("from client: notifications/x")]
    assert told(relay) == [
        Note("from server: 1 REPLY"),
        Note("alive: 1"),
        Note("ended: 1 Unreachable"),
        Note("woke: timer"),
    ]
    assert len(built) == 1
