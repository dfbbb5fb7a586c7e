"""One subscription at a modern server for all that a legacy client subscribes to."""

import pytest
from relaying import (
    Playbook,
    answer,
    cancelled,
    fail,
    hangup,
    in_words,
    notification,
    request,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import (
    LoginRequired,
    OutcomeUnknown,
    Overdue,
    RemoteError,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.relay.listening import Listening
from mcp_auth_bridge.relay.passthrough import Passthrough

META = {"x": 1}
TOOLS = {"toolsListChanged": True}
KEY = "io.modelcontextprotocol/subscriptionId"
PATIENCE = wake("listen opening", 30.0)


def listen_id(number):
    return f"mcp-auth-bridge/subscriptions/listen/{number}"


def listen(number, *uris, **lists):
    wanted = {**lists, **({"resourceSubscriptions": list(uris)} if uris else {})}
    params = {"_meta": META, "notifications": wanted}
    return {"jsonrpc": "2.0", "id": listen_id(number), "method": "subscriptions/listen", "params": params}


def acknowledged(number, *uris):
    return notification(
        "notifications/subscriptions/acknowledged",
        _meta={KEY: listen_id(number)},
        notifications={"resourceSubscriptions": list(uris)},
    )


def subscribe(id_, uri):
    return request(id_, "resources/subscribe", uri=uri)


def unsubscribe(id_, uri):
    return request(id_, "resources/unsubscribe", uri=uri)


def begin(book, **lists):
    return in_words(book.relay.listen(lists))


@pytest.fixture
def book():
    relay = Listening(Passthrough())
    assert list(relay.introduce(META)) == []
    return Playbook(relay)


@pytest.fixture
def subscribed(book):
    """The call 1 listens to changes of the tools and of the resource a."""
    begin(book, **TOOLS)
    book.server(1, acknowledged(1))
    book.client(subscribe(1, "a"))
    book.server(2, acknowledged(2, "a"))
    book.ended(1)
    return book


def test_the_lists_are_listened_to_once_the_client_is_ready(book):
    assert begin(book, **TOOLS) == [PATIENCE, to_server(1, listen(1, **TOOLS))]
    assert book.server(1, acknowledged(1)) == []


def test_a_server_that_reports_no_changes_is_not_listened_to(book):
    assert begin(book) == []


def test_a_second_opening_keeps_the_stream(book):
    begin(book, **TOOLS)
    assert begin(book, **TOOLS) == [], "one is on its way"
    book.server(1, acknowledged(1))
    assert begin(book, **TOOLS) == []


def test_a_server_that_reports_other_changes_is_listened_to_anew(book):
    begin(book, **TOOLS)
    book.server(1, acknowledged(1))
    assert begin(book, promptsListChanged=True) == [PATIENCE, to_server(2, listen(2, promptsListChanged=True))]
    assert book.server(2, acknowledged(2)) == [to_server(3, cancelled(listen_id(1))), hangup(1)]


def test_lists_that_come_while_a_stream_is_opened_are_listened_to_in_the_next(book):
    book.client(subscribe(1, "a"))
    assert begin(book, **TOOLS) == []
    assert book.server(1, acknowledged(1, "a"))[-1] == to_server(2, listen(2, "a", **TOOLS))


def test_a_subscription_is_confirmed_by_the_acknowledgement_and_replaces_the_stream(book):
    begin(book, **TOOLS)
    book.server(1, acknowledged(1))
    assert book.client(subscribe(1, "a")) == [PATIENCE, to_server(2, listen(2, "a", **TOOLS))]
    assert book.server(2, acknowledged(2, "a")) == [
        to_client(answer(1)),
        to_server(3, cancelled(listen_id(1))),
        hangup(1),
    ]
    assert book.client(subscribe(2, "b")) == [PATIENCE, to_server(4, listen(3, "a", "b", **TOOLS))]


def test_a_uri_that_the_acknowledgement_leaves_out_is_an_error_and_is_not_asked_for_again(subscribed):
    subscribed.client(subscribe(2, "b"))
    assert subscribed.server(4, acknowledged(3, "a"))[:1] == [fail(subscribe(2, "b"), RemoteError)]
    assert subscribed.client(subscribe(3, "c")) == [PATIENCE, to_server(6, listen(4, "a", "c", **TOOLS))]


@pytest.mark.parametrize("granted", [None, [], {}, {"resourceSubscriptions": "a"}])
def test_an_acknowledgement_without_uris_grants_none(book, granted):
    book.client(subscribe(1, "a"))
    told = notification("notifications/subscriptions/acknowledged", notifications=granted)
    assert book.server(1, told) == [fail(subscribe(1, "a"), RemoteError)]


@pytest.mark.parametrize("uri", [None, 5, ["a"]])
def test_a_uri_that_is_not_text_is_an_error(subscribed, uri):
    assert subscribed.client(subscribe(2, uri)) == [fail(subscribe(2, uri), RemoteError)]


def test_a_subscription_that_exists_is_confirmed_at_once(subscribed):
    assert subscribed.client(subscribe(2, "a")) == [to_client(answer(2))]


def test_the_end_of_a_subscription_replaces_the_stream(subscribed):
    assert subscribed.client(unsubscribe(2, "a")) == [PATIENCE, to_server(4, listen(3, **TOOLS))]
    assert subscribed.server(4, acknowledged(3))[0] == to_client(answer(2))


@pytest.mark.parametrize("uri", ["unknown", None, ["a"]])
def test_the_end_of_a_subscription_that_does_not_exist_changes_nothing(subscribed, uri):
    assert subscribed.client(unsubscribe(2, uri)) == [to_client(answer(2))]


def test_nothing_is_listened_to_when_the_last_subscription_ends(book):
    book.client(subscribe(1, "a"))
    book.server(1, acknowledged(1, "a"))
    assert book.client(unsubscribe(2, "a")) == [
        to_client(answer(2)),
        to_server(2, cancelled(listen_id(1))),
        hangup(1),
    ]
    assert book.client(unsubscribe(3, "a")) == [to_client(answer(3))]


def test_requests_that_come_meanwhile_share_the_next_stream(book):
    book.client(subscribe(1, "a"))
    assert book.client(subscribe(2, "b"), subscribe(3, "c"), unsubscribe(4, "b")) == []
    told = book.server(1, acknowledged(1, "a"))
    assert told == [to_client(answer(1)), PATIENCE, to_server(2, listen(2, "a", "c"))]
    told = book.server(2, acknowledged(2, "a", "c"))
    assert told[:3] == [fail(subscribe(2, "b"), RemoteError), to_client(answer(3)), to_client(answer(4))]


def test_another_client_is_subscribed_to_nothing(subscribed):
    assert in_words(subscribed.relay.introduce({"y": 2})) == [to_server(4, cancelled(listen_id(2))), hangup(2)]
    told = {**listen(3, **TOOLS), "params": {"_meta": {"y": 2}, "notifications": TOOLS}}
    assert begin(subscribed, **TOOLS) == [PATIENCE, to_server(5, told)]


def test_a_cancelled_request_gets_no_reply(book):
    book.client(subscribe(1, "a"), subscribe(2, "b"))
    assert book.client(cancelled(1)) == []
    assert book.client(cancelled(2)) == []
    assert book.server(1, acknowledged(1, "a")) == []


def test_other_cancellations_pass(book):
    assert book.client(cancelled(9)) == [to_server(1, cancelled(9))]
    begin(book, **TOOLS)
    assert book.client(cancelled(9)) == [to_server(3, cancelled(9))]


@pytest.mark.parametrize("id_", [7, "mcp-auth-bridge/subscriptions/listen/9"])
def test_an_acknowledgement_of_another_stream_counts_for_nothing(book, id_):
    begin(book, **TOOLS)
    other = notification("notifications/subscriptions/acknowledged", _meta={KEY: id_}, notifications={})
    assert book.server(1, other) == []
    assert begin(book, **TOOLS) == []
    book.server(1, acknowledged(1))
    assert book.server(1, acknowledged(1)) == [], "a second one"


@pytest.mark.parametrize(
    ("meta", "untagged"),
    [({KEY: 1}, {}), ({KEY: 1, "vendor": 2}, {"_meta": {"vendor": 2}}), ({"vendor": 2}, {"_meta": {"vendor": 2}})],
)
def test_a_change_is_told_without_the_id_of_the_stream(subscribed, meta, untagged):
    method = "notifications/resources/updated"
    assert subscribed.server(2, notification(method, _meta=meta, uri="a")) == [
        to_client(notification(method, uri="a", **untagged))
    ]


def test_a_change_needs_no_params(subscribed):
    told = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    assert subscribed.server(2, told) == [to_client(told)]


@pytest.mark.parametrize(
    "error", [None, Unreachable("away"), LoginRequired("log in"), UpstreamFailed("502", status=502)]
)
def test_a_stream_that_ends_is_opened_again_and_the_client_told_what_may_have_changed(subscribed, error):
    if error is None:
        end = subscribed.server(2, answer(listen_id(2), {"resultType": "complete"}))
    else:
        end = subscribed.ended(2, error)
    assert end == [wake("listen again", 1.0)]
    assert subscribed.woke("listen again") == [PATIENCE, to_server(4, listen(3, "a", **TOOLS))]
    assert subscribed.server(4, acknowledged(3, "a")) == [
        to_client({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}),
        to_client(notification("notifications/resources/updated", uri="a")),
    ]


def test_an_error_reply_ends_a_stream_as_well(subscribed):
    error = {"jsonrpc": "2.0", "id": listen_id(2), "error": {"code": -32603, "message": "shutting down"}}
    assert subscribed.server(2, error) == [wake("listen again", 1.0)]


@pytest.mark.parametrize("error", [OutcomeUnknown("cut"), UpstreamFailed("503", status=503)])
def test_a_stream_that_cannot_be_opened_is_tried_again_after_a_growing_pause(book, error):
    begin(book, **TOOLS)
    pauses = [words[2] for words in book.ended(1, error)]
    for call in range(2, 8):
        assert book.woke("listen again")[-1] == to_server(call, listen(call, **TOOLS))
        pauses += [words[2] for words in book.ended(call, error)]
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_a_stream_that_the_server_ends_at_once_is_tried_again(book):
    book.client(subscribe(1, "a"))
    assert book.server(1, answer(listen_id(1))) == [fail(subscribe(1, "a"), RemoteError), wake("listen again", 1.0)]


@pytest.mark.parametrize("error", [LoginRequired("log in"), UpstreamFailed("410", status=410), TheirProtocolError("x")])
def test_a_stream_that_is_refused_is_not_tried_again_before_the_next_opening(book, error):
    book.client(subscribe(1, "a"))
    assert book.ended(1, error) == [fail(subscribe(1, "a"), type(error))]
    assert begin(book, **TOOLS) == [PATIENCE, to_server(2, listen(2, **TOOLS))]


def test_a_server_without_subscriptions_is_quoted(book):
    book.client(subscribe(1, "a"))
    error = {"jsonrpc": "2.0", "id": listen_id(1), "error": {"code": -32601, "message": "Unknown method"}}
    assert book.server(1, error) == [fail(subscribe(1, "a"), RemoteError)]
    odd = {"jsonrpc": "2.0", "id": listen_id(2), "error": "no"}
    book.client(subscribe(2, "a"))
    assert book.server(2, odd) == [fail(subscribe(2, "a"), RemoteError)]


def test_a_failed_change_leaves_the_open_stream_alone(subscribed):
    subscribed.client(subscribe(2, "b"), subscribe(3, "c"))
    assert subscribed.ended(4, Unreachable("away")) == [
        fail(subscribe(2, "b"), Unreachable),
        PATIENCE,
        to_server(5, listen(4, "a", "c", **TOOLS)),
    ]
    assert subscribed.ended(5, Unreachable("away")) == [fail(subscribe(3, "c"), Unreachable)]
    assert subscribed.woke("listen again") == []


def test_a_server_that_does_not_acknowledge_is_hung_up_on(book):
    book.client(subscribe(1, "a"))
    assert book.woke("listen opening") == [
        to_server(2, cancelled(listen_id(1))),
        hangup(1),
        fail(subscribe(1, "a"), Overdue),
        wake("listen again", 1.0),
    ]


def test_the_patience_for_an_acknowledgement_ends_with_it(subscribed):
    assert subscribed.woke("listen opening") == []


def test_other_messages_and_timers_pass(book):
    call = request(1)
    assert book.client(call) == [to_server(1, call)]
    assert book.server(1, answer(1)) == [to_client(answer(1))]
    assert book.client(request(2))
    assert book.ended(2, Unreachable("away")) == [fail(request(2), Unreachable)]
    assert book.woke("tick") == []
