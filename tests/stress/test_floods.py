"""Thirty responses of 60 MiB at once, endless lists, seven kinds of flood: memory is bounded, other calls are served.

The tests assert memory. Times depend on the machine, so they are measured and reported (`record_property`); the tests
assert only that the calls beside a flood were answered while it went on.
"""

import asyncio
import contextlib
import itertools
import json
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.bridge import Client, argv, environment, home, started
from faults.server import END, Exchange, FaultServer, Made, chunked, chunks, event, head

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]

MIB = 1 << 20
ROOM = 160 * MIB
AT_ONCE = 30
SIZE = 60 * MIB
PROBES = 60


def peak(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(1024 * int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM:"))


def around(exchange: Exchange) -> tuple[bytes, bytes]:
    return b'{"jsonrpc":"2.0","id":%b,"result":{"x":"' % json.dumps(exchange.id).encode(), b'"}}'


def filling() -> Iterator[bytes]:
    return itertools.repeat(b"x" * MIB, SIZE // MIB)


async def with_length(exchange: Exchange, _: Any, writer: Any) -> None:
    start, end = around(exchange)
    writer.write(head(200, length=len(start) + SIZE + len(end), kind=b"application/json") + start)
    for piece in filling():
        writer.write(piece)
        await writer.drain()
    writer.write(end)


async def in_chunks(exchange: Exchange, _: Any, writer: Any, kind: bytes = b"application/json") -> None:
    start, end = around(exchange)
    before, after = (b"data: ", b"\n\n") if kind == b"text/event-stream" else (b"", b"")
    writer.write(chunked(before + start, kind=kind))
    for piece in filling():
        writer.write(chunks(piece))
        await writer.drain()
    writer.write(chunks(end + after) + END)


async def as_event(exchange: Exchange, reader: Any, writer: Any) -> None:
    await in_chunks(exchange, reader, writer, b"text/event-stream")


async def as_event_of_an_open_stream(exchange: Exchange, _: Any, writer: Any) -> None:
    start, end = around(exchange)
    writer.write(chunked(b"data: " + start))
    for piece in filling():
        writer.write(chunks(piece))
        await writer.drain()
    writer.write(chunks(end + b"\n\n"))
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


def made(step: Any) -> Made:
    return Made(lambda exchange: lambda reader, writer: step(exchange, reader, writer))


@pytest.mark.parametrize("shape", [with_length, in_chunks, as_event, as_event_of_an_open_stream])
def test_thirty_replies_of_60_mib_at_once_need_hardly_more_memory_than_one(
    shape: Any, tmp_path: Path, record_property: Any
) -> None:
    async def story() -> None:
        async with FaultServer() as server:
            folder = home(tmp_path, server.url, relay="largest_message = 100_000_000")
            process = await asyncio.create_subprocess_exec(
                *argv(), env=environment(folder), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            try:
                await ask_all(process, server)
            finally:
                process.kill()
                await process.communicate()

    async def ask_all(process: asyncio.subprocess.Process, server: FaultServer) -> None:
        assert process.stdin is not None
        assert process.stdout is not None

        def say(id_: Any, method: str, **params: Any) -> None:
            line = json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})
            process.stdin.write(line.encode() + b"\n")  # type: ignore[union-attr]  # asserted above

        say(0, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "x", "version": "1"})
        await process.stdout.readline()
        process.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        base = peak(process.pid)
        server.always("tools/call", [made(shape)])
        for id_ in range(AT_ONCE):
            say(id_ + 1, "tools/call", name="add", arguments={})
        lines, arrived = 0, 0
        while lines < AT_ONCE:
            data = await process.stdout.read(MIB)
            assert data
            lines += data.count(b"\n")
            arrived += len(data)
        grown = peak(process.pid) - base
        record_property("MiB over base", grown // MIB)
        assert arrived > AT_ONCE * SIZE
        assert grown < ROOM

    asyncio.run(story())


# Floods


def squeezed() -> Iterator[bytes]:
    """Pieces of gzip, one byte each."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = head(200, b"Transfer-Encoding: chunked", b"Content-Encoding: gzip", length=None, kind=b"text/event-stream")
    yield start
    for number in itertools.count():
        data = squeeze.compress(b": %d\n" % number * 50) + squeeze.flush(zlib.Z_SYNC_FLUSH)
        yield chunks(data, 1)


def streamed(body: bytes, size: int = MIB) -> Iterator[bytes]:
    return itertools.chain([chunked(b"")], itertools.repeat(chunks(body, size)))


NOTE = event(b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}')
FLOODS = {
    "chunks of one byte": lambda: streamed(b":" * 20_000, 1),
    "empty events": lambda: streamed(b"data:\n\n" * 40_000),
    "comments": lambda: streamed(b":\n" * 100_000),
    "line ends": lambda: streamed(b"\n" * 200_000),
    "priming events": lambda: streamed(b"id: 1\n\n" * 40_000),
    "notifications": lambda: streamed(NOTE * 2_000),
    "gzip in pieces of one byte": squeezed,
}


class Torrent:
    """A step that writes the endless `parts` as fast as the bridge reads them; `count` is the number written."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self.parts = parts
        self.count = 0

    async def __call__(self, _: Any, writer: Any) -> None:
        for part in self.parts:
            writer.write(part)
            await writer.drain()
            self.count += 1
            await asyncio.sleep(0)


def figures(times: list[float]) -> str:
    times.sort()
    return f"p50 {1000 * times[len(times) // 2]:.1f} ms, p99 {1000 * times[int(len(times) * 0.99)]:.1f} ms"


@pytest.mark.parametrize("flood", FLOODS)
def test_calls_during_a_flood_are_answered_before_it_ends(flood: str, tmp_path: Path, record_property: Any) -> None:
    async def story() -> None:
        async with FaultServer() as server, started(home(tmp_path, server.url)) as client:
            await client.initialize()
            await probe(client, "warm")
            torrent = Torrent(FLOODS[flood]())
            server.on("tools/call", [torrent])
            await client.call("flood")
            await server.received("tools/call")
            times = [await probe(client, number) for number in range(PROBES)]
            assert torrent.count > 0
            assert "flood" not in client.answers
            before = time.monotonic()
            client.process.terminate()
            await client.exited()
            end = time.monotonic() - before
            record_property("probes", figures(times))
            record_property("worst", f"{1000 * times[-1]:.0f} ms")
            record_property("SIGTERM", f"{1000 * end:.0f} ms")

    asyncio.run(story())


async def probe(client: Client, id_: Any) -> float:
    await asyncio.sleep(0.02)
    before = time.monotonic()
    await client.request(id_, "prompts/get")
    assert "result" in await client.answer(id_)
    return time.monotonic() - before
