"""The challenge, the addresses and the documents, as the report shows them."""

import pytest
from oauth_world import (
    AS,
    HONEST,
    MCP,
    METADATA,
    OWN,
    PRM,
    RESOURCE,
    RFC8414,
    ROOT_PRM,
    answering,
    cut_off,
    evidence,
    looked,
    refused,
    served,
    without,
)
from playing import PAGE, answer

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.doctor import login_way, published
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.errors import Unreachable, printable
from mcp_auth_bridge.oauth.challenge import choose_challenge

STATIC = '{ kind = "bearer", token = "env:T" }'


def test_without_a_connection_every_check_is_skipped(tmp_path):
    for look in (published.challenge, published.addresses, published.resource, published.issuer):
        finding = looked(look, evidence(tmp_path, {}, cut_off(Unreachable("down"))))
        assert (finding.outcome, finding.says) == (Outcome.SKIP, "there is no connection to https://mcp.example")


def test_a_challenge_is_shown_with_its_scheme_metadata_scope_and_error(tmp_path):
    field = f'Bearer resource_metadata="{PRM}", scope="a b", error="invalid_token", error_description="none given"'
    finding = looked(published.challenge, evidence(tmp_path, {}, refused(field)))
    assert (finding.outcome, finding.details) == (Outcome.OK, ())
    shown = f"the scheme “bearer”, metadata at “{PRM}”, scope “a b”, error “invalid_token”, saying “none given”"
    assert finding.says == shown


def test_a_challenge_does_not_repeat_the_organisations_headers(tmp_path):
    challenge = choose_challenge(('Bearer error="no-org-4711", error_description="no org-4711", scope="org-4711"',))
    refusal = Refusal(401, challenge, {"x-org": "org-4711"})
    finding = looked(published.challenge, evidence(tmp_path, {}, answering(refusal)))
    assert finding.says == "the scheme “bearer”, scope “…”, error “no-…”, saying “no …”"


def test_a_refusal_without_a_challenge_says_which_header_to_send(tmp_path):
    finding = looked(published.challenge, evidence(tmp_path, {}, refused()))
    assert finding.says.startswith("the refusal, HTTP 401, saying “sign in”, has no WWW-Authenticate header")
    assert finding.details == (f'to send: WWW-Authenticate: Bearer resource_metadata="{PRM}" (RFC 9728 section 5.1)',)
    bare = looked(published.challenge, evidence(tmp_path, {}, refused("Bearer")))
    assert (bare.says, bare.details) == ("the scheme “bearer”", finding.details)


def test_a_challenge_that_no_token_answers_is_named(tmp_path):
    finding = looked(published.challenge, evidence(tmp_path, {}, refused('Basic realm="x"')))
    assert finding.says.startswith("the refusal has no challenge that a token answers, but “basic”")


def test_a_challenge_that_leads_to_another_origin_is_a_warning(tmp_path):
    field = 'Bearer resource_metadata="https://inner.example/prm"'
    finding = looked(published.challenge, evidence(tmp_path, {}, refused(field)))
    assert finding.outcome is Outcome.WARN
    assert "set resource_metadata under auth for this server to https://inner.example/prm" in finding.hint


def test_a_server_that_refuses_nothing_has_no_challenge(tmp_path):
    finding = looked(published.challenge, evidence(tmp_path, {}, served()))
    assert (finding.outcome, finding.says) == (Outcome.SKIP, "the server serves everyone without credentials")


def test_each_address_has_one_line_with_what_it_answers(tmp_path):
    table = {**HONEST, ROOT_PRM: PAGE, OWN: answer(b"Jwt is missing", 401, "text/plain")}
    finding = looked(published.addresses, evidence(tmp_path, table))
    assert (finding.outcome, finding.says) == (Outcome.OK, f"2 of {len(finding.details)} addresses hold metadata")
    assert "/.well-known/oauth-protected-resource: HTTP 200 text/html “App”" in finding.details
    odd = "/.well-known/oauth-authorization-server: HTTP 401 text/plain “Jwt is missing”, which is odd"
    assert f"{odd} for a public document, and harmless" in finding.details
    assert f"{AS}/.well-known/openid-configuration: HTTP 404 text/plain “not found”" in finding.details


def test_addresses_without_metadata_are_a_fault_only_where_a_login_is_needed(tmp_path):
    wanting = looked(published.addresses, evidence(tmp_path, {}, refused()))
    assert wanting.outcome is Outcome.WARN
    assert wanting.says.startswith("none of")
    for more in ({"auth": STATIC}, {"answers": served()}):
        finding = looked(published.addresses, evidence(tmp_path, {}, **more))
        assert finding.outcome is Outcome.OK
        assert "and none is needed" in finding.says


