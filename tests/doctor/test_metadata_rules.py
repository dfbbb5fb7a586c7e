"""A rule for a document, its deviation, and the words for both."""

from mcp_auth_bridge.doctor.metadata_rules import (
    MetadataRule,
    View,
    Weight,
    check,
    foreign_kind,
    is_acceptable,
    shown,
    unlike,
)
from mcp_auth_bridge.oauth.metadata import ServerMetadata
from mcp_auth_bridge.urls import Purpose, gate

MCP = gate("https://mcp.example/mcp", Purpose.SERVER)


def view(members=None, kind="application/json", issuer=""):
    return View(members or {}, MCP, kind, MCP, issuer=issuer)


def test_a_deviation_names_the_rule_what_the_bridge_does_and_what_to_publish():
    rule = MetadataRule("RFC 1", lambda _: "it is odd", Weight.COPES, "copes", '"a": "{url}", "b": "{issuer}"')
    silent = MetadataRule("RFC 2", lambda _: "", Weight.COPES, "copes")
    [found] = check((silent, rule), view(issuer="https://as.example\x1b"))
    assert str(found) == (
        'it is odd (RFC 1); the bridge copes; to publish: "a": "https://mcp.example/mcp", "b": "https://as.example "'
    )
    [bare] = check((MetadataRule("RFC 2", lambda _: "odd", Weight.TELLS, "copes"),), view())
    assert str(bare) == "odd (RFC 2); the bridge copes"


def test_media_types_shapes_and_urls_are_judged_as_a_login_judges_them():
    assert foreign_kind(view()) == ""
    assert foreign_kind(view(kind="text/plain")) == "its media type is “text/plain”"
    assert foreign_kind(view(kind="")) == "its media type is “not given”"
    assert "token_endpoint" in unlike(ServerMetadata)(view({"issuer": "x"}))
    assert unlike(ServerMetadata)(view({"issuer": "x", "token_endpoint": "y"})) == ""
    assert is_acceptable("https://as.example", Purpose.ISSUER)
    assert not is_acceptable("http://as.example", Purpose.ISSUER)


def test_a_member_is_shown_as_it_was_sent():
    assert shown({"a": [1]}) == '“{"a":[1]}”'


def test_members_of_an_unexpected_type_are_no_members():
    odd = view({"list": ["a", 1], "text": 5})
    assert (odd.strings("list"), odd.string("text"), odd.strings("none")) == (None, "", None)
