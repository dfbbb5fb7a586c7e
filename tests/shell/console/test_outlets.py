"""Each kind of descriptor takes bytes without a wait, and the flags of other processes do not change."""

import asyncio
import fcntl
import os
import pty
import socket
import sys

import pytest

from mcp_auth_bridge.shell.console import outlets
from mcp_auth_bridge.shell.console.outlets import PipeOutlet, PolledOutlet, SocketOutlet, ThreadOutlet, open_outlet

BIG = bytes(range(256)) * (1 << 14)
linux = pytest.mark.skipif(sys.platform != "linux", reason="it needs /proc")


@pytest.fixture
def pair():
    """Opens the two ends of a kind; both are closed after the test."""
    ends = []

    def opened(kind):
        if kind == "socket":
            ends.extend(end.detach() for end in socket.socketpair())
        elif kind == "terminal":
            ends.extend(pty.openpty())
        else:
            ends.extend(os.pipe())
        return ends[-2:]

    yield opened
    for end in ends:
        os.close(end)


def told(story):
    asyncio.run(story())


def refuse(*_given):
    raise PermissionError


@linux
def test_a_pipe_is_written_through_an_open_file_description_of_our_own(pair):
    reading, writing = pair("pipe")
    others = os.dup(writing)

    async def story():
        assert isinstance(open_outlet(writing), PipeOutlet)
        assert not os.get_blocking(writing)
        assert os.get_blocking(others)
        assert os.get_blocking(reading)
        assert not os.get_inheritable(writing)

    told(story)
    os.close(others)


@linux
def test_a_pipe_of_our_own_holds_more_if_the_system_allows_it(pair, monkeypatch):
    wanted = []
    monkeypatch.setattr(fcntl, "fcntl", lambda *given: wanted.append(given[1:]))

    async def story():
        open_outlet(pair("pipe")[1])

    told(story)
    assert wanted == [(fcntl.F_SETPIPE_SZ, 1 << 20)]


@linux
def test_a_pipe_that_may_not_hold_more_is_written_to_all_the_same(pair, monkeypatch):
    monkeypatch.setattr(fcntl, "fcntl", refuse)

    async def story():
        assert isinstance(open_outlet(pair("pipe")[1]), PipeOutlet)

    told(story)


@linux
def test_a_pipe_that_cannot_be_opened_anew_is_polled_and_keeps_its_flags(pair, monkeypatch):
    _, writing = pair("pipe")
    monkeypatch.setattr("os.open", refuse)

    async def story():
        assert isinstance(open_outlet(writing), PolledOutlet)
        assert os.get_blocking(writing)

    told(story)


@linux
def test_a_socket_is_told_with_each_call_not_to_wait_and_keeps_its_flags(pair):
    _, writing = pair("socket")

    async def story():
        outlet = open_outlet(writing)
        assert isinstance(outlet, SocketOutlet)
        while outlet.write([BIG]):
            pass
        assert os.get_blocking(writing)
        del outlet
        assert os.get_blocking(writing)  # it is still open

    told(story)


def test_a_terminal_and_a_file_are_polled(pair, tmp_path):
    async def story():
        assert isinstance(open_outlet(pair("terminal")[1]), PolledOutlet)
        with (tmp_path / "out").open("wb") as file:
            outlet = open_outlet(file.fileno())
            assert isinstance(outlet, PolledOutlet)
            assert outlet.write([BIG, b"\n"]) == len(BIG) + 1
            assert outlet.write([BIG]) == len(BIG)

    told(story)


@pytest.mark.parametrize("kind", ["own pipe", "polled pipe", "socket"])
def test_no_byte_is_taken_without_room(kind, pair, monkeypatch):
    if kind == "polled pipe":
        monkeypatch.setattr(outlets, "_open_anew", lambda fd: False)

    async def story():
        outlet = open_outlet(pair(kind)[1])
        while outlet.write([BIG]):
            pass
        assert outlet.write([b"x"]) == 0

    told(story)


def test_without_poll_as_on_windows_a_thread_writes(pair, monkeypatch):
    monkeypatch.delattr("select.poll")

    async def story():
        assert isinstance(open_outlet(pair("pipe")[1]), ThreadOutlet)

    told(story)


@pytest.mark.parametrize("kind", ["own pipe", "polled pipe", "socket", "thread"])
def test_all_bytes_arrive_in_order_and_there_is_a_call_when_there_is_room(kind, pair, monkeypatch):
    if kind == "polled pipe":
        monkeypatch.setattr(outlets, "_open_anew", lambda fd: False)
    if kind == "thread":
        monkeypatch.delattr("select.poll")
    reading, writing = pair(kind)
    pieces = [b"a", b"b" * 4095, b"c" * 5000, memoryview(BIG), b"\n"]
    whole = b"".join(pieces)

    async def story():
        outlet = open_outlet(writing)
        room = asyncio.Event()
        received = bytearray()

        def read():
            while len(received) < len(whole):
                received.extend(os.read(reading, 1 << 16))

        first = outlet.write(pieces)
        assert first < len(whole)
        reader = asyncio.ensure_future(asyncio.to_thread(read))
        left, written = memoryview(whole)[first:], first
        while left:
            room.clear()
            outlet.watch(room.set)
            await room.wait()
            outlet.unwatch()
            count = outlet.write([left])
            left, written = left[count:], written + count
        await reader
        assert written == len(whole)
        assert received == whole

    told(story)


def test_the_thread_reports_a_client_that_has_gone(pair, monkeypatch):
    monkeypatch.delattr("select.poll")
    reading, writing = os.pipe()
    os.close(reading)

    async def story():
        outlet = open_outlet(writing)
        room = asyncio.Event()
        assert outlet.write([b"x"]) == 0
        outlet.watch(room.set)
        await room.wait()
        with pytest.raises(BrokenPipeError):
            outlet.write([b"x"])
        outlet.watch(room.set)  # nothing is under way: nothing will call

    told(story)
    os.close(writing)
