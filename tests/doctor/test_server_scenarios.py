"""The checks of the server at the scenario servers S1, S2 and S5: header, JSON-RPC refusal, older transport, paths."""

from collections.abc import Iterator

import pytest
from examining import evidence_of, examined
from peer import Peer, scenario
from pooling import story
from scenarios.internal_platform import API_KEYS

from mcp_auth_bridge.doctor.finding import Outcome, Section
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    yield from scenario("security_vendor", tmp_path_factory.mktemp("vendor"))


@pytest.fixture(scope="module")
def web_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    yield from scenario("grown_web_app", tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    yield from scenario("internal_platform", tmp_path_factory.mktemp("platform"), "--refusal", "message")


async def look(tmp_path, peer, path, *auth, **more):
    return await examined(evidence_of(tmp_path, f"{peer.about['origin']}{path}", *auth, **more), Section.SERVER)


@story
async def test_s1_the_header_that_options_names_is_the_next_step(vendor, tmp_path):
    findings, verdict = await look(tmp_path, vendor, "/stage7")
    assert findings["no credential"].outcome is Outcome.FAIL
    assert verdict.blame is Blame.YOU
    assert "--header 'acme-com-org: …'" in verdict.step
    findings, verdict = await look(tmp_path, vendor, "/stage7", more='headers = { "acme-com-org" = "org-4711" }')
    assert [each.symptom for each in findings["no credential"].signs] == [Symptom.WANTS_CREDENTIALS]
    assert [line.partition(": HTTP")[0] for line in findings["no credential"].details] == [
        "POST initialize",
        "POST initialize with the organisation's headers",
    ]


@story
async def test_s2_a_refusal_in_json_rpc_is_told_and_a_key_shows_what_there_is(platform, tmp_path):
    findings, _ = await look(tmp_path, platform, "/mcp")
    assert [each.symptom for each in findings["no credential"].signs] == [Symptom.WANTS_CREDENTIALS]
    assert "only after it has opened a session" in findings["no credential"].says
    assert findings["content"].says == "it needs credentials for that"
    key = f'{{ kind = "headers", headers = {{ "X-API-Key" = "{API_KEYS[0]}" }} }}'
    findings, verdict = await look(tmp_path, platform, "/mcp", key)
    assert findings["credential"].says == "it accepts the credential"
    assert findings["content"].outcome is Outcome.OK
    assert API_KEYS[0] not in repr((findings, verdict))
    wrong = '{ kind = "headers", headers = { "X-API-Key" = "key-of-nobody" } }'
    findings, _ = await look(tmp_path, platform, "/mcp", wrong)
    assert [each.symptom for each in findings["credential"].signs] == [Symptom.REFUSES_CREDENTIAL]


@story
async def test_s5_the_older_transport_asks_for_credentials_at_its_stream(web_app, tmp_path):
    web_app.control(["challenge"])
    findings, _ = await look(tmp_path, web_app, "/mcp/sse")
    found = findings["no credential"]
    assert found.says == "it asks for credentials at its stream (HTTP 401, saying “No authorization provided”)"
    assert [each.symptom for each in found.signs] == [Symptom.WANTS_CREDENTIALS]
    web_app.control(["bare"])
    findings, _ = await look(tmp_path, web_app, "/mcp/sse")
    assert {each.symptom for each in findings["no credential"].signs} == {
        Symptom.WANTS_CREDENTIALS,
        Symptom.NO_CHALLENGE,
    }


@story
async def test_s5_the_endpoints_that_the_metadata_list_are_the_next_step(web_app, tmp_path):
    web_app.control(["resource_metadata"])
    findings, verdict = await look(tmp_path, web_app, "/mcp")
    origin = web_app.about["origin"]
    assert findings["no credential"].hint == f"it speaks MCP at {origin}/mcp/mcp, {origin}/mcp/sse"
    assert (verdict.blame, verdict.step.endswith(f" with {origin}/mcp/mcp")) == (Blame.YOU, True)
