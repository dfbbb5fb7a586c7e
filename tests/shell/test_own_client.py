"""The bridge as an MCP client of its own: a session, requests with progress, and errors that are the server's."""

import asyncio
import json

import pytest
from peers.far import JSON, Far, event, status

from mcp_auth_bridge.app.relay_stack import build_own_relay
from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.credentials.static import AnonymousCredentials
from mcp_auth_bridge.errors import RemoteError, TheirProtocolError, Unreachable
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.shell.own_client import OwnClient
from mcp_auth_bridge.shell.transports.remote import Remote
from mcp_auth_bridge.urls import Purpose, gate


class Memory(dict):
    """The results of the last time."""

    def load(self):
        return self

    def save(self, method, result):
        self[method] = result


def asked(story, url=None, memory=None, progress=lambda params: None):
    """Run `story` with an open client and its server."""

    async def whole():
        async with Far() as far:
            pool = Pool(Network(NetworkSettings(), {}))
            server = gate(url or far.url, Purpose.SERVER)
            remembered = Memory() if memory is None else memory
            relay = build_own_relay(Profile("far", server))
            client = OwnClient(relay, Remote(server, pool, AnonymousCredentials("far")), remembered, progress)
            try:
                return await story(client, far)
            finally:
                await client.close()
                await pool.aclose()

    return asyncio.run(whole())


def refusal(code, message):
    def reply(asked):
        body = {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": code, "message": message}}
        return status(200, JSON, body=json.dumps(body).encode())

    return reply


def legacy(far):
    far.replies["server/discover"] = refusal(-32601, "Method not found")


def test_a_legacy_server_gets_a_session_and_its_result_is_remembered():
    memory = Memory()

    async def story(client, far):
        legacy(far)
        await client.open()
        result = await client.request("tools/list", {})
        return json.loads(result), far.methods()

    result, methods = asked(story, memory=memory)
    assert result == {"echo": "tools/list"}
    assert "initialize" in methods
    assert json.loads(memory["initialize"])["serverInfo"]["name"] == "far"


def test_reports_of_progress_and_requests_of_the_server_are_taken_on_the_way():
    seen = []

    async def streamed(message, writer):
        token = message["params"]["_meta"]["progressToken"]
        parts = [
            {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}},
            {"jsonrpc": "2.0", "id": "s1", "method": "ping"},
            {"jsonrpc": "2.0", "id": "s2", "method": "sampling/createMessage", "params": {}},
            {"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}},
        ]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        writer.write(b"".join(map(event, parts)))
        await writer.drain()
        writer.close()

    async def story(client, far):
        legacy(far)
        far.replies["tools/call"] = streamed
        await client.open()
        assert json.loads(await client.request("tools/call", {"name": "x"})) == {"content": []}
        await far.saw("response", 2)
        return {seen["id"]: seen for seen in far.seen if isinstance(seen, dict) and "method" not in seen}

    replies = asked(story, progress=seen.append)
    assert [report["progress"] for report in seen] == [1]
    assert replies["s1"]["result"] == {}
    assert "a command cannot answer" in replies["s2"]["error"]["message"]


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (refusal(-32602, "no such tool"), RemoteError, "the error -32602: “no such tool”"),
        (refusal("x", "y"), TheirProtocolError, "neither a result nor an error"),
    ],
)
def test_an_error_of_the_servers_is_told_as_its_own(reply, kind, words):
    async def story(client, far):
        legacy(far)
        far.replies["tools/call"] = reply
        await client.open()
        with pytest.raises(kind, match=words):
            await client.request("tools/call", {"name": "x"})

    asked(story)


def test_a_server_that_is_away_is_an_error_and_not_json_rpc():
    async def story(client, far):
        with pytest.raises(Unreachable):
            await client.open()

    asked(story, "http://127.0.0.1:1/mcp")


def test_a_cancelled_request_is_told_to_the_server():
    async def story(client, far):
        legacy(far)
        reached = asyncio.Event()

        async def wait(message, writer):
            reached.set()
            await asyncio.sleep(3600)

        far.replies["tools/call"] = wait
        await client.open()
        task = asyncio.create_task(client.request("tools/call", {"name": "x"}))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await far.saw("notifications/cancelled")

    asked(story)
