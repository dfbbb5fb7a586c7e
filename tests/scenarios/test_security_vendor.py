"""Scenario S1, variant (b): a vendor's server with an organisation's header and a login (security_vendor.py)."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from installed import Bridge
from peer import Peer, scenario
from scenarios.security_vendor import CLAIMS, HEADER, KEY, ORGANISATION
from words import complaint, error, text

OURS = {HEADER: "env:ACME_ORG"}


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Peer]:
    yield from scenario("security_vendor", tmp_path_factory.mktemp("peer"))


@pytest.fixture
def vendor(running) -> Peer:
    running.control(["renew", "reset"])
    return running


@pytest.fixture
def bridge(tmp_path: Path) -> Bridge:
    home = tmp_path / "home"
    home.mkdir(0o700)
    bridge = Bridge(home)
    bridge.environment["ACME_ORG"] = ORGANISATION
    return bridge


def url(vendor) -> str:
    return f"{vendor.about['origin']}/stage7"


def organisations(vendor) -> dict[str, set[str | None]]:
    """The values of the organisation's header that reached each path."""
    seen: dict[str, set[str | None]] = {}
    for request in vendor.control()["requests"]:
        seen.setdefault(request["path"], set()).add(request["headers"].get(HEADER))
    return seen


def refused(bridge) -> tuple[str, str]:
    done = bridge.run("login", "acme")
    assert (done.returncode, bridge.launches) == (7, []), done.stderr
    return complaint(done.stderr)


def test_the_header_is_only_on_mcp_requests_through_the_life_of_a_login(bridge, vendor) -> None:
    bridge.add_server("acme", url(vendor), OURS)
    bridge.login("acme")
    with bridge.stdio("acme") as client:
        client.initialize()
        assert text(client.call("findings")) == "no findings"
        vendor.control(["refuse_tokens"])  # the next call uses a new token
        assert text(client.call("findings")) == "no findings"
        assert (client.close(), client.stderr) == (0, "")
    assert bridge.run("call", "acme", "findings").stdout == "no findings\n"
    assert bridge.run("logout", "acme").returncode == 0
    seen = organisations(vendor)
    assert seen.pop("/stage7") == {ORGANISATION}
    assert {"/oauth/register", "/oauth/authorize", "/oauth/token"} <= set(seen)
    assert set().union(*seen.values()) == {None}


def test_metadata_places_that_answer_401_instead_of_404_are_skipped(bridge, vendor) -> None:
    bridge.add_server("acme", url(vendor), OURS)
    bridge.login("acme")
    asked = [(each["path"], each["status"]) for each in vendor.control()["requests"] if "well-known" in each["path"]]
    assert ("/.well-known/openid-configuration/oauth", 401) in asked
    assert asked[-1] == ("/oauth/.well-known/openid-configuration", 200)


def test_a_login_with_the_header_on_the_command_line_works_too(bridge, vendor) -> None:
    browser = ("--browser-command", bridge.browser_command)
    bridge.add_server("other", "https://mcp.example/")  # the sealing key is in the file
    header = ("--header", f"{HEADER}: env:ACME_ORG")
    done = bridge.run("login", url(vendor), *header, *browser)
    assert done.returncode == 0, done.stderr
    done = bridge.run("call", url(vendor), "findings", *header)
    assert (done.returncode, done.stdout) == (0, "no findings\n"), done.stderr


MISSING = (
    f"the server also takes the header {HEADER}, which is not sent: if it needs that, add --header '{HEADER}: …' to the"
    f' command, or headers = {{ "{HEADER}" = "…" }} to the server\'s table; otherwise '
)


def test_without_the_header_the_login_names_it_before_and_after_the_browser(bridge, vendor) -> None:
    bridge.add_server("acme", url(vendor))
    done = bridge.run("login", "acme")
    sentence, hint = complaint(done.stderr)
    assert done.returncode == 7
    assert "HTTP 403" in sentence
    assert hint.startswith(MISSING)
    assert hint.endswith("; to find the cause, run: mcp-auth-bridge doctor acme")
    assert done.stderr.count(f"it also takes the header {HEADER}, which is not sent\n") == 1


def test_without_the_header_and_without_a_login_the_error_names_it(bridge, vendor) -> None:
    vendor.control(["closed"])
    bridge.add_server("acme", url(vendor))
    sentence, hint = refused(bridge)
    assert "publishes no OAuth metadata" in sentence
    assert "RBAC: access denied" in sentence
    assert hint.startswith(MISSING)


