"""Faults that span more than one request; the numbers are those of hardening.md, section 2."""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from faults.bridge import Client, home, started
from faults.invariants import check
from faults.server import (
    END,
    WELCOMED,
    Exchange,
    FaultServer,
    Made,
    chunked,
    event,
    head,
    plain,
    refusal,
    response,
)
from peers.scripted import CUT, RESET, Gate

MIB = 1 << 20
ERAS = LEGACY, MODERN = "legacy", "modern"
UNREACHABLE, UNKNOWN, LIMIT = -32011, -32012, -32014
CHANGED = b'{"jsonrpc":"2.0","method":"notifications/%b/list_changed"}'

Story = Callable[[FaultServer, Client], Coroutine[Any, Any, None]]


def play(folder: Path, story: Story, *, by: Any = (), era: str = LEGACY, **settings: Any) -> None:
    """Runs `story` with an open session, unless it is modern, and then checks the invariants."""

    async def all_of_it() -> None:
        async with FaultServer() as server:
            async with started(home(folder, server.url, **settings), modern=era == MODERN, by=by) as client:
                if era == LEGACY:
                    await client.initialize()
                await story(server, client)
            check(client.sent, client.lines, server.tap)

    asyncio.run(all_of_it())


def code(answer: Any) -> Any:
    return answer["error"]["code"] if "error" in answer else "result"


# 1, 3, 18: a truncated response


def as_json(exchange: Exchange) -> bytes:
    return plain(response(exchange))


def as_chunks(exchange: Exchange) -> bytes:
    return chunked(response(exchange), kind=b"application/json", size=40) + END


def as_events(exchange: Exchange) -> bytes:
    return chunked(b": hello\n\n" + event(response(exchange)), size=40) + END


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("end", [CUT, RESET], ids=["closed", "reset"])
@pytest.mark.parametrize("shape", [as_json, as_chunks, as_events])
def test_a_call_with_a_response_cut_at_any_byte_gets_one_reply_and_is_not_repeated(
    shape: Any, end: Any, era: str, tmp_path: Path
) -> None:
    first = 1000  # ids of equal length, so that every response has the same size
    sample = Exchange("POST", "/mcp", {"content-type": "application/json"}, b'{"id":1000}')
    length = len(shape(sample))

    def upto(size: int) -> Made:
        return Made(lambda exchange: shape(exchange)[:size])

    async def story(server: FaultServer, client: Client) -> None:
        server.on("tools/call", *([upto(size), end] for size in range(length)))
        codes = []
        for number in range(length):
            await client.call(first + number)
            codes.append(code(await client.answer(first + number)))
        whole = codes.count("result")
        assert codes[: length - whole] == [UNKNOWN] * (length - whole)
        if end is CUT:  # after a reset the system may drop bytes that had arrived before
            assert (whole > 0) == (shape is as_events)  # the event was complete before the stream ended
        assert len(server.sent("tools/call")) == length

    play(tmp_path, story, era=era)


# 2, 4: streams that break and resume


def resuming(server: FaultServer, *scripts: Any) -> None:
    """The stream of a tools/call breaks after an event with an id; each GET with that id plays the next script."""
    server.on("tools/call", [chunked(b"id: e1\nretry: 100\ndata:\n\n"), CUT])
    later = iter(scripts)

    async def get(exchange: Exchange, reader: Any, writer: Any) -> None:
        for step in next(later) if "last-event-id" in exchange.headers else [head(405)]:
            await server._do(step, reader, writer)

    server.always("GET", [Made(lambda exchange: lambda reader, writer: get(exchange, reader, writer))])


