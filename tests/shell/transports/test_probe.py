"""The proof that a login works: one request in the era that the server speaks."""

import asyncio
import json

import pytest
from relaying import WELCOMED, message, notification

from mcp_auth_bridge.credentials.base import Refusal, Target
from mcp_auth_bridge.errors import LoginRequired, OutcomeUnknown, TheirProtocolError, Unreachable, UpstreamFailed
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.shell.transports import probe
from mcp_auth_bridge.shell.transports.probe import Stranger, ask_for_challenge, prove
from mcp_auth_bridge.urls import Purpose, gate

DISCOVERED = {"supportedVersions": ["2026-07-28"]}
TOOLS = {"tools": []}
REFUSED = {"code": -32020, "message": "Missing MCP-Protocol-Version header"}


class Far:
    """A server by script: its result for each method, an error if that is an exception or has a code.

    A function receives the message and returns the result.
    """

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []
        self.closed = False

    async def post(self, sent, headers, deliver, alive=None):
        self.asked.append((sent.method, dict(headers)))
        if sent.id is None:
            return
        said = self.answers.get(sent.method.rpartition("/")[2])
        said = said(sent) if callable(said) else said
        if isinstance(said, Exception):
            raise said
        if said is not None:
            member = "error" if "code" in said else "result"
            await deliver(message(notification("notifications/message")))
            await deliver(message(b'{"id":%b,"%b":%b}' % (sent.id, member.encode(), json.dumps(said).encode())))

    async def close(self):
        self.closed = True


def proven(far):
    return {method: json.loads(raw) for method, raw in asyncio.run(prove(far)).items()}


def modern(method):
    return method, {"mcp-method": method, "mcp-protocol-version": "2026-07-28"}


def test_a_session_is_opened_used_and_ended():
    far = Far(initialize=WELCOMED, list=TOOLS)
    assert proven(far) == {"initialize": WELCOMED, "tools/list": TOOLS}
    assert [method for method, _ in far.asked] == ["initialize", "notifications/initialized", "tools/list"]
    assert far.closed


def test_a_server_without_tools_is_pinged():
    bare = {**WELCOMED, "capabilities": {}}
    assert proven(Far(initialize=bare, ping={})) == {"initialize": bare}


@pytest.mark.parametrize("capabilities", [5, "tools", ["tools"], None])
def test_odd_capabilities_promise_no_tools(capabilities):
    odd = {**WELCOMED, "capabilities": capabilities}
    assert proven(Far(initialize=odd, ping={})) == {"initialize": odd}


@pytest.mark.parametrize("silent", ["initialize", "discover"])
def test_a_server_that_does_not_answer_an_opening_is_not_waited_for_for_ever(monkeypatch, silent):
    class Silent(Far):
        async def post(self, sent, headers, deliver, alive=None):
            if sent.method.endswith(silent):
                await asyncio.Event().wait()
            await super().post(sent, headers, deliver, alive)

    monkeypatch.setattr(probe, "_PATIENCE", 0)
    with pytest.raises(OutcomeUnknown, match="did not answer"):
        proven(Silent(initialize=REFUSED))


def test_a_list_with_more_pages_is_not_worth_remembering():
    assert proven(Far(initialize=WELCOMED, list={**TOOLS, "nextCursor": "2"})) == {"initialize": WELCOMED}


def test_a_server_of_the_modern_era_is_asked_with_its_own_methods():
    far = Far(initialize=REFUSED, discover=DISCOVERED, list=TOOLS)
    assert proven(far) == {"server/discover": DISCOVERED, "era": "modern"}
    assert far.asked == [("initialize", {}), modern("server/discover"), modern("tools/list")]


def test_a_modern_server_may_ask_for_credentials_late():
    with pytest.raises(LoginRequired):
        proven(Far(initialize=REFUSED, discover=DISCOVERED, list=LoginRequired("log in")))


@pytest.mark.parametrize("status", [400, 404, 405, 500])
def test_a_modern_server_may_refuse_initialize_without_a_message(status):
    far = Far(initialize=UpstreamFailed("no", status=status), discover=DISCOVERED, list=TOOLS)
    assert proven(far) == {"server/discover": DISCOVERED, "era": "modern"}


def test_if_both_eras_are_refused_the_first_refusal_counts():
    with pytest.raises(UpstreamFailed) as failed:
        proven(Far(initialize=UpstreamFailed("first", status=404), discover=UpstreamFailed("second", status=404)))
    assert failed.value.message == "first"


@pytest.mark.parametrize("error", [LoginRequired("log in"), Unreachable("away"), UpstreamFailed("wait", status=503)])
def test_what_does_not_mean_an_era_is_raised_at_either_opening(error):
    with pytest.raises(type(error)):
        proven(Far(initialize=error, discover=DISCOVERED, list=TOOLS))
    with pytest.raises(type(error)):
        proven(Far(initialize=REFUSED, discover=error, list=TOOLS))