@pytest.mark.parametrize("state", ["closed", "accepting"])
def test_without_the_header_each_command_names_it_and_how_to_send_it(bridge, vendor, state) -> None:
    vendor.control([state])
    bridge.environment["ACME_TOKEN"] = jwt.encode(CLAIMS, KEY, "HS256")
    auth = 'kind = "bearer", token = "env:ACME_TOKEN"'
    doctor = f"mcp-auth-bridge doctor {url(vendor)} --auth '{auth}'"
    for arguments in (("tools", url(vendor)), ("call", url(vendor), "findings")):
        done = bridge.run(*arguments, "--auth", auth)
        sentence, hint = complaint(done.stderr)
        assert done.returncode == (7 if state == "closed" else 13)
        assert ("RBAC: access denied" if state == "closed" else "Jwt issuer is not configured") in sentence
        assert hint.startswith(MISSING)
        assert hint.endswith(f"; to find the cause, run: {doctor}")
    bridge.add_server("acme", url(vendor), **{"auth.kind": "bearer", "auth.token": "env:ACME_TOKEN"})
    with bridge.stdio("acme", "--headless") as client:
        told = error(client.initialize())
        client.close()
    assert told["data"]["action"].startswith(MISSING)
    assert told["data"]["missing_header"] == HEADER
    assert told["data"]["action"].endswith("run: mcp-auth-bridge doctor acme")


def test_a_token_reference_and_the_header_are_enough_after_the_fix(bridge, vendor) -> None:
    vendor.control(["accepting"])
    bridge.environment["ACME_TOKEN"] = jwt.encode(CLAIMS, KEY, "HS256")
    bridge.add_server("acme", url(vendor), OURS, **{"auth.kind": "bearer", "auth.token": "env:ACME_TOKEN"})
    with bridge.stdio("acme") as client:
        client.initialize()
        assert text(client.call("findings")) == "no findings"
        assert (client.close(), client.stderr) == (0, "")
    given = ("--header", f"{HEADER}: env:ACME_ORG", "--auth", 'kind = "bearer", token = "env:ACME_TOKEN"')
    done = bridge.run("call", url(vendor), "findings", *given)
    assert (done.returncode, done.stdout) == (0, "no findings\n"), done.stderr
    assert organisations(vendor) == {"/stage7": {ORGANISATION}}


def test_a_firewall_before_the_registration_is_distinguished_from_a_refusal(bridge, vendor) -> None:
    vendor.control(["walled"])
    bridge.add_server("acme", url(vendor), OURS)
    sentence, hint = refused(bridge)
    origin = vendor.about["origin"]
    assert sentence.startswith(f"{origin} answered the registration of this bridge as a client with HTTP 403 and a web")
    assert hint


def test_a_firewall_before_the_token_endpoint_costs_no_login_and_is_reported(bridge, vendor) -> None:
    bridge.add_server("acme", url(vendor), OURS)
    bridge.login("acme")
    vendor.control(["refuse_tokens", "walled"])
    with bridge.stdio("acme") as client:
        client.initialize()
        failed = client.call("findings")
        assert "HTTP 403 and a web page" in str(failed)
        vendor.control(["renew"])
    status = bridge.run("status")
    assert "signed in" in status.stdout


def test_before_the_fix_the_login_error_names_each_place_that_was_tried(bridge, vendor) -> None:
    vendor.control(["closed"])
    bridge.add_server("acme", url(vendor), OURS)
    sentence, hint = refused(bridge)
    origin = vendor.about["origin"]
    assert sentence.startswith(f"{origin} publishes no OAuth metadata")
    assert f"{origin}/.well-known/openid-configuration: HTTP 401" in hint
    assert f"{origin}/.well-known/oauth-protected-resource/stage7: HTTP 404" in hint


def test_before_the_fix_the_refused_token_of_the_other_api_is_explained_by_its_issuer(bridge, vendor) -> None:
    vendor.control(["closed"])
    bridge.environment["ACME_TOKEN"] = jwt.encode(CLAIMS, KEY, "HS256")
    bridge.add_server("acme", url(vendor), OURS, **{"auth.kind": "bearer", "auth.token": "env:ACME_TOKEN"})
    with bridge.stdio("acme", "--headless") as client:
        told = error(client.initialize())
        assert (client.close(), told["data"]["code"]) == (13, "unknown_issuer")
    assert "its issuer is “Vendor”, which the server does not know" in told["message"]


# The examination

HEADER_STEP = (
    f'add --header \'{HEADER}: …\' to the command, or the line headers = {{ "{HEADER}" = "…" }} to the server\'s table'
    " in the configuration, with your organisation's value"
)
AUDIENCE = CLAIMS["aud"]
REPLACE = "replace the token, which comes from the environment variable ACME_TOKEN"


