"""The headers of a login, from memory, store or refresh; the clock and a strict server are played."""

import asyncio
import gc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playing import answer
from refreshing import (
    BAD_REQUEST,
    DOWN,
    TARGET,
    UNKNOWN,
    World,
    again,
    bearer,
    meanwhile,
    refused,
    session,
    told,
)

from mcp_auth_bridge.errors import (
    BridgeError,
    LoginRequired,
    StepUpRequired,
    StoreError,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.secret import Secret


@told
async def test_a_good_session_is_used_without_any_request():
    world = World(session())
    assert await world.process().headers(TARGET) == bearer(0)
    assert world.presented == []


@told
async def test_the_store_is_read_at_most_once_a_second():
    world = World(session())
    process = world.process()
    for _ in range(100):
        await process.headers(TARGET)
    assert world.opened == 1
    world.now += 1.0
    await process.headers(TARGET)
    world.set_clock_back(500.0)  # which does not make the memory fresh for ever
    world.now += 1.0
    await process.headers(TARGET)
    assert world.opened == 3


@told
async def test_an_expired_session_is_refreshed_and_stored_before_it_is_used():
    world = World(session())
    process = world.process()
    world.now += 3600.0
    assert await process.headers(TARGET) == bearer(1)
    assert (world.stored.access, world.stored.refresh) == (Secret("AT-1"), Secret("RT-1"))


@told
async def test_a_session_that_is_due_but_good_is_used_at_once_and_refreshed_once_in_the_background():
    world = World(session())
    world.gate = asyncio.Event()
    process = world.process()
    world.now += 3541.0
    assert [await process.headers(TARGET) for _ in range(50)] == [bearer(0)] * 50
    await world.asked.wait()
    world.gate.set()
    await meanwhile()
    assert await process.headers(TARGET) == bearer(1)
    assert world.presented == ["RT-0"]
    assert world.stored.refresh == Secret("RT-1")


@told
async def test_a_request_that_needs_a_new_token_waits_for_the_refresh_in_the_background():
    world = World(session())
    world.gate = asyncio.Event()
    process = world.process()
    world.now += 3541.0
    await process.headers(TARGET)
    await world.asked.wait()
    world.now += 60.0
    needy = [asyncio.create_task(process.headers(TARGET)) for _ in range(5)]
    await meanwhile()
    world.gate.set()
    assert await asyncio.gather(*needy) == [bearer(1)] * 5
    assert world.presented == ["RT-0"]


@told
async def test_refreshes_in_the_background_back_off_from_a_server_that_fails():
    world = World(session())
    world.reply = DOWN
    process = world.process()
    world.now += 3541.0
    for _ in range(58):  # a request each second until the token ends
        assert await process.headers(TARGET) == bearer(0)
        await meanwhile()
        world.now += 1.0
    assert len(world.presented) == 4  # after 0, 5, 15 and 35 seconds


@told
async def test_a_refused_token_is_replaced_by_a_refresh():
    world = World(session())
    process = world.process()
    sent = await process.headers(TARGET)
    assert await process.headers(TARGET, refused(sent)) == bearer(1)
    assert world.presented == ["RT-0"]


@told
async def test_a_refusal_of_headers_that_are_no_longer_ours_costs_no_refresh():
    world = World(session())
    process = world.process()
    old = await process.headers(TARGET)
    new = await process.headers(TARGET, refused(old))
    assert await process.headers(TARGET, refused(old)) == new
    assert world.presented == ["RT-0"]


@told
async def test_fifty_requests_at_once_need_one_refresh():
    world = World(session())
    process = world.process()
    sent = await process.headers(TARGET)
    some = [process.headers(TARGET, refused(sent)) for _ in range(25)]
    world.now += 3600.0
    others = [process.headers(TARGET) for _ in range(25)]
    assert await asyncio.gather(*some, *others) == [bearer(1)] * 50
    assert world.presented == ["RT-0"]


@told
async def test_eight_processes_need_one_refresh_and_all_get_it():
    world = World(session())
    processes = [world.process() for _ in range(8)]
    world.now += 3600.0
    assert await asyncio.gather(*(process.headers(TARGET) for process in processes)) == [bearer(1)] * 8
    assert world.presented == ["RT-0"]


@told
async def test_the_session_that_another_process_refreshed_is_taken_from_the_store():
    world = World(session())
    one, two = world.process(), world.process()
    sent = await one.headers(TARGET)
    await two.headers(TARGET)
    assert await two.headers(TARGET, refused(sent)) == bearer(1)
    assert await one.headers(TARGET, refused(sent)) == bearer(1)
    assert world.presented == ["RT-0"]


@told
async def test_a_login_elsewhere_is_noticed_within_a_second():
    world = World(session())
    process = world.process()
    await process.headers(TARGET)
    world.log_in(session(7))
    world.now += 1.0
    assert await process.headers(TARGET) == bearer(7)


@told
async def test_a_login_elsewhere_is_noticed_at_once_after_a_refusal():
    world = World()
    process = world.process()
    with pytest.raises(LoginRequired):
        await process.headers(TARGET, refused({}))
    world.log_in(session(7))
    assert await process.headers(TARGET) == bearer(7)


@told
async def test_a_token_that_is_refused_right_after_its_login_is_refreshed_although_there_was_no_login_before():
    world = World()
    process = world.process()
    with pytest.raises(LoginRequired, match="you are not logged in"):
        await process.headers(TARGET, refused({}))
    world.log_in(session())
    sent = await process.headers(TARGET)
    assert sent == bearer(0)
    assert await process.headers(TARGET, refused(sent)) == bearer(1)


@told
async def test_without_a_login_and_after_it_was_refused_bare_a_request_needs_one():
    world = World()
    process = world.process()
    assert (await process.headers(TARGET), process.session) == ({}, None)
    with pytest.raises(LoginRequired):
        await process.headers(TARGET, refused({}))


@told
async def test_a_token_to_take_away_is_refreshed_if_it_is_due():
    world = World(session())
    world.now += 3550.0
    process = world.process()
    assert (await process.current()).access == Secret("AT-1")
    await process.settle()
    assert world.stored.access == process.session.access == Secret("AT-1")


@told
async def test_a_permission_that_the_login_lacks_is_an_error_and_costs_no_refresh():
    world = World(session())
    process = world.process()
    sent = await process.headers(TARGET)
    with pytest.raises(StepUpRequired, match="lacks a permission: “write”"):
        await process.headers(TARGET, refused(sent, 403, scope="write"))
    assert world.presented == []


@told
async def test_a_token_to_take_away_is_that_of_the_newest_login_without_waiting_for_the_next_look():
    world = World(session())
    process = world.process()
    assert await process.current() == session()
    world.log_in(session(5))
    assert await process.current() == session(5)
    assert world.presented == []


@told
async def test_a_logout_elsewhere_ends_the_login_here():
    world = World(session())
    process = world.process()
    sent = await process.headers(TARGET)
    world.log_out()
    with pytest.raises(LoginRequired, match="you are not logged in") as raised:
        await process.headers(TARGET, refused(sent))
    assert raised.value.hint == "run: mcp-auth-bridge login acme"
    assert world.presented == []


@told
async def test_a_cancelled_request_does_not_cancel_the_refresh():
    world = World(session())
    world.gate = asyncio.Event()
    process = world.process()
    world.now += 3600.0
    request = asyncio.create_task(process.headers(TARGET))
    await world.asked.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    world.gate.set()
    assert await process.headers(TARGET) == bearer(1)
    assert world.presented == ["RT-0"]
    assert world.stored.refresh == Secret("RT-1")


@told
async def test_a_refresh_that_fails_after_its_request_was_cancelled_is_not_a_fault_of_the_bridge():
    faults = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    world = World(session())
    world.gate, world.reply = asyncio.Event(), DOWN
    process = world.process()
    world.now += 3600.0
    request = asyncio.create_task(process.headers(TARGET))
    await world.asked.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    world.gate.set()
    await asyncio.wait(process._refreshes)
    gc.collect()
    assert faults == []


@told
async def test_a_record_damaged_under_our_feet_does_not_end_the_session_in_memory():
    world = World(session())
    process = world.process()
    await process.headers(TARGET)
    world.store.damaged = True
    world.now += 1.0
    assert await process.headers(TARGET) == bearer(0)
    with pytest.raises(StoreError):
        await world.process().headers(TARGET)


@told
async def test_a_server_that_is_down_does_not_matter_while_the_token_is_good():
    world = World(session())
    process = world.process()
    world.reply = DOWN
    world.now += 3541.0
    assert await process.headers(TARGET) == bearer(0)
    assert world.stored.refresh == Secret("RT-0")


@told
async def test_a_server_that_is_down_is_named_once_the_token_has_expired_or_is_refused():
    world = World(session())
    process = world.process()
    sent = await process.headers(TARGET)
    world.reply = DOWN
    with pytest.raises(Unreachable):
        await process.headers(TARGET, refused(sent))
    world.now += 3600.0
    with pytest.raises(Unreachable):
        await process.headers(TARGET)
    assert world.stored.refresh == Secret("RT-0")
    world.reply = None
    world.now += 3600.0
    assert await process.headers(TARGET) == bearer(1)


@pytest.mark.parametrize("moment", [3541.0, 3600.0])
def test_a_server_that_is_down_is_not_asked_by_each_of_fifty_requests(moment):
    @told
    async def story():
        world = World(session())
        process = world.process()
        world.reply = DOWN
        world.now += moment
        requests = [process.headers(TARGET) for _ in range(50)]
        answered = await asyncio.gather(*requests, return_exceptions=True)
        await meanwhile()
        assert answered == [bearer(0) if moment < 3600.0 else DOWN] * 50
        assert len(world.presented) == 1
        world.reply = None
        world.now += 5.0
        await process.headers(TARGET)
        await meanwhile()
        assert await process.headers(TARGET) == bearer(1)

    story()


@told
async def test_a_session_without_an_expiry_is_used_until_it_is_refused():
    world = World(session(expires_at=None))
    process = world.process()
    world.now += 10**9
    sent = await process.headers(TARGET)
    assert sent == bearer(0)
    assert await process.headers(TARGET, refused(sent)) == bearer(1)


@told
async def test_a_token_that_is_said_to_live_for_no_time_is_used_once_each():
    world = World(session())
    world.life = 0
    process = world.process()
    world.now += 3600.0
    assert [await process.headers(TARGET) for _ in range(3)] == [bearer(1), bearer(2), bearer(3)]


@told
async def test_a_login_with_the_missing_permission_that_another_process_stored_is_used_at_once():
    world = World(session())
    process = world.process()
    sent = await process.headers(TARGET)
    world.log_in(session(5, scope="files:write"))
    challenge = {"error": "insufficient_scope", "scope": "files:write"}
    assert await process.headers(TARGET, refused(sent, 403, **challenge)) == bearer(5)
    assert world.stored.wanted == ""


def test_no_error_holds_a_token():
    @told
    async def story():
        world = World(session())
        process = world.process()
        world.now += 3600.0
        for reply in (DOWN, answer({"error": "x", "hint": "RT-0"}, 400), answer({"error": "invalid_grant"}, 400)):
            world.reply = reply
            world.now += 60.0
            with pytest.raises(BridgeError) as raised:
                await process.headers(TARGET)
            assert "T-" not in raised.value.message + raised.value.hint + repr(raised.value)

    story()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 2)),
        st.tuples(st.just("refuse"), st.integers(0, 2)),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 60.0, 3550.0, 4000.0])),
        st.tuples(st.just("restart"), st.integers(0, 2)),
        st.tuples(st.just("server"), st.sampled_from([None, DOWN, UNKNOWN, BAD_REQUEST, answer(b"", 503)])),
    ),
    max_size=25,
)