@pytest.mark.parametrize("code", [-32601, -32602])
def test_a_modern_server_may_call_initialize_unknown_or_invalid(code):
    far = Far(initialize={"code": code, "message": "no"}, discover=DISCOVERED, list=TOOLS)
    assert proven(far) == {"server/discover": DISCOVERED, "era": "modern"}


def no_newer_than_2025_06_18(sent):
    if sent.params["protocolVersion"] > "2025-06-18":
        return {"code": -32602, "message": "Unsupported protocol version"}
    return WELCOMED


def test_a_server_that_refuses_a_newer_revision_is_asked_in_an_older_one():
    far = Far(initialize=no_newer_than_2025_06_18, list=TOOLS)
    assert proven(far) == {"initialize": WELCOMED, "tools/list": TOOLS}
    assert [method for method, _ in far.asked].count("initialize") == 2


@pytest.mark.parametrize(
    "far",
    [
        Far(initialize={"code": -32603, "message": ""}, discover={"code": -32601, "message": ""}),
        Far(initialize=REFUSED, discover={"code": -32601, "message": ""}),
        Far(initialize=REFUSED, discover={"supportedVersions": ["2025-11-25"]}),
        Far(initialize=REFUSED, discover=UpstreamFailed("no", status=404)),
        Far(),
        Far(initialize=WELCOMED),
        Far(initialize=REFUSED, discover=DISCOVERED),
    ],
)
def test_a_server_that_answers_with_errors_or_not_at_all_proves_nothing(far):
    with pytest.raises(TheirProtocolError):
        proven(far)


class Guarded(Far):
    """A server that asks a stranger for credentials at one method, with the challenge `ASKED`."""

    def __init__(self, stranger, method, **answers):
        super().__init__(**answers)
        self.stranger = stranger
        self.method = method

    async def post(self, sent, headers, deliver, alive=None):
        target = Target("POST", gate("https://mcp.example/mcp", Purpose.SERVER))
        credentials = await self.stranger.headers(target)
        if sent.method == self.method:
            await self.stranger.headers(target, Refusal(401, ASKED, credentials))
        await super().post(sent, headers, deliver)


ASKED = Challenge("bearer", {"scope": "files"})


@pytest.mark.parametrize("method", ["initialize", "tools/list"])
def test_a_stranger_is_challenged_at_initialize_or_only_afterwards(method):
    stranger = Stranger()
    far = Guarded(stranger, method, initialize=WELCOMED, list=TOOLS)
    assert asyncio.run(ask_for_challenge(far, stranger)) == ASKED
    assert far.closed


def test_an_open_server_has_no_challenge():
    assert asyncio.run(ask_for_challenge(Far(initialize=WELCOMED, list=TOOLS), Stranger())) is None


@pytest.mark.parametrize("status", [400, 403])
def test_a_gateways_refusal_of_a_stranger_is_not_a_reason_to_give_up(status):
    refusal = UpstreamFailed("no", status=status)
    assert asyncio.run(ask_for_challenge(Far(initialize=refusal, discover=refusal), Stranger())) is None


@pytest.mark.parametrize("error", [UpstreamFailed("no MCP endpoint", status=404), Unreachable("refused")])
def test_without_a_server_there_the_user_is_not_sent_to_a_browser(error):
    with pytest.raises(type(error)):
        asyncio.run(ask_for_challenge(Far(initialize=error, discover=error), Stranger()))


def test_an_odd_server_is_left_to_its_metadata():
    odd = {"code": -32600, "message": "no"}
    assert asyncio.run(ask_for_challenge(Far(initialize=odd, discover=odd), Stranger())) is None


def test_a_notification_that_is_answered_by_a_stream_without_an_end_is_done_when_it_is_accepted(monkeypatch):
    monkeypatch.setattr(probe, "GRACE", 0.0)

    class Open(Far):
        async def post(self, sent, headers, deliver, alive=None):
            await super().post(sent, headers, deliver)
            if sent.id is None:
                for _ in range(2):
                    alive()
                await asyncio.Event().wait()

    assert proven(Open(initialize=WELCOMED, list=TOOLS)) == {"initialize": WELCOMED, "tools/list": TOOLS}


def test_what_a_server_says_about_the_notification_does_not_count():
    class Talking(Far):
        async def post(self, sent, headers, deliver, alive=None):
            await super().post(sent, headers, deliver)
            if sent.id is None:
                await deliver(message(notification("notifications/message")))

    assert proven(Talking(initialize=WELCOMED, list=TOOLS)) == {"initialize": WELCOMED, "tools/list": TOOLS}
