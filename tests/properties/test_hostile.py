"""A hostile or overeager client or server: memory stays bounded, other requests are served, no byte changes."""

import asyncio
import itertools
import random
import sys
import zlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from faults import hostile
from faults.bridge import Client, home, started
from faults.invariants import check
from faults.server import END, FaultServer, Made, chunked, chunks, event, head, loads, plain, response

MIB = 1 << 20
ROOM = 160 * MIB
"""What any single flood may cost: a limit of 64 MiB, its copy while it is joined, and change."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

Story = Callable[[FaultServer, Client], Coroutine[Any, Any, None]]


def play(folder: Path, story: Story, **options: Any) -> None:
    async def all_of_it() -> None:
        async with FaultServer() as server, started(home(folder, server.url, **options)) as client:
            await client.initialize()
            await story(server, client)

    asyncio.run(all_of_it())


async def others_are_served(client: Client, *ids: str) -> None:
    for id_ in ids or ("other",):
        await client.request(id_, "prompts/get")
    for id_ in ids or ("other",):
        assert "result" in await client.answer(id_)


# Lines


async def write_in_pieces(client: Client, data: bytes, chance: random.Random) -> None:
    while data:
        size = chance.choice((1, 100, 5_000, 60_000))
        await client.write(data[:size])
        data = data[size:]


def test_ten_thousand_hostile_lines_cost_no_memory_and_no_reply_to_a_valid_call(tmp_path: Path) -> None:
    chance = random.Random(3)
    valid = [f"valid {number}" for number in range(1000)]

    async def story(server: FaultServer, client: Client) -> None:
        await others_are_served(client, *(f"warm {number}" for number in range(50)))
        base = client.peak
        for id_ in valid:
            lines = b"".join(hostile.line(chance) + b"\n" for _ in range(10))
            await write_in_pieces(client, lines, chance)
            await client.call(id_)
        for id_ in valid:
            assert "result" in await client.answer(id_)
        await others_are_served(client)
        assert client.peak - base < 10 * MIB
        assert await client.close() == 0
        errors = [loads(line)["error"]["code"] for line in client.lines if b'"error"' in line]
        assert len(errors) == 10_000
        assert set(errors) == {-32700, -32600}
        assert client.stderr == b""
        assert len(server.sent("tools/call")) == len(valid)

    play(tmp_path, story)


def test_a_line_above_the_limit_is_reported_once_and_the_next_one_is_read(tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        base = client.peak
        for _ in range(100):
            await client.write(b"x" * MIB)
        await client.write(b"\n")
        await others_are_served(client)
        refused = [line for line in client.lines if b"-32600" in line]
        assert len(refused) == 1
        assert b"67108864 bytes" in refused[0]
        assert client.peak - base < ROOM

    play(tmp_path, story)


# Floods


def body_of_two_gib() -> list[Any]:
    return [head(200, length=2048 * MIB, kind=b"application/json"), *itertools.repeat(b" " * MIB, 2048)]


def event_of_two_gib() -> list[Any]:
    return [chunked(b"data: "), *itertools.repeat(chunks(b"x" * MIB), 2048)]


def lines_of_two_gib() -> list[Any]:
    """An endless event with short lines only."""
    return [chunked(b""), *itertools.repeat(chunks(b"data: %b\n" % (b"x" * 57) * (MIB // 64)), 2048)]


def bomb(unit: bytes, encoded: bytes = b"") -> list[Any]:
    """10 GiB of `unit`, a MiB, as gzip: each piece is independent, so it is compressed only once."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    first = squeeze.compress(b"[") + squeeze.flush(zlib.Z_FULL_FLUSH)
    piece = squeeze.compress(unit) + squeeze.flush(zlib.Z_FULL_FLUSH)
    start = head(200, b"Transfer-Encoding: chunked", b"Content-Encoding: gzip", length=None, kind=b"application/json")
    return [start + chunks(first), *itertools.repeat(chunks(piece), 10 * 1024)]


FLOODS = {
    "a body of 2 GiB": body_of_two_gib,
    "an event of 2 GiB": event_of_two_gib,
    "an event of 2 GiB in short lines": lines_of_two_gib,
    "a bomb of 10 GiB": lambda: bomb(b" " * MIB),
    "a bomb of 10 GiB that is hardly compressed": lambda: bomb(
        random.Random(1).randbytes(MIB // 64) + b" " * (63 * MIB // 64)
    ),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_is_refused_at_a_limit_and_harms_no_other_request(flood: str, tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        await others_are_served(client, "warm")
        base = client.peak
        server.always("tools/call", FLOODS[flood]())
        await client.call("flood")
        await others_are_served(client)
        answer = await client.answer("flood")
        assert answer["result"]["isError"] is True
        await others_are_served(client, "after")
        assert client.peak - base < ROOM
        assert len(server.sent("tools/call")) == 1

    play(tmp_path, story)


def log(number: int) -> bytes:
    return b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":%d}}' % number


class Torrent:
    """A step that sends `count` numbered notifications as events. `stuck` is set when the client stops reading."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.stuck = asyncio.Event()

    async def __call__(self, _: Any, writer: Any) -> None:
        for start in range(0, self.count, 1000):
            writer.write(chunks(b"".join(event(log(number)) for number in range(start, start + 1000))))
            if writer.transport.get_write_buffer_size() > MIB:
                self.stuck.set()
                await writer.drain()


@pytest.mark.parametrize("count", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_a_client_that_stops_reading_slows_the_server_down_and_loses_nothing(count: int, tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        await others_are_served(client, "warm")
        base = client.peak
        torrent = Torrent(count)
        server.on("tools/call", [chunked(b": hello\n\n"), torrent, Made(lambda x: chunks(event(response(x)))), END])
        client.listening.clear()
        await client.call("flood")
        await torrent.stuck.wait()
        await client.request("other", "prompts/get")
        await server.received("prompts/get", 2)
        client.listening.set()
        assert "result" in await client.answer("other")
        assert "result" in await client.answer("flood")
        arrived = [loads(line)["params"]["data"] for line in client.lines if b"notifications/message" in line]
        assert arrived == list(range(count))
        assert client.peak - base < ROOM

    play(tmp_path, story)


def test_two_hundred_open_streams_delay_no_other_request(tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        finish = asyncio.Event()

        async def until_told(_: Any, __: Any) -> None:
            await finish.wait()

        answer = Made(lambda x: chunks(event(response(x))) + END)
        server.always("tools/call", [chunked(b": hello\n\n"), until_told, answer])
        streams = [f"stream {number}" for number in range(200)]
        for id_ in streams:
            await client.call(id_)
        await server.received("tools/call", 200)
        await others_are_served(client, *(f"fast {number}" for number in range(200)))
        assert not set(streams) & set(client.answers)
        finish.set()
        for id_ in streams:
            assert "result" in await client.answer(id_)
        check(client.sent, client.lines, server.tap)

    play(tmp_path, story)


# Bytes

FAITHFUL = (
    rb'{"jsonrpc":"2.0", "id":"%s" ,"result":{"n":[9223372036854775807,18446744073709551616,-0.0,1.10,1E2,1e400],'
    rb'"twice":1,"twice":2,"lone":"\ud800","pair":"\ud83d\ude00","raw":"'
    + "é中😀".encode()
    + rb'","unknown":{"\u0000":null},'
    rb'"slash":"\/"},"_more":[]}'
)


@pytest.mark.parametrize("shape", ["JSON", "SSE"])
def test_a_result_arrives_byte_for_byte(shape: str, tmp_path: Path) -> None:
    body = FAITHFUL.replace(b"%s", b"it")

    async def story(server: FaultServer, client: Client) -> None:
        server.on("tools/call", [plain(body) if shape == "JSON" else chunked(event(body)) + END])
        await client.call("it")
        await client.answer("it")
        assert client.lines[-1] == body + b"\n"

    play(tmp_path, story)


def test_a_request_arrives_byte_for_byte(tmp_path: Path) -> None:
    body = FAITHFUL.replace(b"%s", b"it").replace(b'"result"', b'"method":"tools/call","params"')

    async def story(server: FaultServer, client: Client) -> None:
        await client.write(body + b"\n")
        await client.answer("it")
        assert server.sent("tools/call")[0].body == body

    play(tmp_path, story)
