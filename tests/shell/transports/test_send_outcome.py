"""The messages of a response, the first of which is read before the response is handed on."""

import asyncio

import pytest

from mcp_auth_bridge.errors import OutcomeUnknown, SessionLost
from mcp_auth_bridge.relay.base import Kind, Message
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.relay.http_semantics import SingleMessage, Unauthorized
from mcp_auth_bridge.shell.transports.answers import Asked
from mcp_auth_bridge.shell.transports.messages import Denied
from mcp_auth_bridge.shell.transports.send_outcome import Reading, SendOutcome
from mcp_auth_bridge.urls import Url

HERE = Url("https", "mcp.example", 443, "/mcp", "")
SENT = {"authorization": "Bearer t1"}
ASKED = Asked(peek(b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}'))
ONE, TWO = (Message(Kind.NOTIFICATION, b'{"method":"%b"}' % name) for name in (b"one", b"two"))


class Response:
    """Of a `StreamedResponse`, as much as an outcome without a body needs."""

    def __init__(self, status=200, **headers):
        self.status = status
        self.headers = headers
        self.closed = False

    def header(self, name):
        return self.headers.get(name, "")

    async def aclose(self):
        self.closed = True


def outcome(response=None, verdict=None, asked=ASKED, *, again=False):
    return SendOutcome(response or Response(), verdict or SingleMessage(), asked, SENT, again=again)


def reading(*steps, heard=None):
    """Messages, and errors in place of them. `heard` gets the messages that are delivered."""

    async def read(_, hand_on):
        for step in steps:
            if isinstance(step, Exception):
                raise step
            await hand_on(step)

    async def deliver(message):
        heard.append(message)

    return Reading(read, deliver)


def test_all_messages_are_delivered_in_order():
    async def tell():
        sent, heard = outcome(), []
        assert await sent.refusal(reading(ONE, TWO, heard=heard)) is None
        assert heard == [ONE, TWO]
        await sent.aclose()
        assert sent.response.closed

    asyncio.run(tell())


@pytest.mark.parametrize("before", [(), (ONE,)])
def test_an_error_is_raised_in_place_of_its_message(before):
    async def tell():
        lost, heard = OutcomeUnknown("cut"), []
        with pytest.raises(OutcomeUnknown) as raised:
            await outcome().refusal(reading(*before, lost, heard=heard))
        assert raised.value is lost
        assert heard == list(before)

    asyncio.run(tell())


@pytest.mark.parametrize("again", [False, True])
def test_a_message_that_refuses_the_credentials_is_a_refusal(again):
    async def tell():
        sent = outcome(again=again)
        refused = await sent.refusal(reading(Denied(Unauthorized(401, (), "no", "JSON-RPC"))))
        assert (refused.status, refused.sent, refused.again, refused.words) == (401, SENT, again, "no")
        await sent.aclose()
        assert sent.response.closed

    asyncio.run(tell())


def test_without_a_reader_no_message_is_read():
    async def tell():
        sent = outcome()
        assert await sent.refusal(None) is None

    asyncio.run(tell())


@pytest.mark.parametrize(
    ("status", "verdict", "target"),
    [
        (200, SingleMessage(), None),
        (304, SingleMessage(), None),
        (307, SingleMessage(), HERE.with_path("/b")),
        (307, Unauthorized(307, ()), None),
    ],
)
def test_a_redirect_leads_on_unless_it_refuses_the_credentials(status, verdict, target):
    sent = outcome(Response(status, location="/b"), verdict)
    assert sent.redirect("POST", HERE) == target


@pytest.mark.parametrize(
    ("in_proven_session", "words", "is_lost"),
    [(True, "Session not found", True), (True, "the token expired", False), (False, "Session not found", False)],
)
def test_a_refusal_that_speaks_of_a_session_which_worked_is_not_about_the_credentials(
    in_proven_session, words, is_lost
):
    async def tell():
        sent = outcome(asked=Asked(ASKED.message, "s1", in_proven_session=in_proven_session))
        denied = reading(Denied(Unauthorized(401, (), words, "JSON-RPC")))
        if not is_lost:
            assert await sent.refusal(denied) is not None
            return
        with pytest.raises(SessionLost) as raised:
            await sent.refusal(denied)
        assert raised.value.message.endswith(f"saying “{words}”")

    asyncio.run(tell())


def test_a_description_in_the_challenge_counts_as_the_words():
    async def tell():
        field = 'Bearer error="invalid_token", error_description="Session not found"'
        sent = outcome(asked=Asked(ASKED.message, "s1", in_proven_session=True))
        with pytest.raises(SessionLost):
            await sent.refusal(reading(Denied(Unauthorized(401, (field,)))))

    asyncio.run(tell())
