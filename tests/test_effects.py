"""Effects: what a flow yields is answered, and a request knows its secrets."""

import pytest

from mcp_auth_bridge.effects import Entropy, Fetch, Now, Response, ask
from mcp_auth_bridge.errors import Unreachable
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

URL = gate("https://as.example/token", Purpose.TOKEN)


def flow():
    at = yield from ask(Now())
    try:
        size = len((yield from ask(Entropy(3))))
    except Unreachable:
        size = 0
    return at, size


def test_a_flow_yields_an_effect_and_goes_on_with_its_result():
    playing = flow()
    assert next(playing) == Now()
    assert playing.send(1.5) == Entropy(3)
    with pytest.raises(StopIteration) as done:
        playing.send(b"abc")
    assert done.value.value == (1.5, 3)


def test_a_flow_is_thrown_the_error_of_an_effect():
    playing = flow()
    next(playing)
    playing.send(1.5)
    with pytest.raises(StopIteration) as done:
        playing.throw(Unreachable("x"))
    assert done.value.value == (1.5, 0)


def test_the_secrets_of_a_request_are_those_in_its_headers_and_its_form():
    one, two = Secret("1"), Secret("2")
    sent = Fetch(URL, {"authorization": one, "accept": "x"}, {"code": two, "grant_type": "y"})
    assert sent.secrets == (one, two)
    assert Fetch(URL).secrets == ()


def test_the_first_value_of_a_header_counts():
    response = Response(200, {"a": ("1", "2")}, b"", 0.0)
    assert (response.header("a"), response.header("b")) == ("1", "")
