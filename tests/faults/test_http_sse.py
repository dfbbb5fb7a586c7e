"""Faults over the HTTP+SSE transport of 2024-11-05: its one stream carries every reply and cannot be resumed."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from faults.bridge import Client, home, started
from faults.invariants import check
from faults.server import WELCOMED, Exchange, FaultServer, Made, chunked, chunks, event, head, response
from peers.scripted import CUT, RESET

UNKNOWN, UPSTREAM = -32012, -32013
_OLD = {**WELCOMED, "protocolVersion": "2024-11-05"}
_METHODS = ("initialize", "tools/call", "tools/list", "notifications/initialized")


class Older:
    """Makes `server` speak this transport. `streams` are the writers of the opened streams."""

    def __init__(self, server: FaultServer) -> None:
        self.streams: list[Any] = []
        server.always("GET", [self._open])
        for method in _METHODS:
            server.always(method, [Made(lambda exchange: lambda _, writer: self.taken(exchange, writer))])

    async def taken(self, exchange: Exchange, writer: Any) -> None:
        """Answers 202 and sends the reply on the stream."""
        writer.write(head(405 if exchange.target == "/mcp" else 202))
        if exchange.target != "/mcp" and exchange.id is not None:
            self.say(response(exchange, _OLD if exchange.method == "initialize" else None))

    def say(self, message: bytes) -> None:
        self.streams[-1].write(chunks(event(message)))

    async def _open(self, reader: Any, writer: Any) -> None:
        self.streams.append(writer)
        writer.write(chunked(b"event: endpoint\ndata: /messages\n\n"))
        await reader.read()


Story = Callable[[FaultServer, Older, Client], Coroutine[Any, Any, None]]


def play(folder: Path, story: Story) -> None:
    async def all_of_it() -> None:
        async with FaultServer() as server:
            older = Older(server)
            async with started(home(folder, server.url)) as client:
                await client.initialize("2024-11-05")
                await story(server, older, client)
                await client.call("after")
                assert code(await client.answer("after")) == "result"
            check(client.sent, client.lines, [exchange for exchange in server.tap if exchange.target != "/mcp"])

    asyncio.run(all_of_it())


def code(answer: Any) -> Any:
    return answer["error"]["code"] if "error" in answer else "result"


@pytest.mark.parametrize("loose_end", [b"", b'7\r\ndata: {"', b"zz\r\n", chunks(event(b"oops"))])
def test_a_broken_stream_ends_each_of_its_calls_once_and_the_next_call_opens_another(
    loose_end: bytes, tmp_path: Path
) -> None:
    async def story(server: FaultServer, older: Older, client: Client) -> None:
        server.on("tools/call", *[[head(202)]] * 5)
        for id_ in range(5):
            await client.call(id_)
        await server.received("tools/call", 5)
        older.streams[-1].write(loose_end)
        older.streams[-1].close()
        codes = {code(await client.answer(id_)) for id_ in range(5)}
        assert codes <= {UNKNOWN, -32016}
        assert len(server.sent("tools/call")) == 5

    play(tmp_path, story)


def test_a_list_that_was_lost_with_its_stream_is_requested_on_the_next_one(tmp_path: Path) -> None:
    async def story(server: FaultServer, older: Older, client: Client) -> None:
        server.on("tools/list", [head(202)])
        await client.request(1, "tools/list")
        await server.received("tools/list")
        older.streams[-1].close()
        assert code(await client.answer(1)) == "result"
        assert len(older.streams) == 2

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("script", "expected"),
    [([CUT], UNKNOWN), ([RESET], UNKNOWN), ([head(500)], UPSTREAM), ([b"nonsense\r\n\r\n", CUT], -32016)],
    ids=["closed", "reset", "HTTP 500", "no HTTP"],
)
def test_a_call_with_a_failed_post_gets_one_reply_and_the_session_goes_on(
    script: Any, expected: int, tmp_path: Path
) -> None:
    async def story(server: FaultServer, older: Older, client: Client) -> None:
        server.on("tools/call", script)
        await client.call(1)
        assert code(await client.answer(1)) == expected
        older.say(b'{"jsonrpc":"2.0","id":1,"result":{"too":"late"}}')
        assert len(older.streams) == 1

    play(tmp_path, story)


def test_if_the_endpoint_is_gone_the_call_is_sent_in_a_new_session(tmp_path: Path) -> None:
    async def story(server: FaultServer, older: Older, client: Client) -> None:
        server.on("tools/call", [head(404)])
        await client.call(1)
        assert code(await client.answer(1)) == "result"
        assert len(older.streams) == 2

    async def all_of_it() -> None:
        async with FaultServer() as server:
            older = Older(server)
            async with started(home(tmp_path, server.url)) as client:
                await client.initialize("2024-11-05")
                await story(server, older, client)

    asyncio.run(all_of_it())


def test_replies_with_unknown_ids_are_dropped_and_notifications_arrive(tmp_path: Path) -> None:
    changed = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'

    async def story(server: FaultServer, older: Older, client: Client) -> None:
        for stray in (b'{"jsonrpc":"2.0","id":"stray","result":{}}', b'{"jsonrpc":"2.0","id":1,"result":{}}', changed):
            older.say(stray)
        await client.until(lambda: changed + b"\n" in client.lines)
        await client.call(1)
        assert (await client.answer(1))["result"] != {}

    play(tmp_path, story)
