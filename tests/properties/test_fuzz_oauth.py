"""Whatever its servers answer, a login ends with a session or a worded error, and no secret goes to a wrong server."""

import json
import random

import hostile_messages as hostile
import pytest
from hostile_world import DEVICE, METADATA, REGISTRATION, RESOURCE, TOKENS, World
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import answer
from thoroughness import times

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.challenge import choose_challenge, parse_challenges
from mcp_auth_bridge.oauth.session import Session

PAGE = b"<!doctype html><title>\xff</title>"
KINDS = ["application/json", "application/json", "text/html", "", "\xff"]


def document(chance, honest):
    """Bytes that replace `honest`: damaged, with members of any type, or of a different kind."""
    kind = chance.randrange(8)
    if kind == 0:
        return chance.choice([b"", PAGE, hostile.noise(chance)])
    if kind == 1:
        return hostile.encoded(chance, hostile.value(chance))
    if kind == 2:
        return hostile.bent(chance, json.dumps(honest).encode())
    pairs = [(json.dumps(name), json.dumps(value)) for name, value in honest.items()]
    for _ in range(chance.randrange(3)):
        name = json.dumps(chance.choice(list(honest)))
        pairs.append((name, hostile.value(chance, 1)))
    return hostile.members(pairs).encode("utf-8", "surrogatepass")


def said(chance, honest, status):
    whole = answer(document(chance, honest), chance.choice([status, status, status, 400, 401, 429, 500]))
    return type(whole)(whole.status, hostile.headers(chance, chance.choice(KINDS)), whole.body, whole.at)


def log_in(chance):
    world = World(
        resource=document(chance, RESOURCE),
        metadata=document(chance, METADATA),
        registration=said(chance, REGISTRATION, 201),
        tokens=said(chance, TOKENS, 200),
        device=said(chance, DEVICE, 200),
    )
    for outcome in world.log_in_in_every_way():
        assert isinstance(outcome, Session | BridgeError)
    world.check()


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_login_ends_with_a_worded_error_whatever_its_servers_answer(chance):
    log_in(chance)


def test_a_thousand_logins_end_with_worded_errors():
    for seed in range(334):  # each with three kinds of login
        log_in(random.Random(seed))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_many_thousand_logins_end_with_worded_errors():
    first = random.randrange(1 << 40)
    for seed in range(first, first + times(20_000)):
        try:
            log_in(random.Random(seed))
        except BaseException:
            print(f"seed {seed}")  # noqa: T201 - what repeats this login
            raise


fields = st.text(st.characters(max_codepoint=255), max_size=60) | st.lists(
    st.sampled_from(['"', "\\", "=", ",", " ", "Bearer", "scope", "DPoP", "error", "\x00", "\xff", "x"]), max_size=30
).map("".join)


@settings(max_examples=500)
@given(st.lists(fields, max_size=3))
def test_any_challenge_can_be_parsed(said):
    assert isinstance(parse_challenges(said), list)
    choose_challenge(said)
