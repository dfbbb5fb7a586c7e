"""A relay between real pipes and a real server on loopback: what the client reads, also when something goes wrong."""

import asyncio
import contextlib
import json
import os
import select
import signal
from pathlib import Path

import pytest
from peers.far import EVENTS, Far, event, status
from relaying import INITIALIZE, INITIALIZED, answer, cancelled, message, notification, request

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.commands import run
from mcp_auth_bridge.config.auth import AnonymousSettings
from mcp_auth_bridge.config.config_file import Config
from mcp_auth_bridge.config.profile import Profile, ServerChoice
from mcp_auth_bridge.config.store import MemoryStoreSettings
from mcp_auth_bridge.relay.base import Remember, ToClient, collected
from mcp_auth_bridge.relay.call_numbers import STREAM
from mcp_auth_bridge.relay.content_length import Frames, framed
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.shell.console import client_lines
from mcp_auth_bridge.shell.console.stdin import Incoming
from mcp_auth_bridge.shell.console.stdout import StdoutWriter
from mcp_auth_bridge.shell.files.paths import paths_below
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.shell.run_relay import RelayRunner
from mcp_auth_bridge.shell.transports import heartbeat
from mcp_auth_bridge.shell.transports.remote import Remote
from mcp_auth_bridge.urls import Purpose, gate

BIG = "x" * (1 << 20)


class Client:
    """The other end of the bridge's stdin and stdout. Reads only when the test says so."""

    def __init__(self):
        self.incoming, self._stdin = os.pipe()
        self._stdout, self.outgoing = os.pipe()
        self._lines = None
        self._open = {self.incoming, self._stdin, self._stdout, self.outgoing}

    async def say(self, *values):
        for value in values:
            line = value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"
            await asyncio.to_thread(os.write, self._stdin, line)

    async def hear(self):
        """The next line of stdout, which must be JSON, None at the end."""
        if self._lines is None:
            self._lines = os.fdopen(os.dup(self._stdout), "rb")
        line = await asyncio.to_thread(self._lines.readline)
        return json.loads(line) if line else None

    async def open(self):
        await self.say(INITIALIZE)
        assert (await self.hear())["id"] == INITIALIZE["id"]
        await self.say(INITIALIZED)

    def _close(self, *ends):
        for end in ends:
            if end in self._open:
                self._open.remove(end)
                os.close(end)

    def has_more_to_hear(self):
        return bool(select.select([self._stdout], [], [], 0)[0])

    def hang_up(self):
        """The end of the client's stream."""
        self._close(self._stdin)

    def go_deaf(self):
        if self._lines is not None:
            self._lines.close()
            self._lines = None
        self._close(self._stdout)

    def bridge_is_gone(self):
        self._close(self.outgoing)

    def close(self):
        self.go_deaf()
        self._close(*list(self._open))


async def refuse_to_sign_in():
    raise AssertionError("these relays want no login")


class Credentials:
    """No headers, or the exception that a test has put into `failing`."""

    failing = None

    async def headers(self, target, refused=None):
        if self.failing:
            raise self.failing
        return {}

    def at_hand(self, target):
        return None if self.failing else {}


class Story:
    """One bridge between `client` and `far`: `running` is its task."""

    def __init__(self):
        self.client = Client()
        self.far = Far()
        self.credentials = Credentials()

    @contextlib.asynccontextmanager
    async def relayed(self, relay=None, remember=lambda method, result: None):
        """Only `RelayRunner`."""
        async with self.far:
            wire = Pool(Network(Profile("far", gate(self.far.url, Purpose.SERVER)).network, {}))
            remote = Remote(gate(self.far.url, Purpose.SERVER), wire, self.credentials)
            relay = relay or LegacySession(Passthrough())
            self.writer = StdoutWriter(self.client.outgoing)
            self.runner = RelayRunner(relay, remote, self.writer, remember, refuse_to_sign_in)
            self.running = asyncio.create_task(self.runner.run(Incoming(self.client.incoming)))
            try:
                yield self
            finally:
                self.client.hang_up()
                with contextlib.suppress(Exception):
                    await self.running
                await wire.aclose()

    @contextlib.asynccontextmanager
    async def commanded(self, home: Path):
        """The whole command."""
        async with self.far:
            profile = Profile(
                "far", gate(self.far.url, Purpose.SERVER), auth=AnonymousSettings(), store=MemoryStoreSettings()
            )
            paths = paths_below(home)
            context = Context(paths, Config(paths.config, MemoryStoreSettings(), {"far": profile}), {})
            given = run.Input(ServerChoice("far"), self.client.incoming, self.client.outgoing)
            self.running = asyncio.create_task(run.run(given, context))
            try:
                yield self
            finally:
                self.client.hang_up()
                await asyncio.wait((self.running,))

    async def ended(self):
        """Wait for the bridge to end by itself, without an error and without tasks that still run."""
        result = await self.running
        assert [task for task in asyncio.all_tasks() if "perform" in repr(task.get_coro())] == []
        return result


