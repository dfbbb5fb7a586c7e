"""When a login is refreshed, and what is said where it cannot be: with a server that rotates and is played."""

import asyncio
from functools import partial

import jwt
import pytest
from playing import answer
from refreshing import (
    BAD_REQUEST,
    BLOCKED,
    DOWN,
    NO_CLIENT,
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

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.errors import (
    AccessDenied,
    GrantEnded,
    LoginRequired,
    OutcomeUnknown,
    Sent,
    StepUpRequired,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.session import Client, Strikes
from mcp_auth_bridge.secret import Secret


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
