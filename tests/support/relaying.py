"""A relay by script: feed it messages of the client and the server, and compare its actions."""

import json

from mcp_auth_bridge.relay.base import (
    Fail,
    Hangup,
    Note,
    OpenStream,
    Remember,
    Report,
    SessionOpened,
    SignIn,
    ToClient,
    ToServer,
    Wake,
    collected,
)
from mcp_auth_bridge.relay.call_numbers import STREAM
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.relay.passthrough import Passthrough

INITIALIZE = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
WELCOMED = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "far", "version": "1"},
}
VERSION = {"mcp-protocol-version": "2025-06-18"}


def message(value):
    """A message from a JSON value or from raw bytes."""
    return peek(value if isinstance(value, bytes) else json.dumps(value).encode())


def request(id_, method="tools/call", **params):
    return {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}


def notification(method, **params):
    return {"jsonrpc": "2.0", "method": method, "params": params}


def cancelled(id_):
    return notification("notifications/cancelled", requestId=id_)


def answer(id_, result=None):
    return {"jsonrpc": "2.0", "id": id_, "result": {} if result is None else result}


class Living(Passthrough):
    """Notes each sign of life that reaches it."""

    @collected
    def alive(self, call):
        yield Note(f"alive: {call}")


class Playbook:
    """Each step returns the actions as tuples, as `to_client(…)`, `to_server(…)` and so on build them."""

    def __init__(self, relay):
        self.relay = relay

    def client(self, *values):
        return [words for value in values for words in in_words(self.relay.from_client(message(value)))]

    def server(self, call, value):
        return in_words(self.relay.from_server(call, message(value)))

    def stream(self, value):
        return self.server(STREAM, value)

    def alive(self, call):
        return in_words(self.relay.alive(call))

    def ended(self, call, error=None):
        return in_words(self.relay.ended(call, error))

    def woke(self, timer):
        return in_words(self.relay.woke(timer))


def in_words(actions):
    return [_word(action) for action in actions]


def _word(action):  # noqa: C901, PLR0911 - one for each action
    match action:
        case ToClient(message=told):
            return to_client(json.loads(told.raw))
        case ToServer(call=call, message=told, headers=headers):
            return to_server(call, json.loads(told.raw), **headers)
        case Fail(request=failed, error=error):
            return fail(json.loads(failed.raw), type(error))
        case Hangup(call=call):
            return hangup(call)
        case OpenStream(headers=headers):
            return ("open stream", headers)
        case SessionOpened():
            return ("session opened",)
        case Wake(timer=timer, seconds=seconds):
            return wake(timer, seconds)
        case Remember(method=method, result=result):
            return remember(method, json.loads(result or b"null"))
        case SignIn():
            return SIGN_IN
        case Note(text=text):
            return note(text)
        case Report(error=error):
            return report(type(error))
    raise AssertionError(action)


def to_client(value):
    return ("to client", value)


def to_server(call, value, **headers):
    return ("to server", call, value, headers)


def fail(value, error):
    return ("fail", value, error)


def hangup(call):
    return ("hang up", call)


def session_opened(**headers):
    """The server's own stream is opened, and the outer relays learn of the new session."""
    return ("open stream", headers), ("session opened",)


def wake(timer, seconds):
    return ("wake", timer, seconds)


SIGN_IN = ("sign in",)


def note(text):
    return ("note", text)


def report(error):
    return ("report", error)


def remember(method, result):
    return ("remember", method, result)


def sizes(relay):
    """How many items each collection of `relay` holds, without the empty ones: a relay must not grow."""
    return {
        name: len(value) for name, value in vars(relay).items() if isinstance(value, dict | set | list) and len(value)
    }