@pytest.fixture
def story():
    story = Story()
    yield story
    story.client.close()


def told(function):
    asyncio.run(function())


# The path of a message


def test_a_call_goes_to_the_server_and_its_reply_comes_back(story, tmp_path):
    async def tell():
        async with story.commanded(tmp_path) as bridge:
            await bridge.client.open()
            await bridge.client.say(request(1), request("1", "resources/read"))
            answers = [await bridge.client.hear(), await bridge.client.hear()]
            assert sorted(answers, key=repr) == sorted(
                [answer(1, {"echo": "tools/call"}), answer("1", {"echo": "resources/read"})], key=repr
            )

    told(tell)


def test_the_messages_of_a_stream_keep_their_order_and_their_bytes(story):
    async def stream(message, writer):
        said = [
            notification("a"),
            notification("b"),
            request("s", "roots/list"),
            answer(message["id"], {"ü": "\u2028"}),
        ]
        writer.write(EVENTS + b"".join(event(value) for value in said))
        await writer.drain()

    async def tell():
        async with story.relayed() as bridge:
            bridge.far.replies["tools/call"] = stream
            await bridge.client.open()
            await bridge.client.say(request(1))
            heard = [await bridge.client.hear() for _ in range(4)]
            assert [value.get("method") or value["id"] for value in heard] == ["a", "b", "roots/list", 1]
            await bridge.client.say(answer("s", {"roots": []}))
            await bridge.far.saw("response")

    told(tell)


def test_a_result_is_remembered_when_the_client_has_it(story):
    class Remembering(Passthrough):
        @collected
        def from_client(self, asked):
            yield Remember("initialize", b"{}")
            yield ToClient(asked)

    async def tell():
        remembered = asyncio.get_running_loop().create_future()

        def remember(method, result):
            remembered.set_result((method, result, story.client.has_more_to_hear()))

        async with story.relayed(Remembering(), remember) as bridge:
            await bridge.client.say(request(1))
            assert await remembered == ("initialize", b"{}", True)

    told(tell)


def test_the_relay_hears_that_a_call_is_alive_and_what_it_does_then_is_done(story, monkeypatch):
    monkeypatch.setattr(heartbeat, "PAUSE", 0.0)

    class Telling(Passthrough):
        @collected
        def alive(self, call):
            yield ToClient(message(notification("alive", call=call)))

    async def comment(asked, writer):
        writer.write(EVENTS + b": working\n\n")
        await writer.drain()
        await asyncio.Event().wait()

    async def tell():
        async with story.relayed(LegacySession(Telling())) as bridge:
            bridge.far.replies["tools/call"] = comment
            await bridge.client.open()
            await bridge.client.say(request(1))
            assert await bridge.client.hear() == notification("alive", call=1)

    told(tell)


def test_a_session_is_used_although_the_stream_that_answers_its_confirmation_stays_open(story):
    async def open_stream(asked, writer):
        writer.write(EVENTS)
        await asyncio.Event().wait()

    async def tell():
        async with story.relayed() as bridge:
            bridge.far.replies["notifications/initialized"] = open_stream
            await bridge.client.open()
            await bridge.client.say(request(1))
            assert await bridge.client.hear() == answer(1, {"echo": "tools/call"})

    told(tell)


def test_a_line_that_is_not_a_message_is_answered_and_the_next_one_is_relayed(story, monkeypatch):
    monkeypatch.setattr(client_lines, "LONGEST_LINE", 1000)

    async def tell():
        async with story.relayed() as bridge:
            await bridge.client.open()
            await bridge.client.say(b"garbage\n", b'{"id":7}\n', b"x" * 2000 + b"\n", b"\n", request(1))
            heard = [await bridge.client.hear() for _ in range(4)]
            assert [(value["id"], value.get("error", {}).get("code")) for value in heard] == [
                (None, -32700),
                (None, -32600),
                (None, -32600),
                (1, None),
            ]

    told(tell)


def test_a_last_line_without_an_end_is_a_message(story):
    async def tell():
        async with story.relayed() as bridge:
            await bridge.client.say(b"garbage")
            bridge.client.hang_up()
            await bridge.ended()
            assert (await bridge.client.hear())["error"]["code"] == -32700

    told(tell)


