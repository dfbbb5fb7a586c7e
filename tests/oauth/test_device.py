"""The device grant, played: it polls as often as the server allows, and ends in a session or an error."""

import msgspec
import pytest
from playing import answer, plain, play

from mcp_auth_bridge.errors import AccessDenied, LoginRequired, OAuthRefused, TheirProtocolError, UrlRefused
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.device import device_code
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

CLIENT = Client(issuer="https://as.example", id="us")
DEVICE = {
    "device_code": "D",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://as.example/device",
    "expires_in": 12,
    "interval": 5,
}
START = "POST https://as.example/device_authorization"
TOKEN = "POST https://as.example/token"
PENDING = answer({"error": "authorization_pending"}, 400)
SHOWN = ("show ABCD-EFGH at https://as.example/device", None)


def server(**more):
    return AuthorizationServer(
        issuer="https://as.example",
        resource="https://mcp.example/mcp",
        authorization_endpoint=gate("https://as.example/authorize", Purpose.AUTHORIZATION),
        token_endpoint=gate("https://as.example/token", Purpose.TOKEN),
        **{"device_endpoint": gate("https://as.example/device_authorization", Purpose.DEVICE), **more},
    )


def flow(**more):
    return device_code(server(**more), CLIENT, ("read",))


def test_it_polls_until_the_user_has_confirmed():
    asked = []
    tokens = answer({"access_token": "AT", "refresh_token": "RT", "expires_in": 60})
    steps = [(START, answer(DEVICE)), SHOWN, ("sleep 5", None), (TOKEN, PENDING), ("sleep 5", None), (TOKEN, tokens)]
    session = play(flow(), steps, asked)
    assert (session.access.reveal(), session.refresh.reveal(), session.scope) == ("AT", "RT", "read")
    assert plain(asked[0].form) == {"client_id": "us", "resource": "https://mcp.example/mcp", "scope": "read"}
    assert plain(asked[-1].form) == {
        "client_id": "us",
        "device_code": "D",
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "resource": "https://mcp.example/mcp",
    }


def test_slow_down_makes_it_poll_less_often():
    tokens = answer({"access_token": "AT"})
    slow = answer({"error": "slow_down"}, 400)
    steps = [(START, answer(DEVICE)), SHOWN, ("sleep 5", None), (TOKEN, slow), ("sleep 10", None), (TOKEN, tokens)]
    assert play(flow(), steps).access.reveal() == "AT"


def test_the_complete_verification_uri_is_preferred():
    complete = "https://as.example/device?code=ABCD-EFGH"
    document = {**DEVICE, "verification_uri_complete": complete, "expires_in": 0}
    with pytest.raises(LoginRequired, match="the code was not confirmed in time"):
        play(flow(), [(START, answer(document)), (f"show ABCD-EFGH at {complete}", None)])


@pytest.mark.parametrize(
    ("error", "kind"),
    [("access_denied", AccessDenied), ("expired_token", LoginRequired), ("invalid_grant", OAuthRefused)],
)
def test_an_error_of_the_user_or_the_code_ends_the_polling(error, kind):
    steps = [(START, answer(DEVICE)), SHOWN, ("sleep 5", None), (TOKEN, answer({"error": error}, 400))]
    with pytest.raises(kind):
        play(flow(), steps)


def test_polling_ends_when_the_code_expires():
    steps = [(START, answer(DEVICE)), SHOWN, *[("sleep 5", None), (TOKEN, PENDING)] * 3]
    with pytest.raises(LoginRequired, match="the code was not confirmed in time"):
        play(flow(), steps)


def test_a_server_without_the_grant_is_an_error_that_says_what_to_do_instead():
    with pytest.raises(TheirProtocolError, match="offers no login on another device") as raised:
        play(flow(device_endpoint=None), [])
    assert "--paste" in raised.value.hint


def test_an_unacceptable_verification_uri_is_refused():
    with pytest.raises(UrlRefused):
        play(flow(), [(START, answer({**DEVICE, "verification_uri": "javascript:alert(1)"}))])


def test_auth0s_audience_goes_into_the_first_request():
    asked = []
    tokens = answer({"access_token": "AT"})
    steps = [(START, answer(DEVICE)), SHOWN, ("sleep 5", None), (TOKEN, tokens)]
    play(flow(authorize_params={"audience": "https://api"}), steps, asked)
    assert plain(asked[0].form)["audience"] == "https://api"


def test_a_client_whose_authentication_is_refused_asks_once_more_in_another_way():
    client = msgspec.structs.replace(
        CLIENT, secret=Secret("S"), auth_method="client_secret_post", other_methods=("client_secret_basic",)
    )
    steps = [(START, answer({"error": "invalid_client"}, 401)), (START, answer(DEVICE)), SHOWN, ("sleep 5", None)]
    asked = []
    play(device_code(server(), client, ()), [*steps, (TOKEN, answer({"access_token": "AT"}))], asked)
    assert "client_secret" in plain(asked[0].form)
    assert plain(asked[1].headers)["authorization"].startswith("Basic ")


def test_a_refused_beginning_is_an_error_that_says_what_was_refused():
    with pytest.raises(OAuthRefused, match="refused the login on another device: unauthorized_client"):
        play(flow(), [(START, answer({"error": "unauthorized_client"}, 400))])
