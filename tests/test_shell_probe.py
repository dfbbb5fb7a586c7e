"""The proof that a login works: one request in the era that the server speaks."""

import asyncio
import json

import pytest
from relaying import WELCOMED, message, notification

from mcp_auth_bridge.errors import LoginRequired, TheirProtocolError
from mcp_auth_bridge.shell.probe import prove

DISCOVERED = {"supportedVersions": ["2026-07-28"]}
TOOLS = {"tools": []}
REFUSED = {"code": -32020, "message": "Missing MCP-Protocol-Version header"}


class Far:
    """A server by script: what it answers to each method, an error if that is an exception or has a code."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []
        self.closed = False

    async def post(self, sent, headers):
        self.asked.append((sent.method, dict(headers)))
        if sent.id is None:
            return
        said = self.answers.get(sent.method.rpartition("/")[2])
        if isinstance(said, Exception):
            raise said
        if said is not None:
            member = "error" if "code" in said else "result"
            yield message(notification("notifications/message"))
            yield message(b'{"id":%b,"%b":%b}' % (sent.id, member.encode(), json.dumps(said).encode()))

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


def test_a_list_with_more_pages_is_not_worth_remembering():
    assert proven(Far(initialize=WELCOMED, list={**TOOLS, "nextCursor": "2"})) == {"initialize": WELCOMED}


def test_a_server_of_the_modern_era_is_asked_in_its_own_words():
    far = Far(initialize=REFUSED, discover=DISCOVERED, list=TOOLS)
    assert proven(far) == {"server/discover": DISCOVERED}
    assert far.asked == [("initialize", {}), modern("server/discover"), modern("tools/list")]


def test_credentials_that_a_modern_server_asks_for_late_are_missed():
    with pytest.raises(LoginRequired):
        proven(Far(initialize=REFUSED, discover=DISCOVERED, list=LoginRequired("log in")))


@pytest.mark.parametrize(
    "far",
    [
        Far(initialize={"code": -32603, "message": ""}),
        Far(initialize=REFUSED, discover={"code": -32601, "message": ""}),
        Far(),
        Far(initialize=WELCOMED),
        Far(initialize=REFUSED, discover=DISCOVERED),
    ],
)
def test_a_server_that_does_not_answer_proves_nothing(far):
    with pytest.raises(TheirProtocolError):
        proven(far)
