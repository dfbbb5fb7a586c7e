"""What a refusal says: in its challenge, in its body, and to the user."""

import pytest

from mcp_auth_bridge.credentials.base import Refusal, Target, ready
from mcp_auth_bridge.oauth.challenge import Challenge

SENT = {"authorization": "Bearer AT-0123456789abcdef"}


def refusal(words="", **parameters):
    return Refusal(401, Challenge("bearer", parameters) if parameters else None, SENT, words=words)


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (refusal(), ""),
        (refusal("you are not welcome"), "you are not welcome"),
        (refusal("a body", error_description="a description"), "a description"),
        (refusal('{"message": "from JSON"}'), "from JSON"),
        (refusal("AT-0123456789abcdef is unknown"), "… is unknown"),
        (refusal(error_description="invalid_token"), ""),
    ],
)
def test_the_servers_sentence_is_its_description_or_its_body_without_the_token(refused, said):
    assert refused.said == said


def test_a_refusal_in_words_names_the_protocol_of_its_status():
    assert str(refusal("no")) == "HTTP 401, saying “no”"
    assert str(Refusal(401, None, SENT, protocol="JSON-RPC")) == "JSON-RPC 401"


def test_the_scopes_are_those_of_the_challenge():
    assert refusal(scope="read write").scopes == ("read", "write")
    assert refusal().scopes == ()


def test_headers_that_are_ready_are_known_without_waiting_and_others_never():
    class Asked:
        async def headers(self, target, refused=None):
            return SENT

    class Ready(Asked):
        def at_hand(self, target):
            return SENT

    target = Target("POST", None)
    assert (ready(Ready())(target), ready(Asked())(target)) == (SENT, None)
