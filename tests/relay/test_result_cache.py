"""Lists and reads answered for as long as the server allows."""

import pytest
from relaying import Playbook, answer, cancelled, fail, notification, request, to_client, to_server, wake

from mcp_auth_bridge.errors import LoginRequired, Unreachable
from mcp_auth_bridge.relay.call_numbers import SIGN_IN
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.result_cache import ResultCache

LISTS = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"]


def fresh(**more):
    return {"resultType": "complete", "ttlMs": 60000, "cacheScope": "private", **more}


class Book(Playbook):
    calls = 0

    def ask(self, asked, result=None):
        """Ask, and return whether the server was asked. It answers with `result`, if any."""
        (words,) = self.client(asked)
        if words[0] == "to client":
            assert words[1]["id"] == asked["id"]
            return False
        self.calls = words[1]
        if result is not None:
            self.server(self.calls, answer(asked["id"], result))
        return True


@pytest.fixture
def book():
    return Book(ResultCache(Passthrough()))


@pytest.mark.parametrize("method", LISTS)
def test_a_list_is_answered_until_its_time_is_over(book, method):
    book.client(request(1, method))
    listed = fresh(nextCursor="2", items=[])
    assert book.server(1, answer(1, listed)) == [wake("cached result 1", 60.0), to_client(answer(1, listed))]
    assert book.client(request("x", method)) == [to_client(answer("x", listed))]
    assert book.woke("cached result 1") == []
    assert book.client(request(2, method)) == [to_server(2, request(2, method))]


@pytest.mark.parametrize("params", [{"cursor": "2"}, {"cursor": ""}, {"vendor": 1}])
def test_a_page_is_a_result_of_its_own(book, params):
    book.ask(request(1, "tools/list"), fresh())
    assert book.ask(request(2, "tools/list", **params), fresh(tools=[1]))
    assert not book.ask(request(3, "tools/list", **params))
    assert not book.ask(request(4, "tools/list"))


def test_a_resource_is_a_result_of_its_own(book):
    book.ask(request(1, "resources/read", uri="a"), fresh())
    assert book.ask(request(2, "resources/read", uri="b"), fresh())
    assert not book.ask(request(3, "resources/read", uri="a"))


def test_what_a_request_says_of_itself_is_not_part_of_what_it_asks(book):
    book.ask(request(1, "tools/list", _meta={"progressToken": 1}), fresh())
    assert not book.ask(request(2, "tools/list", _meta={"traceparent": "x"}))


@pytest.mark.parametrize("ttl", [0, -5, -(10**900), None, "60", True])
def test_a_result_without_a_lifetime_is_not_kept(book, ttl):
    book.ask(request(1, "tools/list"), fresh(ttlMs=ttl))
    assert book.ask(request(2, "tools/list"))


@pytest.mark.parametrize("result", [{}, [], 5, fresh(resultType="input_required")])
def test_a_result_of_another_kind_is_not_kept(book, result):
    book.ask(request(1, "resources/read", uri="a"), result)
    assert book.ask(request(2, "resources/read", uri="a"))


def test_an_error_is_not_kept(book):
    book.ask(request(1, "tools/list"))
    book.server(1, {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}})
    assert book.ask(request(2, "tools/list"))


@pytest.mark.parametrize("ttl", [1e15, 10**900])
def test_a_result_is_kept_for_an_hour_at_most(book, ttl):
    book.client(request(1, "tools/list"))
    assert book.server(1, answer(1, fresh(ttlMs=ttl)))[0] == wake("cached result 1", 3600.0)


@pytest.mark.parametrize("params", [{"inputResponses": {}}, {"requestState": "s"}])
def test_a_result_of_an_input_round_is_not_kept(book, params):
    book.ask(request(1, "resources/read", uri="a", **params), fresh())
    assert book.ask(request(2, "resources/read", uri="a", **params))
    assert book.ask(request(3, "resources/read", uri="a"))


def test_a_tool_call_is_never_answered_from_the_cache(book):
    book.ask(request(1, "tools/call"), fresh())
    assert book.ask(request(2, "tools/call"))