def test_2_a_stream_with_event_ids_is_resumed_and_its_request_is_not_repeated(tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        done = b'{"jsonrpc":"2.0","id":1,"result":{"late":true}}'
        resuming(
            server, [CUT], [head(503)], [chunked(event(CHANGED % b"tools", b"e2")), CUT], [chunked(event(done, b"e3"))]
        )
        await client.call(1)
        assert (await client.answer(1))["result"] == {"late": True}
        places = [get.headers["last-event-id"] for get in server.sent("GET") if "last-event-id" in get.headers]
        assert places == ["e1", "e1", "e1", "e2"]
        assert client.lines.count(CHANGED % b"tools" + b"\n") == 1
        assert len(server.sent("tools/call")) == 1

    play(tmp_path, story)


def test_2_a_stream_that_the_server_cannot_resume_is_lost_and_its_request_is_not_repeated(tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        resuming(server, [head(400)])
        await client.call(1)
        assert code(await client.answer(1)) == UNKNOWN
        assert len(server.sent("tools/call")) == 1

    play(tmp_path, story)


def test_4_the_servers_own_stream_is_reopened_whenever_it_breaks(tmp_path: Path) -> None:
    async def all_of_it() -> None:
        async with FaultServer() as server:
            names = (b"tools", b"prompts", b"resources")
            server.on("GET", *([chunked(b"retry: 100\n\n" + event(CHANGED % name)), CUT] for name in names))
            async with started(home(tmp_path, server.url)) as client:
                await client.initialize()
                wanted = [CHANGED % name + b"\n" for name in names]
                await client.until(lambda: [line for line in client.lines if line in wanted] == wanted)

    asyncio.run(all_of_it())


# 6, 7, 33: connections


def test_6_the_bridge_waits_for_a_server_that_is_down_at_the_start(tmp_path: Path) -> None:
    async def all_of_it() -> None:
        async with FaultServer() as server:
            await server.down()
            async with started(home(tmp_path, server.url)) as client:
                await client.initialize()
                await client.call(1)
                refused = await client.answer(1)
                assert code(refused) == UNREACHABLE
                assert refused["error"]["data"]["retry_safe"] is True
                await server.up()
                await client.until(lambda: CHANGED % b"tools" + b"\n" in client.lines)
                await client.call(2)
                assert code(await client.answer(2)) == "result"
            check(client.sent, client.lines, server.tap)

    asyncio.run(all_of_it())


def test_6_a_call_outlives_a_short_absence_of_the_server(tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        await server.down()
        await client.call(1)
        await client.request(2, "x/unknown")
        await server.up()
        assert [code(await client.answer(id_)) for id_ in (1, 2)] == ["result", "result"]

    play(tmp_path, story)


def test_7_an_idle_connection_that_the_server_closes_costs_no_call_its_reply(tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        server.always("tools/call", [Made(lambda exchange: plain(response(exchange))), CUT])
        for id_ in range(100):
            await client.call(id_)
            assert code(await client.answer(id_)) == "result"
        assert len(server.sent("tools/call")) == 100

    play(tmp_path, story)


def test_34_without_free_file_descriptors_calls_fail_safely_until_some_are_free_again(tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        gate = Gate()
        server.always("tools/call", [gate, Made(lambda exchange: plain(response(exchange)))])
        ids = range(60)
        for id_ in ids:
            await client.call(id_)
        await client.until(lambda: len(client.answers) > 1)  # the first call without a file descriptor
        await client.until(lambda: len(client.answers) + len(server.sent("tools/call")) > len(ids))
        gate.open.set()
        codes = [code(await client.answer(id_)) for id_ in ids]
        assert set(codes) == {"result", UNREACHABLE}
        await client.call("after")
        assert code(await client.answer("after")) == "result"

    play(tmp_path, story, by=("/bin/sh", "-c", 'ulimit -n 40; exec "$@"', "sh"))


def test_12_a_list_that_was_cut_off_and_then_refused_is_not_reported_as_unsent(
    tmp_path: Path,
) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        server.on("tools/list", [CUT], [head(429, b"Retry-After: 3600")])
        await client.request(1, "tools/list")
        answer = await client.answer(1)
        assert (code(answer), answer["error"]["data"]["sent"]) == (UNKNOWN, "partial")
        assert "429" in answer["error"]["message"]

    play(tmp_path, story)


# 13, 15: the session, the headers


def test_13_a_lost_session_is_reopened_once_and_every_refused_request_is_sent_again(tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        gate = Gate()
        forgotten = [gate, Made(lambda exchange: head(404))]
        server.always("initialize", [Made(lambda x: plain(response(x, WELCOMED), 200, b"Mcp-Session-Id: s-2"))])
        server.on("tools/call", *[forgotten] * 20)
        for id_ in range(20):
            await client.call(id_)
        await server.received("tools/call", 20)
        gate.open.set()
        assert [code(await client.answer(id_)) for id_ in range(20)] == ["result"] * 20
        assert len(server.sent("initialize")) == 2
        sessions = [exchange.headers["mcp-session-id"] for exchange in server.sent("tools/call")]
        assert sessions == ["s-1"] * 20 + ["s-2"] * 20

    play(tmp_path, story)


def test_13_a_second_refusal_in_the_new_session_is_the_answer_and_no_call_is_carried_out_twice(tmp_path: Path) -> None:
    """The server knows which calls it has carried out: none of them is given to it again."""
    gone = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid Request"}}'

    async def story(server: FaultServer, client: Client) -> None:
        await client.call(1)
        assert code(await client.answer(1)) == "result"
        server.on("tools/call", [plain(gone)], [plain(gone)])
        await client.call(2)
        assert code(await client.answer(2)) == -32600
        await client.call(3)
        assert code(await client.answer(3)) == "result"
        carried_out = [exchange.id for exchange in server.sent("tools/call") if not exchange.refused]
        assert carried_out == [1, 3]
        assert len(server.sent("initialize")) == 2

    play(tmp_path, story)


def test_15_mismatched_headers_are_rebuilt_and_the_call_is_sent_once_more(tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        server.on("tools/call", [Made(lambda exchange: plain(refusal(exchange, -32020), 400))])
        await client.call(1)
        assert code(await client.answer(1)) == "result"
        assert [len(server.sent(method)) for method in ("tools/call", "tools/list")] == [2, 1]

    play(tmp_path, story, era=MODERN)


# 25: large results


@pytest.mark.parametrize("method", ["tools/call", "prompts/get"])
@pytest.mark.parametrize("size", [9, 11, 65])
def test_25_the_error_for_an_oversized_result_names_the_limit(method: str, size: int, tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        server.on(method, [Made(lambda exchange: plain(response(exchange, {"text": "x" * (size * MIB)})))])
        await client.request(1, method, {"name": "add"})
        answer = await client.answer(1)
        if size == 9:
            assert len(answer["result"]["text"]) == 9 * MIB
            return
        words = "largest_message" if size == 11 else "more than 67108864 bytes"
        assert words in json.dumps(answer)
        assert answer["result"]["isError"] if method == "tools/call" else code(answer) == LIMIT

    play(tmp_path, story)


def test_25_a_result_of_sixty_megabytes_is_delivered_if_the_limit_allows_it(tmp_path: Path) -> None:
    size = 60 * 10**6

    async def story(server: FaultServer, client: Client) -> None:
        await client.request("warm", "prompts/get")
        await client.answer("warm")
        base = client.peak
        server.on("tools/call", [Made(lambda exchange: plain(response(exchange, {"text": "x" * size})))])
        await client.call(1)
        assert len((await client.answer(1))["result"]["text"]) == size
        assert client.peak - base < 3 * size

    play(tmp_path, story, relay="largest_message = 100_000_000")


# 64, 66, 67, 68: faults of the client


def test_64_the_bridge_ends_quietly_when_the_client_closes_its_end(tmp_path: Path) -> None:
    async def all_of_it() -> None:
        async with FaultServer() as server, started(home(tmp_path, server.url)) as client:
            await client.initialize()
            gate = Gate()
            server.on("tools/call", [gate, Made(lambda exchange: plain(response(exchange)))])
            await client.call(1)
            await server.received("tools/call")
            client.process._transport.get_pipe_transport(1).close()
            gate.open.set()
            assert (await client.ended(), client.stderr) == (0, b"")

    asyncio.run(all_of_it())


def test_66_a_batch_is_split_in_the_revision_that_allows_batches(tmp_path: Path) -> None:
    async def all_of_it() -> None:
        async with FaultServer() as server, started(home(tmp_path, server.url)) as client:
            welcomed = {**WELCOMED, "protocolVersion": "2025-03-26"}
            server.on("initialize", [Made(lambda exchange: plain(response(exchange, welcomed)))])
            await client.initialize("2025-03-26")
            batch = [{"jsonrpc": "2.0", "id": id_, "method": "tools/call", "params": {}} for id_ in (1, 2, 3)]
            await client.write(json.dumps(batch).encode() + b"\n")
            client.sent += batch
            assert [code(await client.answer(id_)) for id_ in (1, 2, 3)] == ["result"] * 3
            check(client.sent, client.lines, server.tap)

    asyncio.run(all_of_it())


@pytest.mark.parametrize("era", ERAS)
def test_67_a_duplicate_id_is_refused_and_the_first_request_goes_on(era: str, tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        gate = Gate()
        server.on("tools/call", [gate, Made(lambda exchange: plain(response(exchange)))])
        await client.call(1)
        await server.received("tools/call")
        await client.call(1)
        assert code(await client.answer(1)) == -32600
        del client.answers[1]
        gate.open.set()
        assert code(await client.answer(1)) == "result"
        assert len(server.sent("tools/call")) == 1

    play(tmp_path, story, era=era)


@pytest.mark.parametrize("era", ERAS)
def test_68_a_request_cancelled_in_flight_gets_no_reply_and_its_stream_is_closed(era: str, tmp_path: Path) -> None:
    async def story(server: FaultServer, client: Client) -> None:
        hung_up = []

        async def until_hung_up(reader: Any, _: Any) -> None:
            await reader.read()
            hung_up.append(reader)

        server.always("tools/call", [chunked(b": hello\n\n"), until_hung_up])
        for id_ in range(50):
            await client.call(id_)
        await server.received("tools/call", 50)
        for id_ in range(50):
            await client.cancel(id_)
        await client.request("after", "prompts/list")
        await client.answer("after")
        await server.all_ended(50)
        assert len(hung_up) == 50
        assert not set(range(50)) & set(client.answers)
        assert len(server.sent("notifications/cancelled")) == (0 if era == MODERN else 50)

    play(tmp_path, story, era=era)


@pytest.mark.parametrize("era", ERAS)
def test_68_a_cancellation_that_crosses_its_reply_leaves_at_most_one_reply(era: str, tmp_path: Path) -> None:
    chance = random.Random(68)

    async def story(server: FaultServer, client: Client) -> None:
        waiting: list[int] = []
        for id_ in range(2000):
            await client.call(id_)
            waiting.append(id_)
            while len(waiting) > chance.randrange(8):
                await client.cancel(waiting.pop(chance.randrange(len(waiting))))
        for id_ in waiting:  # the end of stdin would end the requests in flight
            await client.answer(id_)
        await client.call("after")
        await client.answer("after")

    play(tmp_path, story, era=era)
