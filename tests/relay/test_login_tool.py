"""Without a login and a memory, one tool says how to sign in."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from relaying import SIGN_IN, Playbook, answer, fail, request, to_client, to_server

from mcp_auth_bridge.errors import LoginRequired, StepUpRequired, Unreachable
from mcp_auth_bridge.relay.call_numbers import SIGN_IN as SIGN_IN_CALL
from mcp_auth_bridge.relay.list_results import COMPLETE
from mcp_auth_bridge.relay.login_tool import LoginTool, login_tool_name
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.signing_in import SigningIn

NO_LOGIN = LoginRequired("a login to acme is needed", "run: mcp-auth-bridge login acme")
LIST = request(1, "tools/list")
CALL = request(2, name="acme_login")


@pytest.fixture
def play():
    return Playbook(LoginTool(Passthrough(), "acme"))


def listed(play, asked=LIST):
    play.client(asked)
    ((_, told),) = play.ended(1, NO_LOGIN)
    return told["result"]


def test_the_tool_takes_the_place_of_the_tools(play):
    (tool,) = listed(play)["tools"]
    assert tool["name"] == "acme_login"
    assert "acme" in tool["description"]
    assert play.client(CALL) == [fail(CALL, LoginRequired)]


def test_a_modern_client_gets_it_in_a_modern_result(play):
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
    result = listed(play, request(1, "tools/list", _meta=meta))
    assert {name: result[name] for name in COMPLETE} == COMPLETE


def test_a_call_of_it_starts_the_login_and_tells_when_that_is_done(play):
    play.relay = SigningIn(play.relay, "acme")
    listed(play)
    assert SIGN_IN in play.client(CALL)
    ((_, done),) = play.ended(SIGN_IN_CALL)
    assert done["result"]["isError"] is False
    assert "signed in" in done["result"]["content"][0]["text"]


def test_it_tells_of_a_login_that_the_server_has_accepted(play):
    listed(play)
    play.client(request(3))
    play.server(2, answer(3))
    play.ended(2)
    ((_, done),) = play.client(CALL)
    assert "signed in" in done["result"]["content"][0]["text"]


def test_a_login_that_failed_is_still_missing(play):
    listed(play)
    play.ended(SIGN_IN_CALL, LoginRequired("no"))
    assert play.client(CALL) == [fail(CALL, LoginRequired)]


def test_a_tool_of_the_server_with_that_name_is_called_unless_the_bridge_lists_its_own(play):
    assert play.client(CALL) == [to_server(1, CALL)]


@pytest.mark.parametrize("error", [Unreachable("away"), StepUpRequired("more")])
def test_no_other_failure_of_the_list_is_a_reason_for_the_tool(play, error):
    play.client(LIST)
    assert play.ended(1, error) == [fail(LIST, type(error))]


@pytest.mark.parametrize("other", [request(1, "prompts/list"), request(1, "tools/list", cursor="2"), request(1)])
def test_no_other_request_is_answered_with_it(play, other):
    play.client(other)
    assert play.ended(1, NO_LOGIN) == [fail(other, LoginRequired)]


def test_a_list_of_the_server_passes(play):
    play.client(LIST)
    reply = answer(1, {"tools": [{"name": "add"}]})
    assert play.server(1, reply) == [to_client(reply)]


@pytest.mark.parametrize(
    ("server", "name"),
    [
        ("acme", "acme_login"),
        ("acme tickets (new)", "acme_tickets_new__login"),
        ("https://mcp.acme.example/mcp?" + "x" * 80, "acme_login"),
        ("https://a-very-long-label-of-a-host-name.example/", "a-very-long-label-of-a-h_login"),
        ("http://10.0.0.1:8000/mcp", "10_0_0_1_8000_login"),
        ("http://127.0.0.1:8000/mcp", "127_0_0_1_8000_login"),
    ],
)
def test_the_name_of_the_tool_is_the_servers_short_one(server, name):
    (tool,) = listed(Playbook(LoginTool(Passthrough(), server)))["tools"]
    assert tool["name"] == login_tool_name(server) == name


@given(st.text(min_size=1).filter(lambda name: "://" not in name))
def test_any_name_makes_a_name_that_fits_behind_a_clients_prefix(server):
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,30}", login_tool_name(server))


def test_it_has_nothing_to_do_until_a_login_is_missing(play):
    assert play.relay.is_idle
    play.client(request(1))
    play.ended(1, NO_LOGIN)
    assert not play.relay.is_idle
    play.client(request(2))
    play.ended(2)
    assert play.relay.is_idle


def test_once_the_tool_was_listed_each_call_may_be_one_of_it(play):
    listed(play)
    play.client(request(3))
    play.ended(2)
    assert not play.relay.is_idle
