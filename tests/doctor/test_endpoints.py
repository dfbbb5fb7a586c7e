"""Whether endpoints are there, from answers of many frameworks."""

import anyio
import pytest
from oauth_world import AS, HONEST, MCP, WALL, World
from playing import NOT_FOUND, PAGE, answer

from mcp_auth_bridge.doctor.endpoints import State, visit_endpoints
from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import OutcomeUnknown, Overdue, Unreachable
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.trust import Trust
from mcp_auth_bridge.urls import Purpose, gate

AUTHORIZE, TOKEN, REGISTER = (f"{AS}/{name}" for name in ("authorize", "token", "register"))


def visited(table):
    server = AuthorizationServer(
        issuer=AS,
        resource=MCP,
        authorization_endpoint=gate(AUTHORIZE, Purpose.AUTHORIZATION),
        token_endpoint=gate(TOKEN, Purpose.TOKEN),
        registration_endpoint=gate(REGISTER, Purpose.REGISTRATION),
    )
    world = World({**HONEST, **table})
    found = anyio.run(visit_endpoints, world, Trust(server=gate(MCP, Purpose.SERVER)), server)
    return world, dict(zip(("authorization", "token", "registration"), found, strict=True))


def response(status, **headers):
    return Response(status, {name: (value,) for name, value in headers.items()}, b"", 0.0)


def test_endpoints_that_are_there_are_asked_once_each():
    world, found = visited({})
    assert {each.state for each in found.values()} == {State.ALIVE}
    assert sorted(world.asked) == [f"GET {AUTHORIZE}", f"OPTIONS {REGISTER}", f"POST {TOKEN}"]
    assert not any(each.is_broken for each in found.values())


@pytest.mark.parametrize(
    ("answered", "state"),
    [
        (response(302, location="/login"), State.ALIVE),
        (PAGE, State.ALIVE),
        (WALL, State.ALIVE),
        (response(500), State.ALIVE),
        (NOT_FOUND, State.MISSING),
        (response(503), State.DOWN),
        (Unreachable("down"), State.DOWN),
    ],
)
def test_any_answer_but_not_found_and_away_comes_from_the_authorization_endpoint(answered, state):
    assert visited({AUTHORIZE: answered})[1]["authorization"].state is state


@pytest.mark.parametrize(
    ("answered", "state"),
    [
        (answer({"error": "invalid_client"}, 401), State.ALIVE),
        (response(403), State.ALIVE),
        (response(500), State.ALIVE),
        (WALL, State.WALLED),
        (response(404), State.MISSING),
        (response(405), State.MISSING),
        (response(307, location="https://as.example/t"), State.REDIRECTS),
        (response(502), State.DOWN),
        (Unreachable("down"), State.DOWN),
    ],
)
def test_an_empty_form_shows_whether_there_is_a_token_endpoint(answered, state):
    found = visited({f"POST {TOKEN}": answered})[1]["token"]
    assert (found.state, found.is_broken) == (state, state is not State.ALIVE)


def test_a_connection_that_ends_without_an_answer_to_an_empty_request_proves_nothing():
    cut = OutcomeUnknown("the response was cut off")
    found = visited({AUTHORIZE: cut, f"POST {TOKEN}": cut, f"OPTIONS {REGISTER}": cut})[1]
    assert {(each.state, each.is_broken) for each in found.values()} == {(State.UNCLEAR, False)}
    late = Overdue("it did not answer")
    assert visited({f"POST {TOKEN}": late})[1]["token"].state is State.DOWN


FASTIFY = {f"OPTIONS {REGISTER}": NOT_FOUND, REGISTER: NOT_FOUND}
EXPRESS = {f"OPTIONS {REGISTER}": response(200, allow="GET, POST")}
ANY_OPTIONS = {f"OPTIONS {REGISTER}": response(204)}


@pytest.mark.parametrize(
    ("table", "state", "last"),
    [
        (EXPRESS, State.ALIVE, "OPTIONS"),
        ({f"OPTIONS {REGISTER}": WALL}, State.WALLED, "OPTIONS"),
        ({**ANY_OPTIONS, REGISTER: response(405)}, State.ALIVE, "GET"),
        ({**ANY_OPTIONS, REGISTER: PAGE, f"POST {REGISTER}": response(400)}, State.ALIVE, "POST"),
        ({**FASTIFY, f"POST {REGISTER}": response(400)}, State.ALIVE, "POST"),
        ({**FASTIFY, f"POST {REGISTER}": NOT_FOUND}, State.MISSING, "POST"),
        ({**FASTIFY, f"POST {REGISTER}": Unreachable("down")}, State.DOWN, "POST"),
    ],
)
def test_the_registration_endpoint_gets_a_post_without_content_only_if_nothing_else_tells(table, state, last):
    world, found = visited(table)
    assert found["registration"].state is state
    assert [asked for asked in world.asked if REGISTER in asked][-1] == f"{last} {REGISTER}"


@pytest.mark.parametrize(
    ("status", "location", "followed"),
    [
        (307, "/api/oauth/register", True),
        (308, f"{AS}/r", True),
        (302, "/r", False),
        (307, "https://other.example/r", False),
        (307, "http://[", False),
    ],
)
def test_a_registration_is_followed_within_its_origin(status, location, followed):
    found = visited({f"OPTIONS {REGISTER}": response(status, location=location)})[1]["registration"]
    assert (found.state, found.is_followed, found.is_broken) == (State.REDIRECTS, followed, not followed)
