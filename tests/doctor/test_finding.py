"""The finding of a check: its outcome, its sentence, and the signs in it."""

import pytest

from mcp_auth_bridge.doctor.finding import Finding, Outcome, Sign, fail, ok, sign, sign_of, skip, warn
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import ConfigError

NO_LOGIN = Sign(Symptom.NO_LOGIN)


def test_each_outcome_is_made_of_its_parts():
    assert ok("fine", NO_LOGIN, details=("a",)) == Finding(Outcome.OK, "fine", "", ("a",), (NO_LOGIN,))
    assert warn("odd", "look", NO_LOGIN) == Finding(Outcome.WARN, "odd", "look", (), (NO_LOGIN,))
    assert fail("broken", "mend", details=("b",)) == Finding(Outcome.FAIL, "broken", "mend", ("b",))
    assert skip("not known") == Finding(Outcome.SKIP, "not known")


def test_a_sign_has_exactly_the_facts_of_its_symptom():
    assert sign(Symptom.NAME_UNKNOWN, host="far.example") == Sign(Symptom.NAME_UNKNOWN, {"host": "far.example"})
    with pytest.raises(TypeError, match="needs the facts host"):
        sign(Symptom.NAME_UNKNOWN)
    with pytest.raises(TypeError, match="needs the facts none"):
        sign(Symptom.NO_LOGIN, host="x")


def test_an_error_becomes_the_facts_of_a_sign():
    made = sign_of(Symptom.SERVER_UNKNOWN, ConfigError("there is no x", "did you mean y?"))
    assert made == Sign(Symptom.SERVER_UNKNOWN, {"error": "there is no x", "hint": "did you mean y?"})
