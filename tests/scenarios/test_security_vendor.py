"""Scenario S1, variant (b): a vendor's server with an organisation's header and a login (security_vendor.py)."""

from collections.abc import Iterator
from pathlib import Path

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
