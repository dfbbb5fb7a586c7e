"""Which notifications of a legacy server reach a modern client."""

import json

import pytest
from modern_client import modern
from relaying import message, notification

from mcp_auth_bridge.relay.exchange_notices import notice_for_client
from mcp_auth_bridge.relay.exchanges import Exchanges


@pytest.fixture
def exchanges():
    return Exchanges()


def begin(exchanges, id_=1, **more):
    return exchanges.begin(message(modern(id_, **more)))


def heard(exchanges, value, sender=None):
    notice = notice_for_client(message(value), sender, exchanges)
    return None if notice is None else json.loads(notice.raw)


def progress(token, value=1):
    return notification("notifications/progress", progressToken=token, progress=value)


def log(level):
    return notification("notifications/message", level=level, data="x")


def test_progress_of_a_request_that_the_client_waits_for_passes(exchanges):
    begin(exchanges, 1, token="t")
    assert heard(exchanges, progress("t")) == progress("t")


def test_progress_only_increases(exchanges):
    begin(exchanges, 1, token="t")
    values = [1, 1, 0.5, 2, "3", None, 2.5]
    assert [value for value in values if heard(exchanges, progress("t", value))] == [1, 2, 2.5]


def test_progress_of_a_parked_call_is_silent_and_goes_on_under_the_token_of_the_retry(exchanges):
    exchange = begin(exchanges, 1, token="t")
    exchange.is_awaited = False
    assert heard(exchanges, progress("t")) is None
    exchange.answers_to(message(modern(2, token=9)))
    assert heard(exchanges, progress("t")) == progress(9)
    exchange.answers_to(message(modern(3)))
    assert heard(exchanges, progress("t", 5)) is None


@pytest.mark.parametrize("token", ["gone", None, []])
def test_progress_without_a_request_is_silent(exchanges, token):
    begin(exchanges, 1)
    assert heard(exchanges, progress(token)) is None


def test_a_log_message_reaches_the_request_that_asked_for_its_level(exchanges):
    sender = begin(exchanges, 1, level="warning")
    assert heard(exchanges, log("error"), sender) == log("error")
    assert heard(exchanges, log("warning"), sender) == log("warning")
    assert heard(exchanges, log("info"), sender) is None
    assert heard(exchanges, log("loud"), sender) is None


def test_a_log_message_of_a_request_that_did_not_ask_is_silent_beside_one_that_did(exchanges):
    quiet = begin(exchanges, 1)
    begin(exchanges, 2, level="debug")
    assert heard(exchanges, log("error"), quiet) is None


def test_a_log_message_of_unknown_origin_reaches_any_request_that_asked(exchanges):
    asking = begin(exchanges, 1, level="debug")
    assert heard(exchanges, log("info")) == log("info")
    asking.is_awaited = False
    assert heard(exchanges, log("info")) is None


@pytest.mark.parametrize(
    "method", ["cancelled", "elicitation/complete", "initialized", "roots/list_changed", "tasks/status"]
)
def test_what_only_the_legacy_era_knows_is_silent(exchanges, method):
    assert heard(exchanges, notification(f"notifications/{method}")) is None


@pytest.mark.parametrize("method", ["notifications/tools/list_changed", "notifications/claude/channel"])
def test_all_others_pass(exchanges, method):
    assert heard(exchanges, notification(method)) == notification(method)
