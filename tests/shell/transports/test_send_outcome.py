"""The messages of a response, the first of which is read before the response is handed on."""

import asyncio

import pytest

from mcp_auth_bridge.errors import OutcomeUnknown, SessionLost
from mcp_auth_bridge.relay.base import Kind, Message
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.relay.http_semantics import SingleMessage, Unauthorized
from mcp_auth_bridge.shell.transports.answers import Asked
from mcp_auth_bridge.shell.transports.messages import Denied
from mcp_auth_bridge.shell.transports.send_outcome import SendOutcome
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


def reader(*steps):
    """A transport's reader that yields messages and raises errors."""

    async def read(_):
        for step in steps:
            if isinstance(step, Exception):
                raise step
            yield step

    return read


async def collect(sent, heard):
    async for message in sent.messages():
        heard.append(message)


def test_the_first_message_is_read_at_once_and_yielded_once():
    async def tell():
        sent = outcome()
        assert await sent.refusal(reader(ONE, TWO)) is None
        assert sent.first is ONE
        await collect(sent, heard := [])
        assert heard == [ONE, TWO]
        assert sent.first is None
        assert sent.response.closed

    asyncio.run(tell())


@pytest.mark.parametrize("before", [(), (ONE,)])
def test_an_error_is_raised_in_place_of_its_message(before):
    async def tell():
        lost, heard = OutcomeUnknown("cut"), []
        sent = outcome()
        assert await sent.refusal(reader(*before, lost)) is None
        with pytest.raises(OutcomeUnknown) as raised:
            await collect(sent, heard)
        assert raised.value is lost
        assert heard == list(before)
        assert sent.response.closed

    asyncio.run(tell())


@pytest.mark.parametrize("again", [False, True])
def test_a_message_that_refuses_the_credentials_is_a_refusal(again):
    async def tell():
        sent = outcome(again=again)
        refused = await sent.refusal(reader(Denied(Unauthorized(401, (), "no", "JSON-RPC"))))
        assert (refused.status, refused.sent, refused.again, refused.words) == (401, SENT, again, "no")
        await sent.aclose()
        assert sent.response.closed

    asyncio.run(tell())


def test_without_a_reader_no_message_is_read():
    async def tell():
        sent = outcome()
        assert await sent.refusal(None) is None
        await collect(sent, heard := [])
        assert heard == []

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
        refused = await sent.refusal(reader(Denied(Unauthorized(401, (), words, "JSON-RPC"))))
        assert (refused is None) == is_lost
        assert isinstance(sent.first, SessionLost) == is_lost
        if is_lost:
            assert sent.first.message.endswith(f"saying “{words}”")
        await sent.aclose()

    asyncio.run(tell())


def test_a_description_in_the_challenge_counts_as_the_words():
    async def tell():
        field = 'Bearer error="invalid_token", error_description="Session not found"'
        sent = outcome(asked=Asked(ASKED.message, "s1", in_proven_session=True))
        assert await sent.refusal(reader(Denied(Unauthorized(401, (field,))))) is None
        assert isinstance(sent.first, SessionLost)

    asyncio.run(tell())


def test_closing_it_is_told():
    closed = []

    async def tell():
        sent = outcome()
        sent.on_close(lambda: closed.append(True))
        await sent.aclose()

    asyncio.run(tell())
    assert closed == [True]
