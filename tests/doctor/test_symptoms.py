"""The symptoms: each has a name and facts that a program can rely on."""

import re

from mcp_auth_bridge.doctor.symptoms import Symptom


def test_each_name_is_that_of_the_symptom_in_lower_case():
    assert [each.value for each in Symptom] == [each.name.lower() for each in Symptom]


def test_the_facts_of_a_symptom_are_words_and_none_is_there_twice():
    assert Symptom.NAME_UNKNOWN.facts == ("host",)
    assert Symptom.NO_LOGIN.facts == ()
    for each in Symptom:
        assert len({*each.facts}) == len(each.facts)
        assert all(re.fullmatch(r"[a-z_]+", fact) for fact in each.facts)
