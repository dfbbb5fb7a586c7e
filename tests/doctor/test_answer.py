"""What an answer says about itself."""

import pytest
from answering import answer, cut, garbled, refusing, silence, unsent, welcomed

from mcp_auth_bridge.doctor.answer import Question, without_query
from mcp_auth_bridge.relay.own_handshake import INITIALIZE


@pytest.mark.parametrize(
    ("given", "unsent_", "silent", "cut_off"),
    [
        (unsent(), True, False, False),
        (silence(), False, True, False),
        (cut(), False, False, True),
        (garbled(), False, False, False),
        (answer(500), False, False, False),
        (refusing(), False, False, False),
    ],
)
def test_an_answer_without_a_response_tells_how_far_the_request_came(given, unsent_, silent, cut_off):
    assert (given.is_unsent, given.is_silence, given.is_cut) == (unsent_, silent, cut_off)


def test_the_first_line_is_the_first_that_is_not_empty_and_is_quoted():
    assert answer(500, "\n  \n oh\x1b[31m no \nmore").first_line == "“oh [31m no”"
    assert answer(500).first_line == ""


def test_fields_are_looked_up_by_their_names_in_lower_case():
    given = answer(200, "{}", "Application/JSON; charset=utf-8", fields={"server": "far"})
    assert (given.kind, given.field("server"), given.field("via")) == ("application/json", "far", "")


def test_only_a_result_is_a_result():
    assert welcomed({"a": 1}).result == b'{"a":1}'
    assert answer(200).result is None


def test_a_question_is_named_by_its_verb_and_its_method():
    assert (str(Question("POST", INITIALIZE)), str(Question("GET"))) == ("POST initialize", "GET")


def test_a_location_is_shown_without_its_query():
    assert without_query("https://sso.example/login?state=1#x") == "https://sso.example/login"
