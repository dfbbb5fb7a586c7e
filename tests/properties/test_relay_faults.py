"""A fault in any relay, in any entry: each request gets one reply, deadlines run, and a new start works."""

import heapq
import json
from itertools import count, product

import pytest
from relaying import message

from mcp_auth_bridge.app.relay_stack import build_relay
from mcp_auth_bridge.config.login import BrowserSettings
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay.base import Fail, Hangup, Kind, Message, SignIn, ToClient, ToServer, Wake
from mcp_auth_bridge.relay.call_numbers import SIGN_IN
from mcp_auth_bridge.relay.isolation import Isolation
from mcp_auth_bridge.urls import Purpose, gate

ENTRIES = ("from_client", "from_server", "alive", "ended", "woke")
URL = gate("https://mcp.example.com/mcp", Purpose.SERVER)
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
}
HOUR = 3600.0
MOMENTS = range(4)
"""Which of the times that an entry is used meets the fault."""


class Bug(Exception):
    pass


class World:
    """A client, a server that answers all but the tool `silent`, and a clock."""

    def __init__(self, client, server):
        self.eras = client, server
        profile = Profile("acme", URL, auth=BrowserSettings())
        self.relay = build_relay(profile, {"era": b'"%b"' % server.encode()})
        self.replies = {}
        self.calls = {}
        self.hung_up = set()
        self.timers = {}
        self.queue = []
        self.now = 0.0
        self.order = count()
        self.ids = count(1)

    def perform(self, actions):
        for action in actions:
            match action:
                case ToClient(message=told) if told.kind is Kind.REPLY:
                    self.replies.setdefault(told.key, []).append(json.loads(told.raw).get("result"))
                case Fail(request=request, error=error):
                    assert isinstance(error, BridgeError)
                    self.replies.setdefault(request.key, []).append(None)
                case ToServer(call=call, message=sent):
                    self.posted(call, sent)
                case Hangup(call=call):
                    self.hung_up.add(call)
                case Wake(timer=timer, seconds=seconds):
                    self.timers[timer] = number = next(self.order)
                    heapq.heappush(self.queue, (self.now + seconds, number, timer))
                case SignIn():
                    self.perform(self.relay.ended(SIGN_IN, None))

    def posted(self, call, sent):
        self.perform(self.relay.alive(call))
        if call in self.hung_up:
            return
        if sent.kind is Kind.REQUEST:
            if (reply := self.answer(json.loads(sent.raw))) is None:
                return
            self.perform(self.relay.from_server(call, message(reply)))
        if call not in self.hung_up:
            self.perform(self.relay.ended(call, None))

    def answer(self, request):
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        modern = self.eras[1] == "modern"
        match request["method"]:
            case "initialize" if not modern:
                server = {"protocolVersion": "2025-11-25", "serverInfo": {"name": "s", "version": "1"}}
                return {**reply, "result": {**server, "capabilities": {"tools": {}}}}
            case "server/discover" if modern:
                found = {"supportedVersions": ["2026-07-28"], "serverInfo": {"name": "s", "version": "1"}}
                return {**reply, "result": {**found, "capabilities": {"tools": {}}, "resultType": "complete"}}
            case "initialize" | "server/discover":
                return {**reply, "error": {"code": -32601, "message": "no"}}
            case "tools/call" if request["params"]["name"] == "silent":
                return None
            case "subscriptions/listen":
                return None
            case _:
                return {
                    **reply,
                    "result": {"content": [], "tools": [], **({"resultType": "complete"} if modern else {})},
                }

    def ask(self, method, **params):
        id_ = next(self.ids)
        if self.eras[0] == "modern":
            params["_meta"] = META
        self.replies.setdefault(id_, [])
        self.perform(self.relay.from_client(message({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})))
        return id_

    def start(self):
        if self.eras[0] == "modern":
            return self.ask("server/discover")
        id_ = self.ask(
            "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "c", "version": "1"}
        )
        self.perform(self.relay.from_client(message({"jsonrpc": "2.0", "method": "notifications/initialized"})))
        return id_

    def call(self, name):
        return self.ask("tools/call", name=name, arguments={})

    def wait(self, seconds):
        end = self.now + seconds
        while self.queue and self.queue[0][0] <= end:
            self.now, number, timer = heapq.heappop(self.queue)
            if self.timers.get(timer) == number:
                del self.timers[timer]
                self.perform(self.relay.woke(timer))
        self.now = end

    def history(self):
        self.start()
        self.call("quick")
        self.call("silent")
        self.wait(HOUR)


def is_between(part):
    """Whether `part` is not a relay and may hold one."""
    in_room = type(part).__module__.startswith("mcp_auth_bridge.relay.")
    return in_room and hasattr(part, "__dict__") and not isinstance(part, Message)


def layers(relay, known=None):
    """All relays below `relay`, each once."""
    known = {} if known is None else known
    for value in vars(relay).values():
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else (value,):
            if all(hasattr(part, entry) for entry in ENTRIES) and id(part) not in known:
                known[id(part)] = part
                layers(part, known)
            elif is_between(part) and id(part) not in known:
                layers(part, known)
    return list(known.values())


def inside(relay):
    """The relays whose faults are isolated, once the first message has built them."""
    everything = layers(relay)
    isolation = next(layer for layer in everything if isinstance(layer, Isolation))
    return layers(isolation)


def met_once(patch, kind, entry, moment):
    """At the time `moment` that `entry` of this `kind` is used, it does all that it does, and raises. Says whether."""
    original, used = getattr(kind, entry), []

    def faulty(relay, *arguments):
        actions = original(relay, *arguments)
        if type(relay) is kind:
            used.append(relay)
            if len(used) == moment + 1:
                raise Bug
        return actions

    patch.setattr(kind, entry, faulty)
    return lambda: len(used) > moment


@pytest.mark.parametrize("server", ["legacy", "modern"])
@pytest.mark.parametrize("client", ["legacy", "modern"])
def test_after_a_fault_each_request_has_one_reply_and_a_new_start_works(client, server, monkeypatch):
    sound = World(client, server)
    sound.history()
    met, wrong = 0, []
    for kind in {type(layer) for layer in inside(sound.relay)}:
        for entry, moment in product(ENTRIES, MOMENTS):
            world = World(client, server)
            with monkeypatch.context() as patch:
                is_met = met_once(patch, kind, entry, moment)
                world.history()
                met += is_met()
            start, call = world.start(), world.call("quick")
            world.call("silent")
            world.wait(HOUR)
            counts = {key: len(replies) for key, replies in world.replies.items()}
            if set(counts.values()) != {1} or not world.replies[start][0] or not world.replies[call][0]:
                wrong.append((kind.__name__, entry, moment, world.replies))
    assert met > 20
    assert not wrong, "\n".join(map(str, wrong))
