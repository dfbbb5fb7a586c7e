"""The relay of `relay_stack.build_relay` and its modern half under random histories: one reply, none if cancelled."""

import functools
import itertools
import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from relaying import INITIALIZED, WELCOMED, answer, cancelled, in_words, message, notification, request

from mcp_auth_bridge.app import relay_stack
from mcp_auth_bridge.config.profile import Profile, parse_server_url
from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.errors import (
    AccessDenied,
    LoginRequired,
    OutcomeUnknown,
    SessionLost,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.relay import replies as replies_module
from mcp_auth_bridge.relay.base import (
    Fail,
    Hangup,
    Kind,
    Note,
    OpenStream,
    Remember,
    Report,
    Reviewing,
    SessionOpened,
    SignIn,
    ToClient,
    ToServer,
    Wake,
    collected,
)
from mcp_auth_bridge.relay.call_numbers import SIGN_IN, STREAM
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.modern import Modern
from mcp_auth_bridge.relay.on_first_use import OnFirstUse
from mcp_auth_bridge.relay.parameter_headers import HEADER_MISMATCH, ParameterHeaders, hide_invalid
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.subscriptions import METHOD as LISTEN
from mcp_auth_bridge.relay.subscriptions import Subscriptions

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
METAS = [META, META, None, 5, {}]
DISCOVERED = {"supportedVersions": ["2026-07-28"]}
TOOL = {"name": "add", "inputSchema": {"properties": {"a": {"type": "string", "x-mcp-header": "A"}}}}
BAD = {"name": "bad", "inputSchema": {"properties": {"a": {"type": "number", "x-mcp-header": "A"}}}}
ERRORS = [
    None,
    SessionLost("lost"),
    LoginRequired("log in"),
    Unreachable("away"),
    OutcomeUnknown("cut"),
    AccessDenied("no"),
    UpstreamFailed("…", status=502),
    UpstreamFailed("…", status=429, retry_after=1.0),
    UpstreamFailed("…", status=404),
]
METHODS = [
    "tools/call",
    "tools/call",
    "tools/list",
    "server/discover",
    LISTEN,
    "initialize",
    "ping",
    "resources/subscribe",
    "logging/setLevel",
]
TOLD = ["notifications/initialized", "notifications/progress", "initialize", LISTEN]
RESULTS = [
    {},
    [],
    None,
    5,
    WELCOMED,
    {**WELCOMED, "protocolVersion": "2025-03-26"},
    DISCOVERED,
    {"tools": [TOOL, BAD, 5]},
    {"tools": [TOOL], "nextCursor": "2"},
    {"text": "x" * 3000},
]
CODES = [-32020, -32020, -32022, -32601, 1]
SAID = ["notifications/subscriptions/acknowledged", "notifications/progress", "x" * 3000]
MEMORIES = [
    {},
    {"initialize": json.dumps(WELCOMED).encode(), "tools/list": b'{"tools":[]}'},
    {"server/discover": json.dumps(DISCOVERED).encode()},
    {"server/discover": b"", "initialize": b"[]"},
]
RELAY = RelaySettings(deadline=20, longest=60, largest_message=2000, ping=30)
FAR = Profile(name="far", url=parse_server_url("https://far.example/mcp", "a test"), relay=RELAY)
picks = st.integers(0, 1 << 16)


def is_unknown(error):
    return isinstance(error, OutcomeUnknown) or (isinstance(error, UpstreamFailed) and error.status == 502)


def layers(relay):
    """`relay` and all relays within it, from the outside in; those of eras that are not in use are not built."""
    yield relay
    inner = getattr(relay, "_inner", None)
    alternatives = getattr(relay, "_relays", None)
    for part in [*([inner] if inner else []), *(alternatives.by_number.values() if alternatives else [])]:
        yield from layers(part)


class Histories(RuleBasedStateMachine):
    """`open` are the requests without a reply, by key; `calls` the messages that run at the server."""

    uncancellable = ("initialize",)  # by the specification: it gets its reply anyway

    def __init__(self):
        super().__init__()
        self.open = {}
        self.calls = {}
        self.hung_up = set()
        self.refused = set()
        self.unknown = set()
        self.timers = set()
        self.signing_in = False
        self.refusals_without_an_id = 0
        self.next_id = 0

    @initialize(memory=st.sampled_from(MEMORIES))
    def starts(self, memory):
        self.relay = self.built(memory)

    def built(self, memory):
        return relay_stack.build_relay(FAR, memory)

    # The world: the part of the shell.

    def perform(self, actions):
        for action in list(actions):
            match action:
                case ToClient(message=told) if told.kind is Kind.REPLY:
                    self.answered(told)
                case Fail(request=failed, error=error):
                    self.answered(replies_module.failure(failed, error))
                case ToClient(message=told):
                    json.loads(told.raw)
                case ToServer(call=call, message=sent, headers=headers):
                    self.posted(call, sent, headers)
                case Hangup(call=call):
                    self.hung_up.add(call)
                    self.calls.pop(call, None)
                case Wake(timer=timer, seconds=seconds):
                    assert seconds > 0
                    self.timers.add(timer)
                case SignIn():
                    assert not self.signing_in, "one login at a time"
                    self.signing_in = True
                case OpenStream() | SessionOpened() | Remember() | Note() | Report():
                    pass

    def answered(self, told):
        json.loads(told.raw)
        if told.key is None:
            self.refusals_without_an_id += 1
            return
        assert told.key in self.open, "a reply to no request, a second one, or one after the cancellation"
        assert type(told.key) is type(self.open.pop(told.key).key)

    def posted(self, call, sent, headers):
        assert call != STREAM
        assert call not in self.calls, "one call, one request at a time"
        assert call not in self.hung_up, "nothing happens under a call after its hangup"
        assert all(("\x20" <= char <= "\x7e") for value in headers.values() for char in value)
        assert call not in self.unknown, "a request that may have been processed is not repeated"
        self.calls[call] = sent

    def say(self, value):
        told = message(value)
        if told.kind is Kind.REQUEST:
            self.open[told.key] = told
        self.perform(self.relay.from_client(told))

    def fresh_id(self):
        self.next_id += 1
        return self.next_id if self.next_id % 2 else str(self.next_id - 1)

    def pick(self, pick):
        return sorted(self.calls)[pick % len(self.calls)]

    # Steps of a client.

    @rule(method=st.sampled_from(METHODS), meta=st.sampled_from(METAS), name=st.sampled_from(["add", "bad", 5]))
    def asks(self, method, meta, name):
        wanted = {"toolsListChanged": True}
        params = {"name": name, "arguments": {"a": "é"}, "uri": "a:1", "level": "info", "notifications": wanted}
        self.say(request(self.fresh_id(), method, **params, protocolVersion="2025-06-18", _meta=meta))

    @rule(method=st.sampled_from(TOLD))
    def tells(self, method):
        self.say(notification(method))

    @rule()
    def replies(self):
        self.say(answer("s1"))

    @rule()
    def batches(self):
        part = message(request(self.fresh_id(), "tools/call"))
        self.open[part.key] = part
        before = self.refusals_without_an_id
        self.say(b"[%b]" % part.raw)
        if self.refusals_without_an_id > before:
            del self.open[part.key]

    @precondition(lambda self: self.open)
    @rule(pick=picks)
    def cancels(self, pick):
        keys = sorted(self.open, key=repr)
        key = keys[pick % len(keys)]
        if self.open[key].method not in self.uncancellable:
            del self.open[key]
        self.say(cancelled(key))

    # Steps of a server and the network.

    def hear(self, call, value):
        self.perform(self.relay.from_server(call, message(value)))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, result=st.sampled_from(RESULTS))
    def server_answers(self, pick, result):
        call = self.pick(pick)
        self.hear(call, b'{"id":%b,"result":%b}' % (self.calls[call].id or b'"unknown"', json.dumps(result).encode()))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, code=st.sampled_from(CODES))
    def server_refuses(self, pick, code):
        call = self.pick(pick)
        if code == HEADER_MISMATCH:
            self.refused.add(call)
        self.hear(call, b'{"id":%b,"error":{"code":%d,"message":""}}' % (self.calls[call].id or b"null", code))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, id_=st.sampled_from([0, 1, "1", 2, 3, None, "mcp-auth-bridge/tools/list/1"]), code=st.booleans())
    def server_answers_another_request(self, pick, id_, code):
        call = self.pick(pick)
        if self.calls[call].id is None or self.calls[call].key != id_:
            error = {"jsonrpc": "2.0", "id": id_, "error": {"code": -32020, "message": ""}}
            self.hear(call, error if code else answer(id_))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, method=st.sampled_from(SAID))
    def server_tells(self, pick, method):
        self.hear(self.pick(pick), notification(method))

    @precondition(lambda self: self.calls)
    @rule(pick=picks)
    def server_asks(self, pick):
        self.hear(self.pick(pick), request("s1", "sampling/createMessage"))

    @precondition(lambda self: self.calls)
    @rule(pick=picks, error=st.sampled_from(ERRORS))
    def call_ends(self, pick, error):
        self.end(self.pick(pick), error)

    def end(self, call, error):
        sent = self.calls.pop(call)
        if sent.method == "tools/call" and call not in self.refused and is_unknown(error):
            self.unknown.add(call)
        self.perform(self.relay.ended(call, error))

    @precondition(lambda self: self.timers)
    @rule(pick=picks, times=st.sampled_from([1, 1, 1, 25]))
    def time_passes(self, pick, times):
        timer = sorted(self.timers)[pick % len(self.timers)]
        for _ in range(times):
            if timer in self.timers:
                self.timers.remove(timer)
                self.perform(self.relay.woke(timer))

    @precondition(lambda self: self.signing_in)
    @rule(error=st.sampled_from([None, None, AccessDenied("the person said no")]))
    def the_login_ends(self, error):
        self.signing_in = False
        self.perform(self.relay.ended(SIGN_IN, error))

    @invariant()
    def every_open_request_has_something_to_wait_for(self):
        assert not self.open or self.calls or self.timers or self.waits_for_the_client(), self.open

    def waits_for_the_client(self):
        """A session after initialize waits for `notifications/initialized`, as the specification requires."""
        sessions = [layer for layer in layers(self.relay) if isinstance(layer, LegacySession)]
        return any(session._state.name == "GREETED" for session in sessions)

    def teardown(self):
        if self.waits_for_the_client():
            self.say(INITIALIZED)
        for _ in range(1000):
            if self.calls:
                self.end(min(self.calls), AccessDenied("the end"))
            elif self.signing_in:
                self.the_login_ends(AccessDenied("the end"))
            elif not self.open:
                return
            else:
                for timer in sorted(self.timers):
                    self.timers.discard(timer)
                    self.perform(self.relay.woke(timer))
        raise AssertionError(f"a reply is missing: {self.open}")


