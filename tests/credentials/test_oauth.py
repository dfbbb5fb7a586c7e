"""The headers of a login, from memory, store or refresh; the clock and a strict server are played."""

import asyncio
from contextlib import suppress
from functools import partial

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playing import answer
from refreshing import TARGET, World, again, bearer, meanwhile, refused, told

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.errors import (
    AccessDenied,
    BridgeError,
    GrantEnded,
    LoginRequired,
    OutcomeUnknown,
    Sent,
    StepUpRequired,
    StoreError,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.session import Client, Session, Strikes
from mcp_auth_bridge.secret import Secret

DOWN = Unreachable("https://as.example refuses connections")


def session(number=0, *, life=3600.0, at=1000.0, **more):
    return Session(
        **{
            "resource": "https://mcp.example/mcp",
            "issuer": "https://as.example",
            "token_endpoint": "https://as.example/token",
            "client": Client(issuer="https://as.example", id="abc"),
            "access": Secret(f"AT-{number}"),
            "refresh": Secret(f"RT-{number}"),
            "obtained_at": at,
            "expires_at": at + life,
            **more,
        }
    )


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
async def test_a_logout_during_a_refresh_wins():
    world = World(session())
    world.gate = asyncio.Event()
    process = world.process()
    world.now += 3600.0
    request = asyncio.create_task(process.headers(TARGET))
    await world.asked.wait()
    world.log_out()
    world.gate.set()
    with pytest.raises(LoginRequired, match="you are not logged in"):
        await request
    assert world.store.keys() == []


@told
async def test_a_login_during_a_refresh_wins():
    world = World(session())
    world.gate = asyncio.Event()
    process = world.process()
    world.now += 3600.0
    request = asyncio.create_task(process.headers(TARGET))
    await world.asked.wait()
    world.log_in(session(7, at=world.now))
    world.gate.set()
    assert await request == bearer(7)
    assert world.stored.access == Secret("AT-7")


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
async def test_on_a_full_disk_no_refresh_token_is_spent():
    """The store would still show it to other processes and to the next start, whose use of it would end the login."""
    world = World(session())
    processes = [world.process(), world.process()]
    world.store.full = True
    world.now += 3600.0
    for process in processes:
        with pytest.raises(StoreError, match="there is no space left"):
            await process.headers(TARGET)
    assert world.presented == []
    world.store.full = False
    for process in (*processes, world.process()):
        assert await process.headers(TARGET) == bearer(1)
    assert world.presented == ["RT-0"]


async def a_refresh_while_the_disk_fills_up(world, process):
    """The answer has arrived when there is no space left for it."""
    world.gate, world.asked = asyncio.Event(), asyncio.Event()
    world.now += 3600.0
    waiting = asyncio.create_task(process.headers(TARGET))
    await world.asked.wait()
    world.store.full = True
    world.gate.set()
    return await waiting


@told
async def test_a_disk_that_fills_up_meanwhile_keeps_the_session_is_told_once_and_saved_later():
    world = World(session())
    process = world.process()
    assert await a_refresh_while_the_disk_fills_up(world, process) == bearer(1)
    world.now += 1.0
    assert await process.headers(TARGET) == bearer(1)
    assert [error.message for error in world.warned] == ["there is no space left"]
    assert world.stored.access == Secret("AT-0")
    world.store.full = False
    world.now += 1.0
    assert await process.headers(TARGET) == bearer(1)
    assert world.stored.refresh == Secret("RT-1")


@told
async def test_a_disk_that_fills_up_again_is_told_again():
    world = World(session())
    process = world.process()
    for number in (1, 2):
        assert await a_refresh_while_the_disk_fills_up(world, process) == bearer(number)
        world.store.full = False
        world.now += 1.0
        await process.headers(TARGET)
    assert len(world.warned) == 2


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


UNKNOWN = OutcomeUnknown("https://as.example did not answer within 90 seconds")
NO_CLIENT = answer({"error": "invalid_client"}, 401)
BAD_REQUEST = answer({"error": "invalid_request"}, 400)
BLOCKED = answer(b"<html>", 403, "text/html")


@pytest.mark.parametrize("reply", [answer(b"", 500), answer(b"<html>", 502, "text/html"), UNKNOWN, DOWN])
def test_a_server_in_trouble_never_ends_a_login_and_the_request_is_said_not_to_have_been_sent(reply):
    @told
    async def story():
        world = World(session())
        process = world.process()
        world.reply = reply
        for _ in range(20):
            world.now += 3600.0
            with pytest.raises((Unreachable, UpstreamFailed)) as raised:
                await process.headers(TARGET)
            assert (raised.value.sent, isinstance(raised.value, OutcomeUnknown)) == (Sent.NO, False)
        assert (world.stored.refresh, world.stored.ended) == (Secret("RT-0"), "")
        world.reply = None
        world.now += 3600.0
        assert await process.headers(TARGET) == bearer(1)

    story()


@told
async def test_invalid_grant_ends_the_login_for_all_and_its_token_is_never_presented_again():
    world = World(session())
    one = world.process()
    world.reply = answer({"error": "invalid_grant"}, 400)
    world.now += 3600.0
    for process in (one, one, world.process()):
        with pytest.raises(LoginRequired, match=r"ended it \(invalid_grant\)") as raised:
            await process.headers(TARGET)
        assert not isinstance(raised.value, GrantEnded)
        assert raised.value.hint == "run: mcp-auth-bridge login acme"
    assert world.presented == ["RT-0"]
    assert (world.stored.ended, world.stored.refresh) == ("invalid_grant", None)


@told
async def test_a_login_made_while_the_old_grant_was_refused_is_taken():
    world = World(session())
    world.gate = asyncio.Event()
    process = world.process()
    world.reply = answer({"error": "invalid_grant"}, 400)
    world.now += 3600.0
    request = asyncio.create_task(process.headers(TARGET))
    await world.asked.wait()
    world.log_in(session(7, at=world.now))
    world.gate.set()
    assert await request == bearer(7)
    assert world.stored.ended == ""


@told
async def test_a_page_in_place_of_an_answer_counts_once_an_episode_and_is_forgotten_with_it():
    world = World(session())
    process = world.process()
    world.reply = BLOCKED
    world.now += 3600.0
    for _ in range(10):
        with pytest.raises(UpstreamFailed, match="HTTP 403") as raised:
            await process.headers(TARGET)
        assert raised.value.sent is Sent.NO
    assert world.stored.strikes.count == 1
    world.reply = None
    assert await process.headers(TARGET) == bearer(1)


@pytest.mark.parametrize("reply", [NO_CLIENT, BAD_REQUEST])
def test_a_first_refusal_keeps_the_login_and_leaves_the_server_alone_for_a_while(reply):
    @told
    async def story():
        world = World(session())
        world.reply = reply
        world.now += 3600.0
        for process in (world.process(), world.process()):
            for _ in range(3):
                with pytest.raises(UpstreamFailed, match="refused to renew the login to acme") as raised:
                    await process.headers(TARGET)
                assert (raised.value.sent, raised.value.retry_after >= 15.0) == (Sent.NO, True)
                assert "run: mcp-auth-bridge login acme" in raised.value.hint
                world.now += 2.0
        assert world.presented == ["RT-0"]
        world.reply = None
        world.now += 600.0
        assert await world.process().headers(TARGET) == bearer(1)
        assert world.stored.strikes == Strikes()

    story()


@told
async def test_a_registration_that_was_known_to_expire_needs_no_second_opinion_and_is_named():
    expiring = Client(issuer="https://as.example", id="abc", secret=Secret("s"), secret_expires_at=4000.0)
    world = World(session(client=expiring))
    world.reply = NO_CLIENT
    world.now += 3600.0
    for _ in range(2):
        with pytest.raises(LoginRequired, match=r"the registration of this bridge .* has expired") as raised:
            await world.process().headers(TARGET)
        assert "mcp-auth-bridge login acme" in raised.value.hint
    assert world.presented == ["RT-0"]


@pytest.mark.parametrize("reply", [NO_CLIENT, answer({"message": "Unrecognized client_id"}, 422)])
def test_a_server_that_twice_does_not_know_its_client_ends_the_login_also_across_restarts(reply):
    @told
    async def story():
        world = World(session())
        world.reply = reply
        world.now += 3600.0
        with pytest.raises(UpstreamFailed):
            await world.process().headers(TARGET)
        world.now += 30.0
        for _ in range(2):
            with pytest.raises(LoginRequired, match=r"ended it \(invalid_client(, saying “Unrecognized client_id”)?\)"):
                await world.process().headers(TARGET)
        assert world.presented == ["RT-0"] * 2
        assert world.stored.client_forgotten
        assert world.stored.refresh == Secret("RT-0")  # nothing but a person deletes

    story()


@told
async def test_a_success_between_two_strikes_forgives_the_first():
    world = World(session())
    process = world.process()
    for number in (1, 2):
        world.reply = NO_CLIENT
        world.now += 3600.0
        with pytest.raises(UpstreamFailed):
            await process.headers(TARGET)
        world.reply = None
        world.now += 30.0
        assert await process.headers(TARGET) == bearer(number)


@pytest.mark.parametrize("reply", [BAD_REQUEST, BLOCKED, answer({"error": "bad_refresh_token"}, 200)])
def test_after_five_other_refusals_a_login_is_asked_for_and_the_record_kept_and_tried_again(reply):
    told(partial(five_refusals, reply))()


async def five_refusals(reply):
    world = World(session())
    process = world.process()
    world.reply = reply
    world.now += 3600.0
    for _ in range(4):
        with pytest.raises(UpstreamFailed):
            await process.headers(TARGET)
        world.now += 240.0
    for _ in range(3):
        with pytest.raises(LoginRequired, match="could not be renewed 5 times in a row"):
            await process.headers(TARGET)
        world.now += 2.0
    assert world.presented == ["RT-0"] * 5
    assert (world.stored.refresh, world.stored.ended) == (Secret("RT-0"), "")
    world.reply = None
    world.now += 480.0
    assert await process.headers(TARGET) == bearer(1)


@told
async def test_a_refused_login_is_used_while_its_token_is_good():
    world = World(session())
    process = world.process()
    world.reply = NO_CLIENT
    world.now += 3541.0
    for _ in range(40):
        assert await process.headers(TARGET) == bearer(0)
        await meanwhile()
        world.now += 1.0
    assert len(world.presented) == 2
    assert world.stored.ended == "invalid_client"


@told
async def test_a_renewal_is_noted_in_the_store_before_the_token_is_presented():
    world = World(session())
    world.gate = asyncio.Event()
    process = world.process()
    world.now += 3600.0
    request = asyncio.create_task(process.headers(TARGET))
    await world.asked.wait()
    assert (world.stored.in_doubt, world.stored.refresh) == (True, Secret("RT-0"))
    world.gate.set()
    await request
    assert (world.stored.in_doubt, world.stored.refresh) == (False, Secret("RT-1"))


@pytest.mark.parametrize("forgives", [True, False])
def test_after_a_kill_between_rotation_and_save_the_old_token_is_presented_once(forgives):
    @told
    async def story():
        world = World(session())
        world.now += 3600.0
        world.reply = UNKNOWN  # for the store, a kill and an answer that never came are the same
        with pytest.raises(Unreachable):
            await world.process().headers(TARGET)
        world.reply = None if forgives else answer({"error": "invalid_grant"}, 400)
        for _ in range(3):
            process = world.process()
            if forgives:
                assert await process.headers(TARGET) == bearer(1)
            else:
                with pytest.raises(LoginRequired, match="after a renewal whose answer never arrived"):
                    await process.headers(TARGET)
        assert world.presented == ["RT-0"] * 2

    story()


@told
async def test_settling_waits_for_an_answer_under_way_and_for_nothing_else():
    world = World(session())
    world.gate = asyncio.Event()
    process = world.process()
    await process.settle()
    world.now += 3600.0
    async with world._lock():
        waiting = asyncio.create_task(process.headers(TARGET))
        await meanwhile()
        await process.settle()  # it has presented nothing yet
    await world.asked.wait()
    settling = asyncio.create_task(process.settle())
    await meanwhile()
    assert not settling.done()
    world.gate.set()
    await settling
    assert world.stored.refresh == Secret("RT-1")
    assert await waiting == bearer(1)


@told
async def test_an_ended_grant_is_good_until_its_access_token_ends():
    world = World(session())
    process = world.process()
    world.reply = answer({"error": "invalid_grant"}, 400)
    world.now += 3541.0
    assert await process.headers(TARGET) == bearer(0)
    await meanwhile()
    assert await process.headers(TARGET) == bearer(0)
    assert world.presented == ["RT-0"]
    with pytest.raises(LoginRequired):
        await process.headers(TARGET, refused(bearer(0)))


@told
async def test_without_a_refresh_token_a_session_works_until_it_expires():
    world = World(session(refresh=None))
    process = world.process()
    world.now += 3599.0
    assert await process.headers(TARGET) == bearer(0)
    world.now += 1.0
    with pytest.raises(LoginRequired, match="has expired, and there is no refresh token"):
        await process.headers(TARGET)


@told
async def test_without_a_refresh_token_a_refusal_ends_it():
    world = World(session(refresh=None))
    process = world.process()
    with pytest.raises(LoginRequired, match="refused the access token"):
        await process.headers(TARGET, refused(await process.headers(TARGET)))


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
async def test_a_missing_permission_is_noted_for_the_next_login_and_does_not_cause_a_refresh():
    world = World(session())
    process = world.process()
    sent = await process.headers(TARGET)
    for scope in ("files:write", "files:write admin"):
        with pytest.raises(StepUpRequired, match=f"lacks a permission: “{scope}”") as raised:
            await process.headers(TARGET, refused(sent, 403, error="insufficient_scope", scope=scope))
        assert "mcp-auth-bridge login" in raised.value.hint
    stored = world.stored
    assert (stored.wanted, stored.access.reveal()) == ("files:write admin", "AT-0")
    assert await process.headers(TARGET) == sent
    assert world.presented == []


@told
async def test_a_server_that_names_other_scopes_each_time_or_its_own_token_makes_no_record_grow():
    access = "AT-0123456789-0123456789"
    world = World(session(access=Secret(access)))
    process = world.process()
    sent = await process.headers(TARGET)
    for number in range(300):
        scope = f"files:{number}:{'x' * 60} {access} {access[4:]}"
        with pytest.raises(StepUpRequired) as raised:
            await process.headers(TARGET, refused(sent, 403, error="insufficient_scope", scope=scope))
        assert access[4:] not in raised.value.message
    assert world.stored.wanted.startswith("files:299:")
    assert access[4:] not in world.stored.wanted
    assert len(world.stored.wanted) <= 4096


@told
async def test_a_login_with_the_missing_permission_that_another_process_stored_is_used_at_once():
    world = World(session())
    process = world.process()
    sent = await process.headers(TARGET)
    world.log_in(session(5, scope="files:write"))
    challenge = {"error": "insufficient_scope", "scope": "files:write"}
    assert await process.headers(TARGET, refused(sent, 403, **challenge)) == bearer(5)
    assert world.stored.wanted == ""


@told
async def test_a_permission_that_no_login_can_add_is_said_to_be_the_accounts():
    world = World(session())
    process = world.process()
    sent = await process.headers(TARGET)
    for challenge in (None, Challenge("bearer", {"scope": session().scope})):
        with pytest.raises(AccessDenied, match="although the login has the scopes that it names"):
            await process.headers(TARGET, Refusal(403, challenge, sent))
    assert world.stored.wanted == ""


@told
async def test_before_any_login_requests_go_out_bare_until_one_is_refused():
    world = World()
    process = world.process()
    assert await process.headers(TARGET) == {}
    assert await process.headers(TARGET) == {}
    for refusal in (refused({}), None, None):
        with pytest.raises(LoginRequired, match="a login to acme is needed: you are not logged in"):
            await process.headers(TARGET, refusal)


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
async def test_a_new_token_that_is_refused_too_is_explained_and_no_other_is_tried_for_a_minute():
    world = World(session())
    process = world.process()
    sent = await process.headers(TARGET)
    newer = await process.headers(TARGET, refused(sent))
    with pytest.raises(
        LoginRequired, match=r"acme rejected even a freshly issued token \(HTTP 401\): the token is opaque"
    ) as raised:
        await process.headers(TARGET, again(newer))
    assert "run: mcp-auth-bridge login acme" in raised.value.hint
    for _ in range(50):
        assert await process.headers(TARGET) == newer  # it may be accepted by now
        with pytest.raises(LoginRequired, match="even a freshly issued token"):
            await process.headers(TARGET, refused(newer))
        world.now += 1.0
    assert world.presented == ["RT-0"]
    world.now += 10.0
    assert await process.headers(TARGET, refused(newer)) == bearer(2)


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
async def test_the_words_of_a_refused_token_name_the_claim_that_looks_wrong():
    token = jwt.encode({"iss": "https://as.example", "aud": "another", "exp": 9e9}, "k" * 32, "HS256")
    world = World(session(access=Secret(token), refresh=None))
    process = world.process()
    sent = await process.headers(TARGET)
    with pytest.raises(LoginRequired, match="its aud is “another”") as raised:
        await process.headers(TARGET, refused(sent))
    assert token not in raised.value.message + raised.value.hint


@told
async def test_a_permission_that_was_asked_for_and_denied_is_not_asked_for_again():
    world = World(session(scope="read", asked="read admin"))
    process = world.process()
    sent = await process.headers(TARGET)
    for _ in range(3):
        with pytest.raises(AccessDenied, match="was asked for and did not grant: “admin”") as raised:
            await process.headers(TARGET, refused(sent, 403, error="insufficient_scope", scope="admin"))
        assert "run: mcp-auth-bridge login acme" in raised.value.hint
    assert world.stored.wanted == ""
    with pytest.raises(StepUpRequired):  # another one has not been asked for yet
        await process.headers(TARGET, refused(sent, 403, error="insufficient_scope", scope="admin write"))
    assert world.stored.wanted == "admin write"


@told
async def test_a_missing_permission_without_a_login_asks_for_one():
    process = World().process()
    with pytest.raises(LoginRequired, match="you are not logged in"):
        await process.headers(TARGET, refused({}, 403, error="insufficient_scope", scope="admin"))


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