def test_a_client_that_sends_frames_is_answered_in_frames(story):
    async def tell():
        async with story.relayed() as bridge:
            await bridge.client.say(framed(json.dumps(request(1, "ping")).encode()))
            await bridge.client.say(framed(b"garbage"))
            heard = await asyncio.to_thread(os.read, bridge.client._stdout, 1 << 16)
            while heard.count(b"Content-Length") < 2:
                heard += await asyncio.to_thread(os.read, bridge.client._stdout, 1 << 16)
            answers = [json.loads(message) for message in Frames(1 << 20).feed(heard)]
            assert [answer["id"] for answer in answers] == [1, None]

    told(tell)


def test_a_client_that_says_nothing_is_told_nothing(story):
    async def tell():
        async with story.relayed() as bridge:
            bridge.client.hang_up()
            await bridge.ended()
            bridge.client.bridge_is_gone()
            assert await bridge.client.hear() is None

    told(tell)


# Faults


def test_a_fault_in_a_call_is_one_error_that_names_no_data_and_the_next_call_works(story):
    async def tell():
        async with story.relayed() as bridge:
            await bridge.client.open()
            await bridge.far.saw("GET")
            bridge.credentials.failing = RuntimeError("Bearer s3cret")
            await bridge.client.say(request(1))
            failed = await bridge.client.hear()
            assert (failed["id"], failed["error"]["code"]) == (1, -32603)
            assert "RuntimeError" in failed["error"]["message"]
            assert "s3cret" not in json.dumps(failed)
            bridge.credentials.failing = None
            await bridge.client.say(request(2))
            assert await bridge.client.hear() == answer(2, {"echo": "tools/call"})

    told(tell)


def test_a_fault_in_the_relay_ends_the_bridge_and_is_raised(story):
    class Faulty(Passthrough):
        def from_client(self, message):
            raise ZeroDivisionError

    async def tell():
        async with story.relayed(Faulty()) as bridge:
            await bridge.client.say(request(1))
            with pytest.raises(ZeroDivisionError):
                await bridge.running

    told(tell)


def test_a_lost_session_is_opened_again_and_the_call_is_answered(story):
    async def tell():
        async with story.relayed() as bridge:
            bridge.far.replies["tools/call"] = lambda message: (
                status(404) if bridge.far.sessions == 1 else bridge.far.result(message, {})
            )
            await bridge.client.open()
            await bridge.client.say(request(1))
            assert await bridge.client.hear() == answer(1, {})
            methods = [method for method in bridge.far.methods() if method != "GET"]
            opening = ["initialize", "notifications/initialized", "tools/call"]
            assert methods == opening + opening
            sessions = [head for head in bridge.far.requests if b"tools/call" in head]
            assert [b"s%d\r\n" % number in head for number, head in enumerate(sessions, 1)] == [True, True]
            openings = [head for head in bridge.far.requests if b'"initialize"' in head]
            assert not any(b"mcp-session-id" in head.lower() for head in openings)

    told(tell)


# The server's own stream


def test_a_server_without_a_stream_is_asked_once(story):
    async def tell():
        async with story.relayed() as bridge:
            await bridge.client.open()
            await bridge.far.saw("GET")
            await bridge.client.say(request(1))
            await bridge.client.hear()
            await asyncio.wait((bridge.runner._calls[STREAM],))
            assert bridge.far.methods().count("GET") == 1

    told(tell)


def test_the_servers_own_stream_is_relayed_without_its_replies(story):
    async def stream(_, writer):
        writer.write(EVENTS + event(answer(1, "stolen")) + event(notification("n")))
        await writer.drain()
        await asyncio.Event().wait()

    async def tell():
        async with story.relayed() as bridge:
            bridge.far.replies["GET"] = stream
            await bridge.client.open()
            assert await bridge.client.hear() == notification("n")
            bridge.client.hang_up()
            await bridge.ended()

    told(tell)


# A client that does not read


def test_a_client_that_does_not_read_gets_everything_later_and_others_are_served(story):
    async def tell():
        async with story.relayed() as bridge:
            bridge.far.replies["tools/call"] = lambda message: bridge.far.result(message, BIG)
            await bridge.client.open()
            await bridge.client.say(*(request(number) for number in range(1, 6)))
            await bridge.far.saw("tools/call", 5)
            heard = [await bridge.client.hear() for _ in range(5)]
            assert sorted(value["id"] for value in heard) == [1, 2, 3, 4, 5]
            assert {value["result"] for value in heard} == {BIG}

    told(tell)


