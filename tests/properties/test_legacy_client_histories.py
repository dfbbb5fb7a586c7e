"""A legacy client in front of a modern server, under random histories.

Each request gets one reply, none if it is cancelled. Whatever reaches a side is a message of its own era: the models of
`mcp_types` for the client's revision, and for 2026-07-28, accept it.
"""

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from mcp_types import methods as models
from relaying import INITIALIZED, answer, cancelled, message, notification, request

from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.errors import LoginRequired, OutcomeUnknown, Unreachable, UpstreamFailed
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Fail, Hangup, Kind, ToClient, ToServer, Wake
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.http_semantics import SUPPORTED
from mcp_auth_bridge.relay.legacy_to_modern import LegacyToModern
from mcp_auth_bridge.relay.mcp_headers import MODERN_ERRORS
from mcp_auth_bridge.relay.modern import Modern
from mcp_auth_bridge.relay.modern_era import ModernEra
from mcp_auth_bridge.relay.parameter_headers import ParameterHeaders, hide_invalid
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.subscriptions import Subscriptions

MODERN = "2026-07-28"
RELAY = RelaySettings(deadline=20, longest=60, largest_message=1 << 20, ping=30)
ERRORS = [None, LoginRequired("log in"), Unreachable("away"), OutcomeUnknown("cut"), UpstreamFailed("…", status=502)]
EVERYTHING = {"roots": {}, "sampling": {"tools": {}, "context": {}}, "elicitation": {"form": {}, "url": {}}}
OLDER = {"roots": {"listChanged": True}, "sampling": {}, "elicitation": {}, "tasks": {}}
CAPABILITIES = [EVERYTHING, EVERYTHING, OLDER, {}]
METHODS = [
    "tools/call",
    "tools/call",
    "tools/call",
    "tools/list",
    "resources/read",
    "prompts/get",
    "completion/complete",
]
METHODS += [
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/subscribe",
    "resources/unsubscribe",
]
METHODS += ["ping", "logging/setLevel", "tasks/get", "tasks/list", "subscriptions/listen", "server/discover"]
NOTIFICATIONS = [
    "notifications/roots/list_changed",
    "notifications/initialized",
    "notifications/progress",
    "tasks/status",
]

FRESH = {"resultType": "complete", "ttlMs": 1000, "cacheScope": "private"}
TEXT = {"type": "text", "text": "x"}
SERVER = {"io.modelcontextprotocol/serverInfo": {"name": "far", "version": "1"}}
LISTENING = {"tools": {"listChanged": True}, "resources": {"listChanged": True, "subscribe": True}}
DISCOVERED = {**FRESH, "supportedVersions": [MODERN], "capabilities": LISTENING, "_meta": SERVER}
TOOLS = [
    {"name": "a", "inputSchema": {"type": "object"}, "outputSchema": {"type": "object"}},
    {"name": "b", "inputSchema": {"type": "object"}, "outputSchema": {"type": "array", "items": {"type": "integer"}}},
]
RESULTS = {
    "server/discover": [
        DISCOVERED,
        DISCOVERED,
        {**DISCOVERED, "capabilities": {}},
        {**FRESH, "supportedVersions": ["x"]},
    ],
    "tools/list": [{**FRESH, "tools": TOOLS}, {**FRESH, "tools": [], "nextCursor": ""}],
    "prompts/list": [{**FRESH, "prompts": []}],
    "resources/list": [{**FRESH, "resources": []}],
    "resources/templates/list": [{**FRESH, "resourceTemplates": []}],
    "resources/read": [{**FRESH, "contents": [{"uri": "a:1", "text": "x"}]}],
    "prompts/get": [{"resultType": "complete", "messages": [{"role": "user", "content": TEXT}]}],
    "completion/complete": [{"resultType": "complete", "completion": {"values": []}}],
    "tools/call": [
        {"resultType": "complete", "content": [TEXT], "structuredContent": [1]},
        {"resultType": "complete", "content": [TEXT], "structuredContent": {"a": 1}, "_meta": SERVER},
        {"content": [TEXT]},
        {"resultType": "task", "taskId": "T", "status": "working", "ttlMs": None, "pollIntervalMs": 1},
        {"resultType": "task", "taskId": "T", "status": "input_required", "inputRequests": {}},
    ],
    "tasks/get": [
        {"resultType": "complete", "taskId": "T", "status": "working"},
        {"resultType": "complete", "taskId": "T", "status": "completed", "result": {"content": [TEXT]}},
        {"resultType": "complete", "taskId": "T", "status": "failed", "error": {"code": -32603, "message": "no"}},
        {"resultType": "complete", "taskId": "T", "status": "cancelled"},
        {
            "resultType": "complete",
            "taskId": "T",
            "status": "input_required",
            "inputRequests": {"k": {"method": "roots/list", "params": {}}},
        },
    ],
}
ANYTHING = [{"resultType": "song"}, {"resultType": "complete"}, {}, [], None, {"resultType": "input_required"}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "oneOf": [{"const": "x", "title": "X"}]}}}
SEVERAL = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string", "enum": ["x"]}}}}
QUESTIONS = [
    {"method": "elicitation/create", "params": {"mode": "form", "message": "?", "requestedSchema": SCHEMA}},
    {"method": "elicitation/create", "params": {"mode": "form", "message": "?", "requestedSchema": SEVERAL}},
    {"method": "elicitation/create", "params": {"mode": "url", "message": "?", "url": "https://x.example"}},
    {
        "method": "sampling/createMessage",
        "params": {"messages": [{"role": "user", "content": [TEXT, TEXT]}], "maxTokens": 5},
    },
    {"method": "roots/list", "params": {}},
]
ANSWERS = {
    "elicitation/create": [{"action": "accept", "content": {"a": "x"}}, {"action": "decline"}],
    "sampling/createMessage": [{"role": "assistant", "content": TEXT, "model": "m"}],
    "roots/list": [{"roots": []}],
}
picks = st.integers(0, 1 << 16)