def examined(bridge) -> tuple[str, str, str, dict[str, dict[str, Any]]]:
    """The verdict of `doctor`, and the findings about the credential."""
    done = bridge.run("doctor", "acme", "--json")
    report = json.loads(done.stdout)
    verdict = report["verdict"]
    assert done.returncode == (0 if verdict["blame"] == "nothing" else 16), done.stderr
    assert bridge.environment["ACME_TOKEN"] not in done.stdout
    findings = {each["check"]: each for each in report["findings"] if each["section"] == "credential"}
    return verdict["blame"], verdict["sentence"], verdict["step"], findings


@pytest.fixture
def holding(bridge, vendor) -> Any:
    """Returns a function that configures the token, with `claims`, and `headers`, at a vendor in a state."""

    def hold(state: str, headers: dict[str, str] | None, **claims: Any) -> None:
        vendor.control(["renew", *([] if state == "published" else [state])])
        bridge.environment["ACME_TOKEN"] = jwt.encode({**CLAIMS, **claims}, KEY, "HS256")
        bridge.add_server("acme", url(vendor), headers, **{"auth.kind": "bearer", "auth.token": "env:ACME_TOKEN"})

    return hold


def test_doctor_answers_what_is_in_the_token_and_whose_fault_it_is(bridge, vendor, holding) -> None:
    holding("closed", OURS, exp=int(time.time()) + 3130)
    blame, sentence, step, findings = examined(bridge)
    assert blame == "you"
    assert sentence == f"the token was made for another service, {AUDIENCE}, and acme does not accept it"
    assert step == (
        f"get a token that was made for {url(vendor)}, then {REPLACE}; if its operator says that this one should work,"
        " send the text that this prints: mcp-auth-bridge doctor acme --for-operator"
    )
    assert findings["token"]["says"].startswith("a JWT of “Vendor”, valid for 52 more minutes (until ")
    issuer, audience, expiry, scopes = findings["token"]["details"]
    assert issuer == "iss “Vendor”: who made the token; the server does not say whom it trusts"
    assert audience == f"aud “{AUDIENCE}”: another service, and not “{url(vendor)}”"
    assert expiry.startswith("exp: valid for 52 more minutes (until ")
    assert scopes == "scope “read:data read:platform”"
    assert findings["kind"]["details"] == [f"the header {HEADER}, from the environment variable ACME_ORG"]


def test_doctor_names_the_missing_header_before_any_guess_about_the_token(bridge, holding) -> None:
    for state, words in (("closed", "RBAC: access denied"), ("accepting", "Jwt issuer is not configured")):
        holding(state, None)
        blame, sentence, step, _ = examined(bridge)
        assert (blame, step) == ("you", HEADER_STEP)
        assert HEADER in sentence
        assert words in sentence


def test_doctor_names_an_expired_token_before_the_header(bridge, holding) -> None:
    holding("accepting", None, exp=int(time.time()) - 3 * 86400 - 60)
    blame, sentence, step, _ = examined(bridge)
    assert (blame, step) == ("you", REPLACE)
    assert sentence.startswith("the token for acme expired 3 days ago (")


def test_doctor_leads_from_a_token_of_another_service_to_the_login_that_the_server_offers(bridge, holding) -> None:
    holding("published", OURS)
    blame, sentence, step, _ = examined(bridge)
    assert blame == "you"
    assert sentence.endswith(f"another service, {AUDIENCE}, and acme does not accept it, but offers a login")
    assert step == "remove auth from [servers.acme], then run: mcp-auth-bridge login acme"
    holding("walled", OURS)
    assert examined(bridge)[2].startswith("get a token that was made for ")


def test_doctor_finds_nothing_wrong_after_the_fix(bridge, holding) -> None:
    holding("accepting", OURS)
    blame, _, _, findings = examined(bridge)
    assert blame == "nothing"
    assert findings["acceptance"]["says"] == "the server accepts it"


def test_doctor_finds_a_login_that_is_refused_and_changes_nothing(bridge, vendor) -> None:
    bridge.environment["ACME_TOKEN"] = "not used"
    bridge.add_server("acme", url(vendor), OURS)
    bridge.login("acme")
    assert examined(bridge)[0] == "nothing"
    vendor.control(["refuse_tokens", "reset"])
    records = {path: path.read_bytes() for path in (bridge.home / "records").rglob("*") if path.is_file()}
    blame, sentence, step, _ = examined(bridge)
    assert blame == "unknown"
    assert sentence.startswith(
        "acme refuses the token of your login, saying “Jwt issuer is not configured”; it is opaque"
    )
    assert step.endswith("log in again if that does not help: mcp-auth-bridge tools acme")
    posted = [each["path"] for each in vendor.control()["requests"] if each["http"] == "POST"]
    assert "/oauth/register" not in posted
    assert {path: path.read_bytes() for path in (bridge.home / "records").rglob("*") if path.is_file()} == records
    assert bridge.run("tools", "acme").returncode == 0
    assert examined(bridge)[0] == "nothing"