def test_a_client_that_does_not_read_the_answers_to_its_lines_has_to_wait_and_gets_all_of_them(story):
    """Its lines wait in its pipe: memory is bounded, however much it sends."""

    class Answering(Passthrough):
        def from_client(self, asked):
            return [ToClient(message(answer(int(asked.id), BIG)))]

    async def tell():
        async with story.relayed(Answering()) as bridge:
            await bridge.client.say(*(request(number) for number in range(50)))
            for _ in range(100):
                await asyncio.sleep(0)
            put = bridge.writer._waiting_size + bridge.writer._begun_size
            assert put <= 2 * len(BIG)
            heard = [await bridge.client.hear() for _ in range(50)]
            assert [value["id"] for value in heard] == list(range(50))

    told(tell)


def test_the_end_of_a_client_that_does_not_read_ends_the_bridge(story):
    class Answering(Passthrough):
        def from_client(self, asked):
            return [ToClient(message(answer(int(asked.id), BIG)))]

    async def tell():
        async with story.relayed(Answering()) as bridge:
            await bridge.client.say(*(request(number) for number in range(50)))
            await asyncio.to_thread(os.read, bridge.client._stdout, 1)
            bridge.client.go_deaf()
            await bridge.ended()

    told(tell)


def test_a_cancellation_within_a_line_leaves_the_lines_whole(story):
    async def stream(message, writer):
        writer.write(EVENTS + event(notification("n", text=BIG)))
        await writer.drain()
        await asyncio.Event().wait()

    async def tell():
        async with story.relayed() as bridge:
            bridge.far.replies["tools/call"] = stream
            await bridge.client.open()
            await bridge.client.say(request(1))
            first = await asyncio.to_thread(os.read, bridge.client._stdout, 1)
            await bridge.client.say(cancelled(1))
            await bridge.far.saw("notifications/cancelled")
            await bridge.client.say(request(2, "resources/read"))
            lines = os.fdopen(os.dup(bridge.client._stdout), "rb")
            half = await asyncio.to_thread(lines.readline)
            assert json.loads(first + half)["params"]["text"] == BIG
            assert json.loads(await asyncio.to_thread(lines.readline)) == answer(2, {"echo": "resources/read"})
            lines.close()

    told(tell)


# The end


@pytest.mark.parametrize("state", ["silent", "opening", "open", "calling", "streaming", "deaf"])
@pytest.mark.parametrize("how", ["end of stdin", "SIGTERM", "SIGINT", "SIGHUP"])
def test_the_bridge_ends_in_every_state(story, tmp_path, state, how):
    async def never(_, writer):
        await asyncio.Event().wait()

    async def tell():
        async with story.commanded(tmp_path) as bridge:
            client, far = bridge.client, bridge.far
            far.replies |= {"initialize": never} if state == "opening" else {"tools/call": never}
            if state == "streaming":
                far.replies["GET"] = never
            if state == "deaf":
                far.replies["tools/call"] = lambda message: far.result(message, BIG)
            if state == "opening":
                await client.say(INITIALIZE)
                await far.saw("initialize")
            elif state == "silent":
                await client.say(request(1, "ping"))
                await client.hear()
            else:
                await client.open()
                await far.saw("GET")
            if state in ("calling", "deaf"):
                await client.say(request(1))
                await far.saw("tools/call")
            if how == "end of stdin":
                client.hang_up()
            else:
                os.kill(os.getpid(), getattr(signal, how))
            assert await bridge.ended() == 0
            opened = state not in ("silent", "opening")
            assert far.methods().count("DELETE") == opened

    told(tell)


def test_a_server_that_keeps_its_connections_does_not_delay_the_end(story, tmp_path):
    async def never(_, writer):
        await asyncio.Event().wait()

    async def tell():
        async with story.commanded(tmp_path) as bridge:
            bridge.far.replies["DELETE"] = never
            await bridge.client.open()
            await bridge.far.saw("GET")
            bridge.client.hang_up()
            assert await bridge.ended() == 0
            assert bridge.far.methods()[-1] == "DELETE"

    told(tell)


@pytest.mark.parametrize("writing", [False, True])
def test_a_client_that_can_no_longer_be_written_to_ends_the_bridge(story, tmp_path, writing):
    async def tell():
        async with story.commanded(tmp_path) as bridge:
            bridge.far.replies["tools/call"] = lambda message: bridge.far.result(message, BIG)
            await bridge.client.open()
            if writing:
                await bridge.client.say(request(1))
                await asyncio.to_thread(os.read, bridge.client._stdout, 1)
                bridge.client.go_deaf()
            else:
                bridge.client.go_deaf()
                await bridge.client.say(request(1))
            assert await bridge.ended() == 0

    told(tell)
