"""A modern client in front of a legacy server under random histories: one reply per request, each side in its era."""

import json
from itertools import count

from era_models import check_for_legacy_server, check_for_modern_client
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from modern_client import TAG, meta, modern
from relaying import WELCOMED, answer, cancelled, message, notification, request

from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.errors import LoginRequired, OutcomeUnknown, SessionLost, Unreachable, UpstreamFailed
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Fail, Hangup, Kind, ToClient, ToServer, Wake
from mcp_auth_bridge.relay.call_numbers import STREAM
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.modern_to_legacy import ModernToLegacy
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.session_replay import SessionReplay

ERRORS = [
    None,
    SessionLost("lost"),
    LoginRequired("log in"),
    Unreachable("away"),
    OutcomeUnknown("cut"),
    UpstreamFailed("502", status=502),
]
CAPABILITIES = [{}, {"elicitation": {}}, {"elicitation": {"url": {}}, "roots": {}}, {"sampling": {}, "roots": {}}]
OFFERS = [
    {},
    {
        "tools": {"listChanged": True},
        "resources": {"subscribe": True, "listChanged": True},
        "prompts": {"listChanged": True},
        "logging": {},
        "tasks": {"requests": {"tools": {"call": {}}}},
    },
]
URIS = ["file:///a", "file:///b"]
PARAMS = {
    "server/discover": {},
    "tools/list": {},
    "prompts/list": {},
    "completion/complete": {"ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "a", "value": "b"}},
    "tools/call": {"name": "add"},
    "resources/read": {"uri": URIS[0]},
    "prompts/get": {"name": "p"},
}
RESULTS = {
    "initialize": WELCOMED,
    "tools/list": {
        "tools": [{"name": "add", "inputSchema": {"type": "object"}, "execution": {"taskSupport": "required"}}]
    },
    "prompts/list": {"prompts": []},
    "completion/complete": {"completion": {"values": []}},
    "tools/call": {"content": [], "_meta": {"k": 1}},
    "tasks/result": {"content": []},
    "resources/read": {"contents": []},
    "prompts/get": {"messages": []},
}
ASKED = [
    ("elicitation/create", {"message": "?", "requestedSchema": {"type": "object", "properties": {}}}),
    ("elicitation/create", {"mode": "url", "message": "?", "url": "https://far.example", "elicitationId": "e"}),
    ("sampling/createMessage", {"messages": [], "maxTokens": 1}),
    ("roots/list", {}),
    ("ping", {}),
    ("tasks/list", {}),
]
RESPONSES = {
    "elicitation/create": {"action": "accept"},
    "sampling/createMessage": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "x"}},
    "roots/list": {"roots": []},
}
REFUSALS = [
    {"code": -32602, "message": "no"},
    {"code": -32002, "message": "no", "data": {"uri": "x"}},
    {"code": -32050, "message": "no"},
    {"code": -32042, "message": "no", "data": {"elicitations": [{"url": "https://far.example", "message": "go"}]}},
]
TOLD = [
    notification("notifications/tools/list_changed"),
    notification("notifications/resources/updated", uri=URIS[0]),
    notification("notifications/message", level="error", data="x"),
    notification("notifications/progress", progressToken="t1", progress=1),
    notification("notifications/progress", progressToken="t1", progress=2),
    notification("notifications/elicitation/complete", elicitationId="e"),
    notification("notifications/tasks/status", taskId="t", status="working"),
    notification("notifications/cancelled", requestId="s1"),
]
picks = st.integers(0, 1 << 16)


