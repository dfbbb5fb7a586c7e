"""What `doctor` says of the OAuth of S1 and S5, in every variant: the verdict, and the text for the operator."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import Bridge
from peer import Peer, scenario
from scenarios.security_vendor import HEADER, ORGANISATION

WORKING = ("server_metadata", "resource_metadata", "challenge", "audience")


@pytest.fixture(scope="module")
def app_running(tmp_path_factory) -> Iterator[Peer]:
    yield from scenario("grown_web_app", tmp_path_factory.mktemp("peer"))


@pytest.fixture(scope="module")
def vendor_running(tmp_path_factory) -> Iterator[Peer]:
    yield from scenario("security_vendor", tmp_path_factory.mktemp("peer"))


@pytest.fixture
def app(app_running) -> Peer:
    app_running.control(["renew", "reset"])
    return app_running


@pytest.fixture
def vendor(vendor_running) -> Peer:
    vendor_running.control(["renew", "reset"])
    return vendor_running


@pytest.fixture
def bridge(tmp_path: Path) -> Bridge:
    home = tmp_path / "home"
    home.mkdir(0o700)
    bridge = Bridge(home)
    bridge.environment["ACME_ORG"] = ORGANISATION
    return bridge


def examined(bridge, peer, path, headers=None):
    """The verdict, and the findings of the section by their names."""
    bridge.add_server("acme", f"{peer.about['origin']}{path}", headers)
    done = bridge.run("doctor", "acme", "--json")
    report = json.loads(done.stdout)
    lines = {line["check"]: line for line in report["findings"] if line["section"] == "oauth"}
    return report["verdict"], lines


def for_operator(bridge):
    return bridge.run("doctor", "acme", "--for-operator").stdout


def sent(peer) -> set[tuple[str, str]]:
    return {(each["http"], each["path"]) for each in peer.control()["requests"]}


def test_a_bare_app_is_told_which_header_to_send_and_which_documents_to_publish(bridge, app) -> None:
    verdict, lines = examined(bridge, app, "/mcp/mcp")
    origin = app.about["origin"]
    assert verdict["blame"] == "server"
    assert "wants credentials, but does not say where to log in" in verdict["sentence"]
    assert verdict["step"].endswith("mcp-auth-bridge doctor acme --for-operator")
    text = for_operator(bridge)
    place = f"{origin}/.well-known/oauth-protected-resource/mcp/mcp"
    assert f'WWW-Authenticate: Bearer resource_metadata="{place}"' in text
    assert f'{{"resource": "{origin}/mcp/mcp", "authorization_servers": ["https://AUTH.EXAMPLE"]}}' in text
    assert '"code_challenge_methods_supported": ["S256"]' in text
    assert len(lines["addresses"]["details"]) == 7
    assert all(": HTTP 404 text/" in line for line in lines["addresses"]["details"])


@pytest.mark.parametrize("stage", WORKING)
@pytest.mark.parametrize("path", ["/mcp/mcp", "/mcp/sse"])
def test_each_workable_stage_is_one_login_away_and_its_deviations_are_named(bridge, app, stage, path) -> None:
    app.control([stage])
    verdict, lines = examined(bridge, app, path)
    assert verdict["blame"] == "you"
    assert verdict["step"] == "run: mcp-auth-bridge login acme"
    assert {line["outcome"] for line in lines.values()} <= {"ok", "skip"}
    details = "\n".join(detail for line in lines.values() for detail in line["details"])
    assert "resource_parameter_supported" in details
    assert ("to send: WWW-Authenticate" in details) == (stage in ("server_metadata", "resource_metadata"))
    assert ("to publish at" in details) == (stage == "server_metadata")
    assert ("above the URL of the MCP server (RFC 9728 section 3.3)" in details) == (stage != "server_metadata")
    assert ("which the bridge follows (HTTP 307)" in details) == (stage == "audience")
    assert not {place for verb, place in sent(app) if verb == "POST"} & {"/register", "/api/oauth/register"}


def test_an_app_without_a_challenge_says_so_and_a_login_still_works(bridge, app) -> None:
    app.control(["server_metadata"])
    _, lines = examined(bridge, app, "/mcp/mcp")
    assert "has no WWW-Authenticate header" in lines["challenge"]["says"]
    bridge.login("acme")


def test_a_vendor_before_its_fix_publishes_nothing_and_401_at_its_addresses_is_harmless(bridge, vendor) -> None:
    vendor.control(["closed"])
    verdict, lines = examined(bridge, vendor, "/stage7", {HEADER: "env:ACME_ORG"})
    assert verdict["blame"] == "server"
    assert "does not say where to log in" in verdict["sentence"]
    odd = "/.well-known/openid-configuration: HTTP 401 text/plain “Jwt is missing”, which is odd for a public document"
    assert f"{odd}, and harmless" in lines["addresses"]["details"]


def test_a_vendor_behind_a_firewall_is_told_which_requests_have_to_pass(bridge, vendor) -> None:
    vendor.control(["walled"])
    verdict, lines = examined(bridge, vendor, "/stage7", {HEADER: "env:ACME_ORG"})
    assert verdict["blame"] == "authorization_server"
    assert "answers programs with a web page (HTTP 403) in place of the token endpoint" in verdict["sentence"]
    assert lines["discovery"]["outcome"] == "ok"
    assert f"{vendor.about['origin']}/oauth/token" in for_operator(bridge)


def test_a_vendor_that_publishes_its_oauth_is_one_login_away_and_gets_no_organisation_at_its_login(
    bridge, vendor
) -> None:
    verdict, lines = examined(bridge, vendor, "/stage7", {HEADER: "env:ACME_ORG"})
    assert (verdict["blame"], verdict["step"]) == ("you", "run: mcp-auth-bridge login acme")
    assert {line["outcome"] for line in lines.values()} == {"ok", "skip"}
    assert not [each for each in vendor.control()["requests"] if "oauth" in each["path"] and HEADER in each["headers"]]


def test_without_the_organisation_s_header_the_missing_metadata_are_not_blamed(bridge, vendor) -> None:
    vendor.control(["closed"])
    verdict, _ = examined(bridge, vendor, "/stage7")
    assert "does not say where to log in" not in verdict["sentence"]
