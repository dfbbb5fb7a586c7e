"""The ways to write down a flag of another bridge."""

from mcp_auth_bridge.clients.migration.rival import Effect, Kind, impossible, needless, setting, switch


def test_a_setting_takes_its_value_from_the_word_after_it_and_a_switch_has_it():
    assert (setting("a", "b").place, setting("a").words, setting("a", kind=Kind.NUMBER).kind) == (
        *(("a", "b"), 1),
        Kind.NUMBER,
    )
    assert (switch("a").value, switch("a").words, switch("a", value="off").value) == (True, 0, "off")


def test_what_is_left_out_or_refused_says_why():
    assert (needless("is not needed").effect, needless("x", 1).words) == (Effect.NOTHING, 1)
    assert (impossible("is unknown").effect, impossible("is unknown").because) == (Effect.REFUSAL, "is unknown")