class Histories(RuleBasedStateMachine):
    """`open` are the client's requests without a reply, `calls` what runs at the server, `parked` may be continued."""

    def __init__(self):
        super().__init__()
        numbers = count(1)
        session = SessionReplay(LegacySession(Delivery(Passthrough(), RelaySettings())))
        self.relay = ModernToLegacy(session, lambda size: next(numbers).to_bytes(size))
        self.open = {}
        self.calls = {}
        self.parked = []
        self.acknowledged = set()
        self.timers = set()
        self.asked = 0
        self.next_id = 0
        self.offers = {}

    # The world: the part of the shell.

    def perform(self, actions):
        for action in list(actions):
            match action:
                case ToClient(message=told) if told.kind is Kind.REPLY:
                    self.answered(told)
                case ToClient(message=told):
                    self.told(told)
                case Fail(request=failed, error=error):
                    assert self.open[failed.key].raw == failed.raw, "an outer relay may send it again"
                    self.answered(replies.protocol_error(failed, error))
                case ToServer(call=call, message=sent):
                    assert call not in self.calls
                    check_for_legacy_server(sent.raw)
                    self.calls[call] = sent
                case Hangup(call=call):
                    self.calls.pop(call, None)
                case Wake(timer=timer):
                    self.timers.add(timer)

    def answered(self, told):
        assert told.key in self.open, "a reply to no request, a second one, or one after the cancellation"
        asked = self.open.pop(told.key)
        assert type(told.key) is type(asked.key)
        check_for_modern_client(told.raw, asked.method)
        result = json.loads(told.raw).get("result", {})
        if result.get("resultType") == "input_required":
            self.parked.append((asked, result))

    def told(self, told):
        check_for_modern_client(told.raw)
        tag = told.params.get("_meta", {}).get(TAG)
        if told.method == "notifications/message":
            assert any("logLevel" in request.raw.decode() for request in self.open.values())
        elif told.method == "notifications/progress":
            assert any(b'"t1"' in request.raw for request in self.open.values())
        else:
            assert tag in self.open
            assert self.open[tag].method == "subscriptions/listen"
            assert (tag in self.acknowledged) != (told.method == "notifications/subscriptions/acknowledged")
            self.acknowledged.add(tag)

    def say(self, value):
        told = message(value)
        if told.kind is Kind.REQUEST:
            self.open[told.key] = told
            self.acknowledged.discard(told.key)
        self.perform(self.relay.from_client(told))

    def fresh_id(self, pick):
        """An id that is not in use; one that was in use before, if there is one."""
        self.next_id += 1
        ids = [1, 2, "a", "b"]
        free = [id_ for id_ in ids if id_ not in self.open]
        return free[pick % len(free)] if free else self.next_id + 100

    def pick(self, pick):
        return sorted(self.calls)[pick % len(self.calls)]

    # Steps of a client.

    @rule(
        pick=picks,
        method=st.sampled_from(sorted(PARAMS)),
        capabilities=st.sampled_from(CAPABILITIES),
        level=st.sampled_from([None, "debug", "error"]),
        token=st.sampled_from([None, "t1"]),
    )
    def asks(self, pick, method, capabilities, level, token):
        self.say(modern(self.fresh_id(pick), method, capabilities, level, token, **PARAMS[method]))

    @rule(pick=picks, uris=st.sampled_from([None, [], URIS[:1], URIS]))
    def listens(self, pick, uris):
        wanted = {"toolsListChanged": True} | ({} if uris is None else {"resourceSubscriptions": uris})
        self.say(modern(self.fresh_id(pick), "subscriptions/listen", notifications=wanted))

    @rule(pick=picks, value=st.sampled_from([{}, {"_meta": {}}, {"_meta": {**meta(), TAG[:-5]: 1}}]))
    def asks_oddly(self, pick, value):
        self.say({"jsonrpc": "2.0", "id": self.fresh_id(pick), "method": "ping", "params": value})

    @precondition(lambda self: self.parked)
    @rule(pick=picks, keep=st.booleans(), answers=st.sampled_from(["all", "none", "first", "decline"]))
    def continues(self, pick, keep, answers):
        asked, result = self.parked[pick % len(self.parked)]
        if not keep:  # else the same handle is tried again
            self.parked.remove((asked, result))
        responses = {key: RESPONSES[wanted["method"]] for key, wanted in result["inputRequests"].items()}
        if answers == "decline":
            responses = {key: {"action": "decline"} for key in responses}
        elif answers != "all":
            responses = dict(list(responses.items())[: answers == "first"])
        value = json.loads(asked.raw)
        value["id"] = self.fresh_id(pick)
        value["params"] |= {"inputResponses": responses, "requestState": result["requestState"]}
        self.say(value)

    @precondition(lambda self: self.open)
    @rule(pick=picks)
    def cancels(self, pick):
        keys = sorted(self.open, key=repr)
        key = keys[pick % len(keys)]
        del self.open[key]
        self.say(cancelled(key))

    @rule(named=st.sampled_from([1, "a", True, None, "gone"]))
    def cancels_something_else(self, named):
        if named is True or named not in self.open:
            self.say(cancelled(named))

    @rule()
    def says_what_a_modern_client_does_not(self):
        self.say(answer("s1"))
        self.say(notification("notifications/initialized"))

    # Steps of a server and the network.

    @precondition(lambda self: self.calls)
    @rule(pick=picks, offers=st.sampled_from(OFFERS))
    def server_answers(self, pick, offers):
        call = self.pick(pick)
        sent = self.calls[call]
        result = RESULTS.get(sent.method, {})
        if sent.method == "initialize":
            result = {**result, "capabilities": offers}
        elif sent.params.get("task") is not None:
            result = {"task": {"taskId": "t", "status": "working"}}
        elif sent.method == "tasks/get":
            result = {"taskId": "t", "status": ["working", "completed"][pick % 2]}
        if sent.id is not None:
            self.perform(self.relay.from_server(call, replies.result(sent, result)))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, error=st.sampled_from(REFUSALS))
    def server_refuses(self, pick, error):
        call = self.pick(pick)
        if self.calls[call].kind is Kind.REQUEST:
            reply = {"jsonrpc": "2.0", "id": self.calls[call].key, "error": error}
            self.perform(self.relay.from_server(call, message(reply)))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, asked=st.sampled_from(ASKED), on_stream=st.booleans())
    def server_asks(self, pick, asked, on_stream):
        self.asked += 1
        call = STREAM if on_stream else self.pick(pick)
        method, params = asked
        self.perform(self.relay.from_server(call, message(request(f"s{self.asked}", method, **params))))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, value=st.sampled_from(TOLD), on_stream=st.booleans())
    def server_tells(self, pick, value, on_stream):
        self.perform(self.relay.from_server(STREAM if on_stream else self.pick(pick), message(value)))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, error=st.sampled_from(ERRORS))
    def call_ends(self, pick, error):
        self.end(self.pick(pick), error)

    def end(self, call, error):
        del self.calls[call]
        self.perform(self.relay.ended(call, error))

    @precondition(lambda self: self.timers)
    @rule(pick=picks)
    def time_passes(self, pick):
        timer = sorted(self.timers)[pick % len(self.timers)]
        self.timers.remove(timer)
        self.perform(self.relay.woke(timer))

    @invariant()
    def every_request_has_something_to_wait_for(self):
        waiting = [key for key, asked in self.open.items() if asked.method != "subscriptions/listen"]
        assert not waiting or self.calls or self.timers

    def teardown(self):
        for _ in range(30):
            while self.calls:
                self.end(min(self.calls), OutcomeUnknown("the end"))
            for timer in sorted(self.timers):
                self.timers.discard(timer)
                self.perform(self.relay.woke(timer))
        missing = [asked.method for asked in self.open.values() if asked.method != "subscriptions/listen"]
        assert not missing, "a reply is missing"