class LegacyClientHistories(RuleBasedStateMachine):
    """`open` are the requests without a reply; `calls` run at the server; `asked` are the questions of the bridge."""

    def __init__(self):
        super().__init__()
        modern = Modern(ParameterHeaders(Delivery(Passthrough(), RELAY), hide_invalid))
        self.relay = LegacyToModern(ModernEra(Subscriptions(modern)), "far")
        self.revision = None
        self.open, self.calls, self.asked, self.asked_for, self.progress = {}, {}, {}, {}, {}
        self.timers, self.states = set(), set()
        self.next_id = 0

    @initialize(
        revision=st.sampled_from(SUPPORTED),
        capabilities=st.sampled_from(CAPABILITIES),
        is_opened=st.sampled_from([True, True, True, False]),
    )
    def begins(self, revision, capabilities, is_opened):
        self.revision = revision
        self.asks(
            "initialize", protocolVersion=revision, capabilities=capabilities, clientInfo={"name": "i", "version": ""}
        )
        if is_opened:
            self.server_says(1, DISCOVERED)
            self.say(INITIALIZED)

    # The world: the part of the shell, which checks what passes.

    def perform(self, actions):
        for action in list(actions):
            match action:
                case ToClient(message=told) if told.kind is Kind.REPLY:
                    self.answered(told)
                case Fail(request=failed, error=error):
                    assert failed.raw == self.open[failed.key].raw, "a failure names the request as it came"
                    self.answered(replies.failure(failed, error))
                case ToClient(message=told) if told.kind is Kind.REQUEST:
                    assert told.key not in self.asked
                    self.asked[told.key] = told
                    models.parse_server_request(told.method, self.revision, told.params)
                case ToClient(message=told):
                    self.told(told)
                case ToServer(call=call, message=sent):
                    assert call not in self.calls
                    self.calls[call] = sent
                    self.posted(sent)
                case Hangup(call=call):
                    self.calls.pop(call, None)
                case Wake(timer=timer, seconds=seconds):
                    assert seconds > 0
                    self.timers.add(timer)

    def answered(self, told):
        assert told.key in self.open, "a reply to no request, a second one, or one after the cancellation"
        asked = self.open.pop(told.key)
        self.progress.pop(told.key, None)
        value = json.loads(told.raw)
        assert ("result" in value) != ("error" in value)
        if "error" in value:
            assert value["error"]["code"] not in MODERN_ERRORS
            return
        assert not {"resultType", "ttlMs", "cacheScope", "inputRequests", "requestState"} & value["result"].keys()
        if asked.method not in ("tools/call", "prompts/get") or not self.is_strange:
            models.validate_server_result(asked.method, self.revision, value["result"])

    is_strange = False  # whether the server has answered with something invalid

    def told(self, told):
        models.parse_server_notification(told.method, self.revision, told.params)
        assert "io.modelcontextprotocol/subscriptionId" not in json.dumps(told.params)
        if told.method == "notifications/cancelled":
            assert self.asked.pop(told.params["requestId"]), "only the bridge's own questions are withdrawn"
        elif told.method == "notifications/progress":
            token, value = told.params["progressToken"], told.params["progress"]
            assert self.progress[token] < value, "progress grows, and ends with the reply"
            self.progress[token] = value

    def posted(self, sent):
        assert sent.kind is Kind.REQUEST
        params = sent.params
        assert "task" not in params
        if sent.method.startswith("tasks/"):
            assert params["taskId"] == "T"
            assert params["_meta"]["io.modelcontextprotocol/protocolVersion"] == MODERN
            return
        models.validate_client_request(sent.method, MODERN, params)
        state = params.get("requestState")
        if state is not None:
            assert state in self.states
            assert state.split(" ")[0] == params["arguments"]["mine"], "nothing leaks to another request"

    def say(self, value):
        told = message(value)
        if told.kind is Kind.REQUEST:
            self.open[told.key] = told
        self.perform(self.relay.from_client(told))

    def asks(self, method, **params):
        self.next_id += 1
        id_ = self.next_id if self.next_id % 2 else str(self.next_id - 1)
        self.progress[id_] = -1.0
        self.say(request(id_, method, **params))

    def pick(self, pick, among):
        return sorted(among, key=repr)[pick % len(among)]

    # Steps of a client.

    @rule(
        method=st.sampled_from(METHODS), level=st.sampled_from(["info", "debug"]), uri=st.sampled_from(["a:1", "b:2"])
    )
    def client_asks_for_anything(self, method, level, uri):
        self.client_asks(method, level, uri)

    def client_asks(self, method, level, uri):
        id_ = self.next_id + 1 if self.next_id % 2 == 0 else str(self.next_id)
        params = {"name": "a", "arguments": {"mine": repr(id_)}, "uri": uri, "level": level, "task": {"ttl": 1}}
        completion = {"ref": {"type": "ref/prompt", "name": "a"}, "argument": {"name": "a", "value": ""}}
        if method == "completion/complete":
            params = {**completion, "arguments": params["arguments"]}
        self.asks(method, **params, _meta={"progressToken": id_})

    def client_calls_a_tool(self):
        """The calls that carry it: none while there is no session."""
        before = set(self.calls)
        self.client_asks("tools/call", "info", "a:1")
        return [call for call in self.calls.keys() - before if self.calls[call].method == "tools/call"]

    @rule(asked=st.lists(st.sampled_from(QUESTIONS), min_size=1, max_size=2), has_state=st.booleans())
    def client_calls_a_tool_that_needs_input(self, asked, has_state):
        for call in self.client_calls_a_tool():
            self.needs_input(call, asked, has_state=has_state)

    @rule(task=st.sampled_from(RESULTS["tools/call"][-2:]))
    def client_calls_a_tool_that_becomes_a_task(self, task):
        for call in self.client_calls_a_tool():
            self.server_says(call, task)
            self.time_passes(0)

    @rule()
    def client_is_ready(self):
        self.say(INITIALIZED)

    @rule(method=st.sampled_from(NOTIFICATIONS))
    def client_tells(self, method):
        self.say(notification(method))

    @precondition(lambda self: self.asked)
    @rule(pick=picks)
    def client_cancels_what_it_is_asked_for(self, pick):
        mine = self.asked_for.get(self.pick(pick, self.asked))
        for key in [key for key in self.open if repr(key) == mine]:
            del self.open[key]
            del self.progress[key]
            self.say(cancelled(key))

    @precondition(lambda self: self.asked)
    @rule(pick=picks, refuses=st.sampled_from([False, False, True]), choice=picks)
    def client_answers(self, pick, refuses, choice):
        key = self.pick(pick, self.asked)
        method = self.asked.pop(key).method
        error = {"jsonrpc": "2.0", "id": key, "error": {"code": -1, "message": "no"}}
        self.say(error if refuses else answer(key, self.pick(choice, ANSWERS[method])))

    @precondition(lambda self: self.open)
    @rule(pick=picks)
    def client_cancels(self, pick):
        key = self.pick(pick, self.open)
        if self.open[key].method != "initialize":
            del self.open[key]
            self.progress.pop(key, None)
        self.say(cancelled(key))

    # Steps of a server and the network.

    def hear(self, call, value):
        self.perform(self.relay.from_server(call, message(value)))

    def server_says(self, call, result):
        self.hear(call, b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (self.calls[call].id, json.dumps(result).encode()))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, choice=picks)
    def server_answers(self, pick, choice):
        call = self.pick(pick, self.calls)
        known = RESULTS.get(self.calls[call].method)
        if known:
            self.server_says(call, known[choice % len(known)])

    @precondition(lambda self: self.calls)
    @rule(pick=picks, result=st.sampled_from(ANYTHING))
    def server_answers_strangely(self, pick, result):
        call = self.pick(pick, self.calls)
        if self.calls[call].method in ("tools/call", "prompts/get", "server/discover", "tasks/get"):
            self.is_strange = True
            self.server_says(call, result)

    @precondition(lambda self: any(sent.method == "tools/call" for sent in self.calls.values()))
    @rule(pick=picks, asked=st.lists(st.sampled_from(QUESTIONS), max_size=2), has_state=st.booleans())
    def server_needs_input(self, pick, asked, has_state):
        calls = [call for call, sent in self.calls.items() if sent.method == "tools/call"]
        self.needs_input(self.pick(pick, calls), asked, has_state=has_state)

    def needs_input(self, call, asked, *, has_state):
        state = f"{self.calls[call].params['arguments']['mine']} {len(self.states)}"
        self.states.add(state)
        required = {"resultType": "input_required", "inputRequests": {str(n): entry for n, entry in enumerate(asked)}}
        mine, before = self.calls[call].params["arguments"]["mine"], set(self.asked)
        self.server_says(call, {**required, "requestState": state} if has_state or not asked else required)
        self.asked_for |= dict.fromkeys(self.asked.keys() - before, mine)

    @precondition(lambda self: self.calls)
    @rule(pick=picks, code=st.sampled_from([-32020, -32021, -32022, -32601, -32602, 1]))
    def server_refuses(self, pick, code):
        call = self.pick(pick, self.calls)
        data = b'{"uri":"a:1","requiredCapabilities":{"roots":{}},"supported":["2026-07-28"],"requested":"x"}'
        self.hear(call, b'{"id":%b,"error":{"code":%d,"message":"","data":%b}}' % (self.calls[call].id, code, data))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, value=st.sampled_from([1, 2, 3.5]), token=picks)
    def server_reports_progress(self, pick, value, token):
        tokens = [*self.progress, "unknown"]
        told = notification("notifications/progress", progressToken=self.pick(token, tokens), progress=value)
        for _ in range(2):
            self.hear(self.pick(pick, self.calls), told)

    @precondition(lambda self: self.calls)
    @rule(pick=picks, method=st.sampled_from(["message", "tasks", "cancelled", "elicitation/complete"]), about=picks)
    def server_tells(self, pick, method, about):
        said = {
            "message": {"level": "info", "data": "x"},
            "tasks": {"taskId": "T", "status": "working"},
            "cancelled": {"requestId": self.pick(about, [*self.asked, "x"])},
            "elicitation/complete": {"elicitationId": "x"},
        }
        self.hear(self.pick(pick, self.calls), notification(f"notifications/{method}", **said[method]))

    @precondition(lambda self: any(sent.method == "subscriptions/listen" for sent in self.calls.values()))
    @rule(pick=picks, all_granted=st.booleans(), change=st.sampled_from(["tools/list_changed", "resources/updated"]))
    def server_acknowledges_and_reports_a_change(self, pick, all_granted, change):
        call = self.pick(pick, [call for call, sent in self.calls.items() if sent.method == "subscriptions/listen"])
        meta = {"io.modelcontextprotocol/subscriptionId": self.calls[call].key}
        granted = self.calls[call].params["notifications"] if all_granted else {}
        self.hear(call, notification("notifications/subscriptions/acknowledged", _meta=meta, notifications=granted))
        if call in self.calls:
            self.hear(call, notification(f"notifications/{change}", _meta=meta, uri="a:1"))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, error=st.sampled_from(ERRORS))
    def call_ends(self, pick, error):
        call = self.pick(pick, self.calls)
        del self.calls[call]
        self.perform(self.relay.ended(call, error))

    @precondition(lambda self: self.timers)
    @rule(pick=picks)
    def time_passes(self, pick):
        timer = self.pick(pick, self.timers)
        self.timers.remove(timer)
        self.perform(self.relay.woke(timer))

    @invariant()
    def every_open_request_has_something_to_wait_for(self):
        assert not self.open or self.calls or self.timers or self.asked, self.open

    @invariant()
    def a_question_belongs_to_an_open_request(self):
        mine = {repr(key) for key in self.open}
        assert all(self.asked_for[key] in mine for key in self.asked if key in self.asked_for)

    def teardown(self):
        for _ in range(2000):
            if not self.open:
                return
            if self.asked:
                self.client_answers(0, True, 0)
            elif self.calls:
                call = min(self.calls)
                del self.calls[call]
                self.perform(self.relay.ended(call, UpstreamFailed("…", status=403)))
            else:
                for timer in sorted(self.timers):
                    self.timers.discard(timer)
                    self.perform(self.relay.woke(timer))
        raise AssertionError(f"a reply is missing: {self.open}")


TestLegacyClientHistories = LegacyClientHistories.TestCase
TestLegacyClientHistories.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
