"""Lists on their way to the server."""

from relaying import message, request

from mcp_auth_bridge.relay.pending_lists import PendingLists

FIRST, AGAIN = message(request(1, "tools/list")), message(request(2, "tools/list"))
PROMPTS = message(request(3, "prompts/list"))


def late():
    lists = PendingLists()
    lists.add(FIRST, FIRST)
    lists.leave(FIRST)
    return lists


def test_a_list_on_its_way_is_known_until_it_is_taken():
    lists = PendingLists()
    lists.add(FIRST, FIRST)
    assert lists
    assert 1 in lists
    assert lists.waits(1)
    assert lists.methods == {"tools/list"}
    assert not lists.are_late
    assert lists.pop(1).waiting == [FIRST]
    assert 1 not in lists
    assert not lists
    assert not lists.waits(1)


def test_a_list_is_late_once_nothing_waits_for_it():
    lists = PendingLists()
    lists.add(FIRST, FIRST)
    assert not lists.leave(AGAIN)
    assert lists.leave(FIRST)
    assert not lists.leave(FIRST)
    assert lists.are_late


def test_a_late_list_is_joined_by_requests_of_its_kind():
    lists = late()
    assert not lists.join(PROMPTS)
    assert lists.join(AGAIN)
    assert lists.waits(2)
    assert not lists.are_late
    assert lists.pop(1).waiting == [AGAIN]


def test_a_list_that_is_awaited_is_not_joined():
    lists = PendingLists()
    lists.add(FIRST, FIRST)
    assert not lists.join(AGAIN)


def test_a_cancelled_list_is_forgotten_and_the_server_is_told():
    lists = PendingLists()
    lists.add(FIRST, FIRST)
    lists.add(PROMPTS, PROMPTS)
    assert not lists.cancel(1)
    assert 1 not in lists
    assert 3 in lists


def test_a_late_list_stays_on_its_way_whatever_is_cancelled():
    lists = late()
    assert lists.cancel(1)
    lists.join(AGAIN)
    assert lists.cancel(2)
    assert not lists.waits(2)
    assert lists.are_late


def test_an_unknown_request_is_the_servers_to_forget():
    assert not late().cancel(7)
