"""The whole stack under random histories: every client request gets exactly one reply, unless it was cancelled."""

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from relaying import INITIALIZED, WELCOMED, answer, cancelled, message, notification, request

from mcp_auth_bridge.app import relay_stack
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.errors import (
    AccessDenied,
    LoginRequired,
    OutcomeUnknown,
    Sent,
    SessionDoubted,
    SessionLost,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.relay import replies as replies_module
from mcp_auth_bridge.relay.base import (
    Fail,
    Hangup,
    Kind,
    OpenStream,
    Remember,
    SessionOpened,
    SignIn,
    ToClient,
    ToServer,
    Wake,
)
from mcp_auth_bridge.relay.call_numbers import SIGN_IN, STREAM
from mcp_auth_bridge.relay.early_initialize import EarlyInitialize
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.login_offer import announcement
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.signing_in import SigningIn
from mcp_auth_bridge.urls import Purpose, gate

ERRORS = [
    None,
    SessionLost("lost"),
    LoginRequired("log in"),
    Unreachable("away"),
    OutcomeUnknown("cut"),
    AccessDenied("no"),
    UpstreamFailed("502", status=502),
]
METHODS = ["tools/call", "tools/list", "ping", "resources/read", "notifications/initialized", "notifications/cancelled"]
RESULTS = [
    {},
    [],
    5,
    None,
    "x",
    WELCOMED,
    {"tools": []},
    {"tools": 1, "capabilities": 1},
    {"capabilities": {"tools": True}},
]
MEMORIES = [{}, {"initialize": json.dumps(WELCOMED).encode(), "tools/list": b'{"tools":[]}'}, {"initialize": b"[]"}]
picks = st.integers(0, 1 << 16)


class Histories(RuleBasedStateMachine):
    """`open` are the requests without a reply, by key; `calls` the messages that run at the server."""

    def __init__(self):
        super().__init__()
        self.relay = EarlyInitialize(LegacySession(Passthrough()), "far", {})
        self.open = {}
        self.calls = {}
        self.lost = {}
        self.sends = {}
        self.hung_up = set()
        self.timers = set()
        self.signing_in = False
        self.next_id = 0

    # The world: the part of the shell.

    def perform(self, actions):
        for action in list(actions):
            match action:
                case ToClient(message=told) if told.kind is Kind.REPLY:
                    self.answered(told)
                case Fail(request=failed, error=error):
                    told = replies_module.failure(failed, error)
                    assert told.id == failed.id
                    self.answered(told)
                case ToClient(message=told):
                    json.loads(told.raw)
                case ToServer(call=call, message=sent):
                    self.posted(call, sent)
                case Hangup(call=call):
                    self.hung_up.add(call)
                    self.calls.pop(call, None)
                case Wake(timer=timer):
                    self.timers.add(timer)
                case SignIn():
                    assert not self.signing_in, "one login at a time"
                    self.signing_in = True
                case OpenStream() | SessionOpened() | Remember():
                    pass

    def answered(self, told):
        json.loads(told.raw)
        assert told.key in self.open, "a reply to no request, a second one, or one after the cancellation"
        assert type(told.key) is type(self.open.pop(told.key).key)

    def posted(self, call, sent):
        assert call != STREAM
        assert call not in self.calls, "one call, one request at a time"
        assert call not in self.hung_up, "nothing happens under a call after its hangup"
        self.calls[call] = sent
        if sent.method != "initialize":
            self.sends[call] = self.sends.get(call, 0) + 1
            assert self.sends[call] <= 1 + min(1, self.lost.get(call, 0)), (
                "only a refusal of the session is repeated, and once"
            )

    def say(self, value):
        told = message(value)
        if told.kind is Kind.REQUEST:
            assert told.key not in self.open
            self.open[told.key] = told
        self.perform(self.relay.from_client(told))

    def fresh_id(self):
        self.next_id += 1
        return self.next_id if self.next_id % 2 else str(self.next_id - 1)

    def pick(self, pick):
        return sorted(self.calls)[pick % len(self.calls)]

    # Steps of a client.

    @precondition(lambda self: not self.open and not self.calls and self.next_id == 0)
    @rule(memory=st.sampled_from(MEMORIES))
    def starts_with_memory(self, memory):
        self.relay = EarlyInitialize(LegacySession(Passthrough()), "far", memory)

    @rule()
    def initialize(self):
        self.say(request(self.fresh_id(), "initialize", protocolVersion="2025-06-18"))

    @rule()
    def initialized(self):
        self.say(INITIALIZED)

    @rule(method=st.sampled_from(METHODS), name=st.sampled_from(["far_login", "add"]))
    def asks(self, method, name):
        self.say(request(self.fresh_id(), method, name=name, requestId=1))

    @rule(method=st.sampled_from(["notifications/progress", "ping", "initialize"]))
    def tells(self, method):
        self.say(notification(method))

    @rule()
    def replies(self):
        self.say(answer("s1"))

    @precondition(lambda self: self.open)
    @rule(pick=picks)
    def cancels(self, pick):
        keys = sorted(self.open, key=repr)
        key = keys[pick % len(keys)]
        if self.open[key].method != "initialize":  # which cannot be cancelled and gets its reply anyway
            del self.open[key]
        self.say(cancelled(key))

    @rule(named=st.sampled_from([1, "0", True, None, [], "gone"]))
    def cancels_something_else(self, named):
        if named is True or named == [] or named not in self.open:
            self.say(cancelled(named))

    # Steps of a server and the network.

    @precondition(lambda self: self.calls)
    @rule(pick=picks, result=st.sampled_from(RESULTS))
    def server_answers(self, pick, result):
        call = self.pick(pick)
        raw_id = self.calls[call].id or b'"unknown"'
        self.perform(
            self.relay.from_server(call, message(b'{"id":%b,"result":%b}' % (raw_id, json.dumps(result).encode())))
        )

    @precondition(lambda self: self.calls)
    @rule(pick=picks)
    def server_refuses(self, pick):
        call = self.pick(pick)
        raw_id = self.calls[call].id or b"null"
        self.perform(self.relay.from_server(call, message(b'{"id":%b,"error":{"code":1,"message":""}}' % raw_id)))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, id_=st.sampled_from([0, 1, "0", "1", 2, 3, None]), on_stream=st.booleans())
    def server_answers_another_request(self, pick, id_, on_stream):
        call = STREAM if on_stream else self.pick(pick)
        if call == STREAM or self.calls[call].id is None or self.calls[call].key != id_:
            self.perform(self.relay.from_server(call, message(answer(id_))))

    @precondition(lambda self: self.calls)
    @rule(pick=picks)
    def server_tells(self, pick):
        self.perform(self.relay.from_server(self.pick(pick), message(notification("n"))))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, error=st.sampled_from(ERRORS))
    def call_ends(self, pick, error):
        self.end(self.pick(pick), error)

    @precondition(lambda self: self.calls)
    @rule(pick=picks, sent=st.sampled_from([Sent.NO, Sent.UNKNOWN]), certain=st.booleans())
    def server_refuses_the_session(self, pick, sent, certain):
        call = self.pick(pick)
        refused = self.calls[call]
        if refused.method != "initialize":  # it carries no session id
            reply = b'{"jsonrpc":"2.0","id":%b,"error":{"code":-32001,"message":"Session not found"}}' % (
                refused.id or b"null"
            )
            error = (SessionLost if certain else SessionDoubted)("lost", answer=reply if refused.id else None)
            error.sent = sent
            self.end(call, error)

    def end(self, call, error):
        refused = self.calls.pop(call)
        may_be_done = error is not None and error.sent is Sent.UNKNOWN and refused.method == "tools/call"
        if isinstance(error, SessionLost) and not may_be_done:
            self.lost[call] = self.lost.get(call, 0) + 1
        self.perform(self.relay.ended(call, error))

    @rule(call=st.sampled_from([-999, 999]), error=st.sampled_from(ERRORS))
    def an_unknown_call_ends(self, call, error):
        self.perform(self.relay.ended(call, error))

    @precondition(lambda self: self.timers)
    @rule(pick=picks)
    def time_passes(self, pick):
        timer = sorted(self.timers)[pick % len(self.timers)]
        self.timers.remove(timer)
        self.perform(self.relay.woke(timer))

    @precondition(lambda self: self.signing_in)
    @rule(error=st.sampled_from(ERRORS))
    def the_login_ends(self, error):
        self.signing_in = False
        self.perform(self.relay.ended(SIGN_IN, error))

    @invariant()
    def every_open_request_has_something_to_wait_for(self):
        if self.open and not self.calls:
            assert self.timers or self.signing_in or self.waits_for_the_client(), self.open

    def waits_for_the_client(self):
        return self.relay._inner._state.name == "GREETED"

    def teardown(self):
        if any(opened.method != "initialize" for opened in self.open.values()) and self.waits_for_the_client():
            self.say(INITIALIZED)
        while self.calls:
            self.end(min(self.calls), Unreachable("the end"))
        assert not self.open, "a reply is missing"


