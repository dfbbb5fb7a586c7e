"""The explanation of a key."""

from mcp_auth_bridge.reference.key_text import KeyText


def test_an_explanation_ends_with_its_unit():
    assert KeyText("How long.", "1.0", "seconds").whole == "How long. In seconds."
    assert KeyText("Whether.", "true").whole == "Whether."
