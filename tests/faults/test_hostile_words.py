"""One process gets hundreds of malformed messages, from its client and through every channel of its server."""

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any

import hostile_messages as hostile
import pytest
from faults.bridge import home, started
from peers.far import EVENTS, JSON, Far, status

from mcp_auth_bridge.relay.base import Kind, Malformed
from mcp_auth_bridge.relay.envelope import peek

LINES = 300
NAMED = [
    b'"\\ud800"',
    b'"{\\ud800"',
    b'{"jsonrpc":"2.0","method":' + b"9" * 5000 + b"}",
    b"[" * 3000 + b"]" * 3000,
    b'{"jsonrpc":"2.0","id":1e999999,"method":"ping"}',
    b"\0",
]
"""What has ended a process before."""


def reply_in(way: str, chance: random.Random) -> Any:
    """The script of a server that answers `tools/call` with any bytes, as one body or in a stream."""

    def reply(message: Any) -> bytes:
        id_ = f'"{message["id"]}"'
        if way == "json":
            return status(200, JSON, body=hostile.said_by_server(chance, id_))
        return EVENTS + hostile.stream(chance, id_)

    async def stream(message: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(message))  # and the end of the connection ends the stream
        await writer.drain()

    return reply if way == "json" else stream


@pytest.mark.parametrize("way", ["json", "sse"])
def test_a_process_answers_every_request_of_a_hostile_client_to_a_hostile_server(tmp_path: Path, way: str) -> None:
    chance = random.Random(7)
    lines = [*NAMED, *(hostile.said_by_client(chance, f'"line {number}"') for number in range(LINES))]

    async def listened(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + b"data: " + chance.choice(NAMED) + b"\n\n" + hostile.stream(chance, "1"))
        await writer.drain()

    async def story() -> None:
        async with Far() as far, started(home(tmp_path, far.url, relay="deadline = 5")) as client:
            await client.initialize("2025-06-18")
            far.replies |= {"tools/call": reply_in(way, chance), "GET": listened}
            due = {"init"}
            for number, line in enumerate(lines):
                with contextlib.suppress(Malformed):
                    message = peek(line)
                    due |= {message.key} if message.kind is Kind.REQUEST else set()
                await client.write(line + b"\n")
                if number % 3 == 0:
                    due.add(f"call {number}")
                    await client.call(f"call {number}")
            await client.until(lambda: due <= client.answers.keys())
            answers = [message for message in map(peek, client.lines) if message.kind is Kind.REPLY]
            for key in due:
                assert sum(answer.key == key for answer in answers) == 1
            assert client.process.returncode is None
            assert await client.close() == 0
            assert far.methods().count("GET") > 0
            assert b"a fault of the bridge itself" not in client.stderr

    asyncio.run(story())