class ModernHistories(Histories):
    """The modern half, without the relay that selects it and keeps `initialize` away from it."""

    uncancellable = ()
    batches = None

    def waits_for_the_client(self):
        return False

    def built(self, memory):
        return Subscriptions(Modern(ParameterHeaders(Delivery(Passthrough(), RELAY), hide_invalid)))


class Bug(Exception):
    """An unexpected exception."""


class Faulty(Reviewing):
    """Raises once, before or after an action, `due` steps after the test has set `due`."""

    due = None

    @collected
    def _review(self, actions):
        for action in actions:
            self._step()
            yield action
            self._step()

    def _step(self):
        Faulty.due = None if Faulty.due is None else Faulty.due - 1
        if Faulty.due == 0:
            Faulty.due = None
            raise Bug


def make_faulty(layer):
    """Put a `Faulty` before each relay within `layer`, and before those that it builds later."""
    if isinstance(layer, OnFirstUse):
        layer._build = functools.partial(built_faulty, layer._build)
        return
    if hasattr(layer, "_inner"):
        layer._inner = Faulty(layer._inner)
    if hasattr(layer, "_relays"):
        relays = layer._relays.by_number
        relays.update({number: Faulty(relay) for number, relay in relays.items()})
    if hasattr(layer, "_build"):
        layer._build = {era: functools.partial(built_faulty, build) for era, build in layer._build.items()}


