"""What `doctor` says in S2 and S4: whose fault, the cause, and the next step."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import Bridge
from peer import SUPPORT, TESTS, Peer, scenario
from scenarios.internal_platform import API_KEYS, CLIENT, CLIENT_SECRET, RESOURCE
from scenarios.ticketing import PASSWORD


@pytest.fixture(scope="module", params=[(), ("--refusal", "message"), ("--refusal", "message", "--sse")], ids=" ".join)
def running(request, tmp_path_factory) -> Iterator[Peer]:
    yield from scenario("internal_platform", tmp_path_factory.mktemp("peer"), *request.param)


@pytest.fixture
def platform(running) -> Peer:
    running.control(["renew", "reset"])
    return running


@pytest.fixture
def bridge(tmp_path: Path) -> Bridge:
    home = tmp_path / "home"
    home.mkdir(0o700)
    return Bridge(home)


def says(bridge, blame: str, sentence: str = "nothing is wrong", step: str = "") -> None:
    """Asserts the verdict on the only server; `sentence` and `step` are regular expressions."""
    verdict = json.loads(bridge.run("doctor", "--json").stdout)["verdict"]
    assert verdict["blame"] == blame, verdict
    assert re.search(sentence, verdict["sentence"]), verdict
    assert re.search(step, verdict["step"]), verdict


def configured(bridge, url: str, auth: str, more: str = "") -> None:
    text = f"{bridge.store}\n[servers.files]\nurl = {json.dumps(url)}\nauth = {{ {auth} }}\n{more}\n"
    (bridge.home / "config.toml").write_text(text)


def test_an_api_key_that_works_is_no_fault_and_a_wrong_one_is_to_be_replaced(bridge, platform) -> None:
    configured(bridge, platform.url, 'kind = "headers", headers = { X-API-Key = "env:FILES_KEY" }')
    bridge.environment["FILES_KEY"] = API_KEYS[0]
    says(bridge, "nothing")
    bridge.environment["FILES_KEY"] = "a-key-of-last-year"
    says(bridge, "unknown", r"files refuses the header X-API-Key, saying “.*”; it is a key", "variable FILES_KEY")


def test_a_resource_that_is_a_urn_is_the_server_s_fault_and_one_line_helps(bridge, platform) -> None:
    bridge.add_server("files", platform.url)
    says(bridge, "server", f"another resource, “{RESOURCE}”", f'resource = "{RESOURCE}" under auth')


def test_a_machine_is_well_before_and_after_its_first_token(bridge, platform) -> None:
    bridge.environment["FILES_SECRET"] = CLIENT_SECRET
    client = f'client_id = "{CLIENT}", client_secret = "env:FILES_SECRET"'
    auth = f'kind = "client_credentials", issuer = "{platform.about["origin"]}", {client}, resource = "{RESOURCE}"'
    configured(bridge, platform.url, auth)
    says(bridge, "nothing")
    assert bridge.run("tools", "files").returncode == 0
    says(bridge, "nothing")
    platform.control(["lock_out"])
    says(
        bridge, "unknown", "files refuses the token obtained by client_credentials", "check resource, audience, scopes"
    )


@pytest.fixture(scope="module")
def ticketing(tmp_path_factory) -> Iterator[Peer]:
    peer = Peer(
        [sys.executable, str(TESTS / "scenarios/ticketing.py"), "serve"], tmp_path_factory.mktemp("peer") / "log"
    )
    yield peer
    peer.stop()


def test_a_command_that_prints_a_token_is_run_and_its_last_words_are_told(bridge, ticketing) -> None:
    command = f"{sys.executable} {TESTS / 'scenarios/ticketing.py'} token {ticketing.about['origin']}"
    passed = 'pass_environment = ["TICKETS_PASSWORD", "PYTHONPATH"]'
    configured(bridge, ticketing.url, f'kind = "bearer", token = "command:{command}", resource = "tickets"', passed)
    bridge.environment |= {"TICKETS_PASSWORD": PASSWORD, "PYTHONPATH": str(SUPPORT)}
    says(bridge, "nothing")
    bridge.environment["TICKETS_PASSWORD"] = "wrong"
    says(bridge, "you", "the token of files cannot be read: the command .* HTTP Error 403", "run it in a terminal")
