"""Progress and log messages of requests under way."""

import pytest
from relaying import Playbook, answer, cancelled, fail, hangup, notification, request, to_client, to_server

from mcp_auth_bridge.errors import OutcomeUnknown
from mcp_auth_bridge.relay.base import ToServer, collected
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.request_notices import RequestNotices

LOG = notification("notifications/message", level="info", data="x")


def progress(value, token="t", **more):
    return notification("notifications/progress", progressToken=token, progress=value, **more)


def call(id_=1, token="t"):
    return request(id_, _meta={"progressToken": token})


@pytest.fixture
def book():
    return Playbook(RequestNotices(Passthrough()))


def told(book, call_, *values):
    """The progress values that reach the client of those that the server reports."""
    return [
        words[1]["params"]["progress"] for value in values for words in book.server(call_, progress(value, total=9))
    ]


def test_progress_reaches_the_client_while_it_grows(book):
    book.client(call())
    assert told(book, 1, 1, 1, 0.5, 2, 2.0, 3) == [1, 2, 3]


def test_a_repeated_request_reports_only_what_is_more(book):
    book.client(call())
    told(book, 1, 1, 5)
    assert told(book, 2, 1, 5, 6) == [6]


@pytest.mark.parametrize("value", ["1", None, [], {}])
def test_a_progress_that_is_not_a_number_is_dropped(book, value):
    book.client(call())
    assert told(book, 1, value) == []


@pytest.mark.parametrize("token", ["other", 1, None, True, ["t"]])
def test_progress_of_no_request_is_dropped(book, token):
    book.client(call())
    assert book.server(1, progress(1, token)) == []


@pytest.mark.parametrize(("asked", "token"), [(7, 7), ("7", "7"), (7, 7.0)])
def test_a_token_is_any_text_or_number(book, asked, token):
    book.client(call(token=asked))
    assert book.server(1, progress(1, token)) == [to_client(progress(1, token))]


@pytest.mark.parametrize("meta", [None, [], {}, {"progressToken": True}])
def test_a_request_without_a_token_hears_of_no_progress(book, meta):
    asked = request(1, _meta=meta)
    assert book.client(asked) == [to_server(1, asked)]
    assert book.server(1, progress(1, True)) == []


def test_nothing_follows_the_reply(book):
    book.client(call())
    assert book.server(1, LOG) == [to_client(LOG)]
    assert book.server(1, answer(1)) == [to_client(answer(1))]
    assert book.server(1, LOG) == []
    assert book.server(1, progress(1)) == []
    assert book.ended(1) == []


def test_a_token_counts_for_the_request_that_has_it(book):
    book.client(call(1))
    told(book, 1, 5)
    book.server(1, answer(1))
    assert book.server(2, progress(6)) == [], "its request is answered"
    book.client(call(2))
    assert told(book, 2, 1) == [1]


def test_two_requests_with_one_token_share_its_progress(book):
    book.client(call(1), call(2))
    told(book, 1, 5)
    book.server(1, answer(1))
    assert told(book, 2, 4, 6) == [6]


def test_no_progress_follows_a_failure(book):
    book.client(call())
    assert book.ended(1, OutcomeUnknown("cut")) == [fail(call(), OutcomeUnknown)]
    assert book.server(2, progress(1)) == []


def test_no_progress_follows_a_cancellation(book):
    book.client(call())
    assert book.client(cancelled(1)) == [to_server(2, cancelled(1)), hangup(1)]
    assert book.server(3, progress(1)) == []


def test_a_call_that_is_made_again_is_heard_again():
    class Twice(Passthrough):
        """Makes a refused call once more under its number, as `Modern` does."""

        @collected
        def from_server(self, call, message):
            yield ToServer(call, self._requests[call])

    book = Playbook(RequestNotices(Twice()))
    book.client(call())
    assert book.server(1, answer(1)) == [to_server(1, call())]
    book.relay._inner.__class__ = Passthrough
    assert book.server(1, LOG) == [to_client(LOG)]


def test_other_notifications_of_the_client_pass(book):
    initialized = notification("notifications/initialized")
    assert book.client(initialized) == [to_server(1, initialized)]