def built_faulty(build):
    relay = build()
    for layer in list(layers(relay)):
        make_faulty(layer)
    return Faulty(relay)


class FaultyHistories(Histories):
    """The same with exceptions at any place: one reply, none if cancelled, and no request waits forever."""

    def built(self, memory):
        Faulty.due = None
        relay = relay_stack.build_relay(FAR, memory)
        isolated = relay._inner._inner
        for layer in list(layers(isolated._inner)):
            make_faulty(layer)
        isolated._inner = Faulty(isolated._inner)
        return relay

    @rule(steps=st.integers(1, 30))
    def something_is_going_to_break(self, steps):
        Faulty.due = steps

    def teardown(self):
        Faulty.due = None
        super().teardown()


def without_shortcut(core, *wrap):
    return functools.reduce(lambda inner, make: make(inner), wrap, core)


class Counting:
    """In place of `os`: each relay gets random bytes of its own, which are the same in each of two histories."""

    @property
    def urandom(self):
        numbers = itertools.count()
        return lambda size: next(numbers).to_bytes(size)


class Both:
    """Two relays that have to do the same."""

    def __init__(self, one, other):
        self._one, self._other = one, other

    def __getattr__(self, entry):
        def enter(*arguments):
            actions = getattr(self._one, entry)(*arguments)
            assert in_words(actions) == in_words(getattr(self._other, entry)(*arguments))
            return actions

        return enter


class HistoriesWithAndWithoutShortcut(Histories):
    """What passes relays by would have come back from them unchanged."""

    def built(self, memory):
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(relay_stack, "os", Counting())
        self.direct = relay_stack.build_relay(FAR, memory)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(relay_stack, "Shortcut", without_shortcut)
            return Both(self.direct, relay_stack.build_relay(FAR, memory))

    def teardown(self):
        super().teardown()
        self.patch.undo()

    def waits_for_the_client(self):
        relay, self.relay = self.relay, self.direct
        try:
            return super().waits_for_the_client()
        finally:
            self.relay = relay


TestFaultyHistories = FaultyHistories.TestCase
TestFaultyHistories.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestHistoriesWithAndWithoutShortcut = HistoriesWithAndWithoutShortcut.TestCase
TestHistoriesWithAndWithoutShortcut.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestModernHistories = ModernHistories.TestCase
TestModernHistories.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