@pytest.mark.parametrize(
    ("name", "methods"),
    [("tools", LISTS[:1]), ("prompts", LISTS[1:2]), ("resources", LISTS[2:])],
)
def test_a_change_of_a_list_ends_its_results_and_those_on_their_way(book, name, methods):
    for number, method in enumerate(LISTS):
        book.ask(request(number, method), fresh())
    book.server(1, notification(f"notifications/{name}/list_changed"))
    assert [method for number, method in enumerate(LISTS) if book.ask(request(number, method))] == methods
    late = book.calls
    book.server(1, notification(f"notifications/{name}/list_changed"))
    book.server(late, answer(LISTS.index(methods[-1]), fresh()))
    assert book.ask(request(9, methods[-1])), "an answer from before the change"


@pytest.mark.parametrize(
    ("uri", "ended"), [("file:///a", ["file:///a", "file:///a/b"]), ("file:///a/b/c", ["file:///a", "file:///a/b"])]
)
def test_a_change_of_a_resource_ends_its_results_and_those_of_its_parts(book, uri, ended):
    uris = ["file:///a", "file:///a/b", "file:///z"]
    for number, known in enumerate(uris):
        book.ask(request(number, "resources/read", uri=known), fresh())
    book.ask(request(5, "resources/list"), fresh())
    book.server(1, notification("notifications/resources/updated", uri=uri))
    asked = [known for number, known in enumerate(uris) if book.ask(request(number + 10, "resources/read", uri=known))]
    assert asked == ended
    assert not book.ask(request(6, "resources/list"))


def test_a_change_of_an_unnamed_resource_ends_nothing(book):
    book.ask(request(1, "resources/read", uri="a"), fresh())
    book.server(1, notification("notifications/resources/updated", uri=5))
    book.server(1, notification("notifications/message"))
    assert not book.ask(request(2, "resources/read", uri="a"))


def test_a_login_empties_the_cache(book):
    book.ask(request(1, "tools/list"), fresh())
    book.ended(SIGN_IN)
    assert book.ask(request(2, "tools/list"))


def test_a_missing_login_empties_the_cache_and_other_failures_do_not(book):
    book.ask(request(1, "tools/list"), fresh())
    book.ask(request(2, "prompts/list"))
    assert book.ended(book.calls, Unreachable("away")) == [fail(request(2, "prompts/list"), Unreachable)]
    assert not book.ask(request(3, "tools/list"))
    book.ask(request(4))
    assert book.ended(book.calls, LoginRequired("log in")) == [fail(request(4), LoginRequired)]
    assert book.ask(request(5, "tools/list"))


def test_a_cancelled_request_leaves_nothing_behind(book):
    book.ask(request(1, "tools/list"))
    book.client(cancelled(1))
    assert book.ask(request(2, "tools/list"), fresh())
    assert not book.ask(request(3, "tools/list"))


def test_a_newer_result_takes_the_place_of_an_older_one(book):
    book.ask(request(1, "tools/list"))
    book.ask(request(2, "tools/list"))
    book.server(1, answer(1, fresh(tools=[1])))
    book.server(2, answer(2, fresh(tools=[2])))
    book.woke("cached result 1")
    assert book.client(request(3, "tools/list")) == [to_client(answer(3, fresh(tools=[2])))]


def test_only_so_many_results_are_kept(book):
    for number in range(257):
        book.ask(request(number, "resources/read", uri=f"r{number}"), fresh())
    assert book.ask(request(300, "resources/read", uri="r0"))
    assert not book.ask(request(301, "resources/read", uri="r1"))


def test_only_so_many_bytes_are_kept(book):
    for number in range(4):
        book.ask(request(number, "resources/read", uri=f"r{number}"), fresh(text="x" * 2_500_000))
    assert book.ask(request(5, "resources/read", uri="r0"))
    assert not book.ask(request(6, "resources/read", uri="r1"))
    book.ask(request(7, "resources/read", uri="big"), fresh(text="x" * 9_000_000))
    assert book.ask(request(8, "resources/read", uri="big"))
    assert not book.ask(request(9, "resources/read", uri="r3"))


def test_other_timers_pass(book):
    assert book.woke("tick") == []
