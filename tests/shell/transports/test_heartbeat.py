"""Which signs of life of a call are passed on."""

import asyncio

import pytest
from relaying import answer, message, notification, request

from mcp_auth_bridge.shell.transports.heartbeat import Heartbeat

TIMES = [7.0, 7.0, 7.05, 7.15, 7.2, 7.3]


def passed_on(value, monkeypatch):
    """The times of the signs that are passed on, of those at `TIMES`, of a call that sends `value` at 7.0."""

    async def tell():
        now, told = 7.0, []
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
        heartbeat = Heartbeat(message(value), lambda: told.append(now))
        for now in TIMES:  # noqa: B007 - the clock reads it
            heartbeat.beat()
        return told

    return asyncio.run(tell())


def test_a_request_that_was_sent_just_now_needs_no_sign_of_life_and_later_ones_are_thinned_out(monkeypatch):
    assert passed_on(request(1), monkeypatch) == [7.15, 7.3]


@pytest.mark.parametrize("value", [notification("n"), answer("s")])
def test_the_first_sign_of_life_of_another_message_means_that_the_server_has_accepted_it(value, monkeypatch):
    assert passed_on(value, monkeypatch) == [7.0, 7.15, 7.3]