class SigningInHistories(Histories):
    """With a user who logs in or does not, while calls wait for the login. Each such call is repeated at most once."""

    def __init__(self):
        super().__init__()
        self.relay = SigningIn(EarlyInitialize(LegacySession(Passthrough()), "far", {}), "far")
        self.takes_urls()
        self.say(INITIALIZED)

    @rule()
    def takes_urls(self):
        """As `initialize`, by a client that shows its user a URL."""
        capabilities = {"elicitation": {"url": {}}}
        self.say(request(self.fresh_id(), "initialize", protocolVersion="2025-06-18", capabilities=capabilities))

    @precondition(lambda self: self.signing_in)
    @rule(port=st.integers(1, 2))
    def no_browser_can_be_opened(self, port):
        address = f"http://127.0.0.1:{port}/open/x"
        self.perform(self.relay.from_server(SIGN_IN, announcement(address)))

    @rule(number=st.integers(0, 3), action=st.sampled_from(["accept", "decline"]))
    def the_user_answers(self, number, action):
        self.say(answer(f"mcp-auth-bridge/elicitation/create/{number}", {"action": action}))

    @rule()
    def calls_a_tool(self):
        self.say(request(self.fresh_id()))

    @precondition(lambda self: self.calls)
    @rule(pick=picks)
    def a_login_is_missing(self, pick):
        self.end(self.pick(pick), LoginRequired("log in"))

    @precondition(lambda self: self.calls)
    @rule(pick=picks)
    def a_session_opens(self, pick):
        self.server_answers(pick, WELCOMED)

    def starts_with_memory(self, memory):
        """No rule here: the layers are nested differently."""

    def waits_for_the_client(self):
        return self.relay._inner._inner._state.name == "GREETED"

    def teardown(self):
        while self.calls or self.signing_in:
            if self.signing_in:
                self.the_login_ends(Unreachable("the end"))
            else:
                self.end(min(self.calls), Unreachable("the end"))
        super().teardown()


class WiredHistories(Histories):
    """The relay that `run` uses, with all its layers. Some of them repeat requests when that is safe."""

    def __init__(self):
        super().__init__()
        self.relay = relay_stack.build_relay(Profile("far", gate("https://far.example/mcp", Purpose.SERVER)), {})

    def starts_with_memory(self, memory):
        """No rule here: the layers are nested differently."""

    def posted(self, call, sent):
        assert call not in self.calls, "one call, one request at a time"
        assert call not in self.hung_up, "nothing happens under a call after its hangup"
        self.calls[call] = sent

    def waits_for_the_client(self):
        return True

    def teardown(self):
        for _ in range(200):
            if self.calls:
                self.end(min(self.calls), UpstreamFailed("502", status=502))
            elif self.signing_in:
                self.the_login_ends(None)
            elif self.open:
                self.say(INITIALIZED)
                for timer in sorted(self.timers):
                    self.timers.discard(timer)
                    self.perform(self.relay.woke(timer))
        assert not self.open, "a reply is missing"


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestSigningInHistories = SigningInHistories.TestCase
TestSigningInHistories.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestWiredHistories = WiredHistories.TestCase
TestWiredHistories.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
