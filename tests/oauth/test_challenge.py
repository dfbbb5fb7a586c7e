"""`WWW-Authenticate` as servers write it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_auth_bridge.oauth.challenge import HEADER_LIMIT, Challenge, choose_challenge, parse_challenges

METADATA = "https://mcp.example/.well-known/oauth-protected-resource/mcp"


def told(*fields):
    return [(challenge.scheme, dict(challenge.parameters)) for challenge in parse_challenges(fields)]


@pytest.mark.parametrize(
    ("field", "challenges"),
    [
        ("", []),
        (" , ,", []),
        ("Bearer", [("bearer", {})]),
        ('Bearer realm="mcp"', [("bearer", {"realm": "mcp"})]),
        ('BEARER Error="Invalid_Token"', [("bearer", {"error": "Invalid_Token"})]),
        (
            f'Bearer resource_metadata="{METADATA}", scope="a b"',
            [("bearer", {"resource_metadata": METADATA, "scope": "a b"})],
        ),
        ('Bearer a="x",b="y"', [("bearer", {"a": "x", "b": "y"})]),
        ('Bearer a = "x" , b= y', [("bearer", {"a": "x", "b": "y"})]),
        ('Bearer realm="a, Basic b=\\"c\\"", error=x', [("bearer", {"realm": 'a, Basic b="c"', "error": "x"})]),
        ('Bearer a="\\\\"', [("bearer", {"a": "\\"})]),
        ('Bearer a=""', [("bearer", {"a": ""})]),
        ('Basic realm="x", Bearer error="y"', [("basic", {"realm": "x"}), ("bearer", {"error": "y"})]),
        ('Bearer error="y", Basic realm="x"', [("bearer", {"error": "y"}), ("basic", {"realm": "x"})]),
        ("Negotiate, Bearer a=b", [("negotiate", {}), ("bearer", {"a": "b"})]),
        ("Negotiate YWJj==, Bearer a=b", [("negotiate", {}), ("bearer", {"a": "b"})]),
        ('DPoP algs="ES256 RS256", Bearer a=b', [("dpop", {"algs": "ES256 RS256"}), ("bearer", {"a": "b"})]),
        # Servers write these: no comma between parameters, and unquoted values that are not tokens.
        ('Bearer a="x" b="y"', [("bearer", {"a": "x", "b": "y"})]),
        (f"Bearer resource_metadata={METADATA}", [("bearer", {"resource_metadata": METADATA})]),
        ("Bearer scope=mcp:read, error=x", [("bearer", {"scope": "mcp:read", "error": "x"})]),
        # The first of two parameters with one name counts; a second may be injected.
        ('Bearer a="1", A="2"', [("bearer", {"a": "1"})]),
        # Unreadable parts are skipped, never guessed.
        ('Bearer a="never closed', [("bearer", {})]),
        ('Bearer ok=1, a="never closed', [("bearer", {"ok": "1"})]),
    ],
)
def test_a_field_is_parsed_into_its_challenges(field, challenges):
    assert told(field)[: len(challenges)] == challenges


def test_the_challenges_of_several_fields_keep_their_order():
    assert told("Basic realm=x", "Bearer a=b") == [("basic", {"realm": "x"}), ("bearer", {"a": "b"})]


def test_the_first_bearer_challenge_is_chosen_and_dpop_only_without_one():
    assert choose_challenge(["Basic realm=x", 'DPoP algs="ES256"', "Bearer a=b"]).parameters == {"a": "b"}
    assert choose_challenge(["Basic realm=x", 'DPoP algs="ES256"']).scheme == "dpop"
    assert choose_challenge(["Basic realm=x"]) is None
    assert choose_challenge([]) is None


@pytest.mark.plays("Cloudflare Access")
@pytest.mark.parametrize("others", [[], ["Basic realm=x"], ["Negotiate"]])
def test_metadata_may_be_named_by_a_challenge_of_any_scheme(others):
    """RFC 9728 section 5.1; Cloudflare Access (junior #832)."""
    found = choose_challenge([*others, f'Cloudflare-Access resource_metadata="{METADATA}"'])
    assert (found.scheme, found.resource_metadata) == ("cloudflare-access", METADATA)


def test_the_bearer_challenge_takes_over_the_metadata_url_of_another_scheme_unless_it_has_its_own():
    named = f'Cloudflare-Access resource_metadata="{METADATA}"'
    merged = choose_challenge([named, 'Bearer error="invalid_token", scope="read"'])
    assert (merged.scheme, merged.error, merged.scopes) == ("bearer", "invalid_token", ("read",))
    assert merged.resource_metadata == METADATA
    assert (
        choose_challenge([named, "Bearer resource_metadata=https://own.example/x"]).resource_metadata
        == "https://own.example/x"
    )


def test_a_challenge_without_parameters_has_empty_values():
    bare = Challenge("bearer")
    assert (bare.error, bare.scopes, bare.resource_metadata) == ("", (), "")


def test_each_scope_of_a_challenge_counts_once():
    assert Challenge("bearer", {"scope": "read  write read"}).scopes == ("read", "write")


def test_nothing_beyond_the_limit_is_read():
    [challenge] = parse_challenges(["Bearer a=b" + " " * HEADER_LIMIT + ", late=c"])
    assert challenge.parameters == {"a": "b"}


@given(st.lists(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1")))))
@example(['a="' * 2000])
@example(["Bearer " + "a=" * 4000])
@example(["\\" * 8192])
def test_parsing_never_raises_and_never_invents_a_value(fields):
    for challenge in parse_challenges(fields):
        assert challenge.scheme == challenge.scheme.lower()
        for value in challenge.parameters.values():
            assert any(value in field.replace("\\", "") or value in field for field in fields) or "\\" in "".join(
                fields
            )


TOKENS = st.text("abcdefghijklmnopqrstuvwxyz-_.", min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@given(st.lists(st.tuples(TOKENS, st.dictionaries(TOKENS, VALUES, min_size=1, max_size=4)), max_size=4))
def test_well_formed_challenges_are_read_back(challenges):
    def quote(value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    written = ", ".join(
        f"{scheme} " + ", ".join(f"{name}={quote(value)}" for name, value in parameters.items())
        for scheme, parameters in challenges
    )
    assert told(written) == challenges
