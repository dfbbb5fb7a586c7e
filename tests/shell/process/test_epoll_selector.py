"""The loop's selector reports what the standard library's does, whatever has happened to a descriptor."""

import os
import selectors
import signal
import socket
import sys
import threading
from selectors import EVENT_READ, EVENT_WRITE

import pytest

if sys.platform != "linux":
    pytest.skip("epoll is Linux's", allow_module_level=True)

from mcp_auth_bridge.shell.process.epoll_selector import EpollSelector

BOTH = EVENT_READ | EVENT_WRITE


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    with near, far:
        yield near, far


@pytest.fixture
def selector():
    with EpollSelector() as made:
        yield made


def nothing(near, far):
    pass


def bytes_to_read(near, far):
    far.send(b"x")


def an_end(near, far):
    far.close()


def an_end_of_writing(near, far):
    far.shutdown(socket.SHUT_WR)


def no_room(near, far):
    near.setblocking(False)
    while True:
        try:
            near.send(b"x" * 65536)
        except BlockingIOError:
            return


def no_room_and_bytes(near, far):
    no_room(near, far)
    far.send(b"x")


@pytest.mark.parametrize("state", [nothing, bytes_to_read, an_end, an_end_of_writing, no_room, no_room_and_bytes])
@pytest.mark.parametrize("events", [EVENT_READ, EVENT_WRITE, BOTH])
def test_every_state_of_a_descriptor_is_reported_as_by_the_standard_library(pair, selector, state, events):
    near, _ = pair
    state(*pair)
    with selectors.EpollSelector() as other:
        for each in (selector, other):
            each.register(near, EVENT_READ, "first")
            each.modify(near, events, "data")
        assert selector.select(0) == other.select(0)
        assert selector.get_key(near) == other.get_key(near)
        assert selector.get_map()[near.fileno()] == other.get_map()[near]


def test_data_change_without_a_change_of_events(pair, selector):
    near, far = pair
    selector.register(near, EVENT_READ, "old")
    selector.modify(near, EVENT_READ, "new")
    far.send(b"x")
    assert [(key.data, events) for key, events in selector.select()] == [("new", EVENT_READ)]


def test_several_descriptors_are_reported_at_once(pair, selector):
    for each in pair:
        selector.register(each, BOTH)
        each.send(b"x")
    assert sorted((key.fileobj.fileno(), events) for key, events in selector.select(1)) == sorted(
        (each.fileno(), BOTH) for each in pair
    )


def test_a_descriptor_is_registered_once_and_unregistered_once(pair, selector):
    near, far = pair
    key = selector.register(near, EVENT_READ)
    with pytest.raises(KeyError):
        selector.register(near.fileno(), EVENT_WRITE)
    assert selector.unregister(near) == key
    far.send(b"x")
    assert selector.select(0) == []
    for unknown in (selector.unregister, selector.get_key):
        with pytest.raises(KeyError):
            unknown(near)
    with pytest.raises(KeyError):
        selector.modify(near, EVENT_READ)


def test_a_closed_descriptor_is_unregistered_and_not_reported_any_more(pair, selector):
    near, far = pair
    number = near.fileno()
    selector.register(number, EVENT_READ)
    another = os.dup(number)  # as a child process has it, which keeps it in the kernel's list
    near.close()
    selector.unregister(number)
    far.send(b"x")
    assert selector.select(0) == []
    os.close(another)


@pytest.mark.parametrize("timeout", [0, 0.0001])
def test_a_time_that_is_over_ends_the_wait(selector, timeout):
    assert selector.select(timeout) == []


def test_a_signal_does_not_disturb_the_wait(pair, selector):
    near, far = pair
    selector.register(near, EVENT_READ)
    before = signal.signal(signal.SIGUSR1, lambda *_: far.send(b"x"))
    try:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        assert [key.fileobj for key, _ in selector.select()] == [near]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_descriptor_that_was_closed_before_a_change_can_be_registered_again(pair, selector):
    near, far = pair
    number = near.fileno()
    selector.register(number, EVENT_READ)
    os.dup2(far.fileno(), number)  # closes the socket there, and opens another one under its number
    with pytest.raises(OSError, match="No such file"):
        selector.modify(number, BOTH)
    selector.register(number, EVENT_WRITE, "the next one")
    assert [(key.data, events) for key, events in selector.select(0)] == [("the next one", EVENT_WRITE)]