class OpenHistories(Histories):
    """With a session from the beginning, a client that declares everything, and a server that asks for much."""

    def __init__(self):
        super().__init__()
        self.asks(0, "server/discover", {}, None, None)
        self.server_answers(0, OFFERS[1])
        self.end(-1, None)
        self.end(-2, None)

    @rule(pick=picks, method=st.sampled_from(["tools/call", "resources/read", "prompts/get"]))
    def asks_for_something_with_questions(self, pick, method):
        self.asks(pick, method, {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}, None, "t1")

    @precondition(lambda self: self.calls)
    @rule(pick=picks, several=st.sampled_from([ASKED[:1], ASKED[1:4]]), answers=st.booleans())
    def a_call_is_parked(self, pick, several, answers):
        call = self.pick(pick)
        for asked in several:
            self.asked += 1
            method, params = asked
            self.perform(self.relay.from_server(call, message(request(f"s{self.asked}", method, **params))))
        for timer in sorted(self.timers):
            if timer.startswith("ask"):
                self.timers.remove(timer)
                self.perform(self.relay.woke(timer))
        if answers and call in self.calls and self.parked:
            self.continues(len(self.parked) - 1, keep=False, answers="all")
            self.server_answers(sorted(self.calls).index(call), {})


TestHistories = Histories.TestCase
TestOpenHistories = OpenHistories.TestCase
TestOpenHistories.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestHistories.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