@given(STEPS)
def test_no_history_ever_presents_a_spent_refresh_token(steps):
    """Three processes, a server that rotates and revokes the family on reuse, outages: the login is never lost."""

    @told
    async def story():
        world = World(session())
        processes = [world.process() for _ in range(3)]
        for what, value in steps:
            match what:
                case "wait":
                    world.now += value
                case "server":
                    world.reply = value
                case "restart":
                    processes[value] = world.process()
                case "ask" | "refuse":
                    with suppress(Unreachable, UpstreamFailed, LoginRequired):
                        sent = await processes[value].headers(TARGET)
                        if what == "refuse":
                            assert await processes[value].headers(TARGET, refused(sent)) != sent
        world.reply, world.now = None, world.now + 4000.0
        await processes[0].headers(TARGET)
        assert world.valid == f"RT-{world.count}"

    story()


@told
async def test_a_login_made_meanwhile_is_tried_although_the_last_one_was_hopeless():
    world = World(session())
    process = world.process()
    newer = await process.headers(TARGET, refused(await process.headers(TARGET)))
    with pytest.raises(LoginRequired, match="even a freshly issued token"):
        await process.headers(TARGET, again(newer))
    world.log_in(session(7, at=world.now))
    assert await process.headers(TARGET, refused(newer)) == bearer(7)


@told
async def test_a_clock_that_is_set_back_does_not_prolong_the_pause_after_a_hopeless_refusal():
    world = World(session())
    process = world.process()
    first = await process.headers(TARGET)
    renewed = await process.headers(TARGET, refused(first))
    with pytest.raises(BridgeError):
        await process.headers(TARGET, again(renewed))
    world.set_clock_back(86400.0)
    world.now += 61.0
    assert await process.headers(TARGET, refused(renewed)) == bearer(2)


@told
async def test_a_bearer_token_is_at_hand_while_the_store_was_read_a_moment_ago():
    world = World(session())
    process = world.process()
    assert process.at_hand(TARGET) is None
    await process.headers(TARGET)
    assert process.at_hand(TARGET) == bearer(0)
    world.now += 1.0
    assert process.at_hand(TARGET) is None


@told
async def test_a_token_that_is_due_or_expired_is_not_at_hand():
    world = World(session())
    world.gate = asyncio.Event()
    process = world.process()
    world.now += 3541.0
    await process.headers(TARGET)
    assert process.at_hand(TARGET) is None
    world.gate.set()
    await meanwhile()
    assert process.at_hand(TARGET) == bearer(1)