def test_the_resource_s_metadata_are_checked_point_by_point(tmp_path):
    table = {**HONEST, PRM: without(RESOURCE, resource="https://mcp.example", mcp_endpoints=[MCP])}
    finding = looked(published.resource, evidence(tmp_path, table))
    assert finding.outcome is Outcome.OK
    assert finding.says == f"the resource “https://mcp.example”, with logins at “{AS}”"
    place, above, listed = finding.details
    assert place == f"published at {PRM}"
    assert above == (
        "its resource is “https://mcp.example”, above the URL of the MCP server (RFC 9728 section 3.3);"
        f' the bridge accepts it and asks for tokens for it; to publish: "resource": "{MCP}"'
    )
    assert listed.startswith("it lists mcp_endpoints: “[")


def test_a_document_of_another_resource_is_harmless_if_the_next_one_is_right(tmp_path):
    foreign = without(RESOURCE, resource="https://other.example")
    finding = looked(published.resource, evidence(tmp_path, {**HONEST, PRM: foreign, ROOT_PRM: RESOURCE}))
    assert finding.outcome is Outcome.OK
    assert finding.details[1].startswith(f"{PRM}: its resource is “https://other.example”, not {MCP}")
    finding = looked(published.resource, evidence(tmp_path, {**HONEST, PRM: foreign}))
    assert finding.outcome is Outcome.FAIL
    assert finding.says.endswith(f"but its resource is “https://other.example”, not {MCP}")
    assert looked(published.resource, evidence(tmp_path, {**HONEST, PRM: foreign}, auth=STATIC)).outcome is Outcome.OK


def test_without_the_resource_s_metadata_the_server_s_own_host_may_do(tmp_path):
    own = METADATA | {"issuer": "https://mcp.example"}
    finding = looked(published.resource, evidence(tmp_path, {OWN: own}, refused()))
    assert (finding.outcome, finding.says[:14]) == (Outcome.OK, "there are none")
    assert f'to publish at {PRM}: {{"resource": "{MCP}"' in finding.details[0]
    assert looked(published.resource, evidence(tmp_path, {})).outcome is Outcome.SKIP


def test_the_issuer_s_metadata_are_checked_point_by_point(tmp_path):
    finding = looked(published.issuer, evidence(tmp_path, HONEST))
    assert (finding.outcome, finding.details) == (Outcome.OK, ())
    assert finding.says == f"“{AS}”, published at {RFC8414}"
    wrong = {**HONEST, RFC8414: METADATA | {"issuer": "https://b.example"}}
    finding = looked(published.issuer, evidence(tmp_path, wrong))
    assert finding.outcome is Outcome.FAIL
    assert "trusted_issuer" in finding.details[0]
    assert finding.details[0].endswith(f'to publish: "issuer": "{AS}"')


def test_the_metadata_at_the_server_s_own_host_are_checked_where_nothing_else_is_named(tmp_path):
    own = METADATA | {"issuer": "https://mcp.example"}
    finding = looked(published.issuer, evidence(tmp_path, {OWN: own}, refused()))
    assert finding.says == f"“https://mcp.example”, published at {OWN}"
    assert looked(published.issuer, evidence(tmp_path, {}, refused())).outcome is Outcome.SKIP


@pytest.mark.parametrize(
    ("issuer", "table", "said"),
    [
        (AS, {}, "none of its addresses holds metadata"),
        (AS, dict.fromkeys((RFC8414, f"{AS}/.well-known/openid-configuration"), Unreachable("refused")), "refused"),
        ("http://as.example", {}, "https"),
    ],
)
def test_an_issuer_without_metadata_is_a_fault_only_where_a_login_is_needed(issuer, table, said, tmp_path):
    table = {PRM: without(RESOURCE, authorization_servers=[issuer]), **table}
    finding = looked(published.issuer, evidence(tmp_path, table))
    assert finding.outcome is Outcome.FAIL
    assert said in finding.details[0]
    assert looked(published.issuer, evidence(tmp_path, table, auth=STATIC)).outcome is Outcome.OK


HOSTILE = "\x1b[31m\u202e\nverdict: nothing is wrong\u2066"


def test_no_text_of_a_server_can_steer_a_terminal(tmp_path):
    nasty = dict.fromkeys((*RESOURCE, *METADATA, "mcp_endpoints", "resource_parameter_supported"), HOSTILE)
    tables = (
        {PRM: nasty, RFC8414: nasty, OWN: nasty},
        {PRM: RESOURCE | {"resource": f"https://mcp.example/{HOSTILE}"}, RFC8414: METADATA | {"issuer": HOSTILE}},
        {PRM: RESOURCE | {"authorization_servers": [AS, HOSTILE], "scopes_supported": [HOSTILE]}, RFC8414: METADATA},
        {PRM: answer(HOSTILE.encode(), 404, HOSTILE)},
    )
    field = f'Bearer error="{HOSTILE}", scope="{HOSTILE}", resource_metadata="https://x.example/{HOSTILE}"'
    looks = (published.challenge, published.addresses, published.resource, published.issuer)
    for table in tables:
        for answers in (refused(field), refused()):
            for look in (*looks, login_way.discovery, login_way.registration, login_way.endpoints):
                finding = looked(look, evidence(tmp_path, table, answers))
                facts = [fact for each in finding.signs for fact in each.facts.values()]
                for text in (finding.says, finding.hint, *finding.details, *facts):
                    assert printable(text) == text, (look, text)
