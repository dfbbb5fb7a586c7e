"""Scenario S2: resource servers that accept a JWT or an API key, with two kinds of refusal (internal_platform.py)."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import Bridge
from peer import Peer, scenario
from peers.keyring_session import keyring_session
from scenarios.internal_platform import API_KEYS, CLIENT, CLIENT_SECRET, RESOURCE
from words import error, text

MONDAY, TUESDAY = API_KEYS
WAYS = {
    "HTTP 401": [],
    "a message": ["--refusal", "message"],
    "a message in a stream": ["--refusal", "message", "--sse"],
}


@pytest.fixture(
    scope="module",
    params=[*(pytest.param(way, marks=pytest.mark.slow) for way in list(WAYS)[:-1]), list(WAYS)[-1]],
)
def running(request, tmp_path_factory) -> Iterator[Peer]:
    """The server, once for each kind of refusal."""
    yield from scenario("internal_platform", tmp_path_factory.mktemp("peer"), *WAYS[request.param])


@pytest.fixture
def platform(running) -> Peer:
    running.control(["renew", "reset"])
    return running


@pytest.fixture
def bridge(tmp_path: Path) -> Bridge:
    home = tmp_path / "home"
    home.mkdir(0o700)
    return Bridge(home)


def configure(bridge, platform, kind, **auth) -> None:
    bridge.add_server("files", platform.url, **{"auth.kind": kind}, **{f"auth.{key}": auth[key] for key in auth})


def with_key(bridge, platform, reference) -> None:
    configure(bridge, platform, "headers", **{"headers.X-API-Key": reference})


def with_client(bridge, platform, **more) -> None:
    bridge.environment["FILES_SECRET"] = CLIENT_SECRET
    given = {"client_id": CLIENT, "issuer": platform.about["origin"], "client_secret": "env:FILES_SECRET"}
    configure(bridge, platform, "client_credentials", **{**given, "resource": RESOURCE, **more})


def paths(platform) -> list[str]:
    return [request["path"] for request in platform.control()["requests"]]


def calls(platform) -> list[int]:
    """The statuses of the `tools/call` requests that arrived."""
    return [request["status"] for request in platform.control()["requests"] if request["method"] == "tools/call"]


def from_the_environment(bridge) -> str:
    bridge.environment["FILES_KEY"] = MONDAY
    return "env:FILES_KEY"


def from_a_file(bridge) -> str:
    (bridge.home / "key").write_text(f"{MONDAY}\n")
    return f"file:{bridge.home}/key"


def from_a_command(bridge) -> str:
    from_a_file(bridge)
    return f"command:cat {bridge.home}/key"


@pytest.mark.parametrize("source", [from_the_environment, from_a_file, from_a_command])
def test_an_api_key_works_from_every_source_without_discovery(bridge, platform, source) -> None:
    with_key(bridge, platform, source(bridge))
    with bridge.stdio("files") as client:
        client.initialize()
        assert text(client.call("count")).isdigit()
        assert client.stderr == ""
    assert set(paths(platform)) == {"/mcp"}
    assert len(calls(platform)) == 1


def test_an_api_key_works_from_the_keyring_of_the_desktop(bridge, platform) -> None:
    with keyring_session() as session:
        bridge.environment["DBUS_SESSION_BUS_ADDRESS"] = session.environment["DBUS_SESSION_BUS_ADDRESS"]
        session.put("mcp-auth-bridge", "files", MONDAY)
        with_key(bridge, platform, "keyring:files")
        with bridge.stdio("files") as client:
            client.initialize()
            assert text(client.call("count")).isdigit()


def test_a_key_that_is_rotated_while_the_bridge_runs_is_reread(bridge, platform) -> None:
    with_key(bridge, platform, from_a_file(bridge))
    with bridge.stdio("files") as client:
        client.initialize()
        before = int(text(client.call("count")))
        platform.control(["rotate_key"])
        (bridge.home / "key").write_text(f"{TUESDAY}\n")
        assert int(text(client.call("count"))) == before + 1


def test_after_a_rotation_the_key_command_runs_once_and_the_call_is_executed_once(bridge, platform) -> None:
    with_key(bridge, platform, from_a_command(bridge))
    with bridge.stdio("files") as client:
        client.initialize()
        before = int(text(client.call("count")))
        platform.control(["rotate_key"])
        (bridge.home / "key").write_text(f"{TUESDAY}\n")
        assert int(text(client.call("count"))) == before + 1
    assert len(calls(platform)) == 3  # one refused


def test_the_error_for_a_refused_key_names_the_header_and_its_source_but_not_the_key(bridge, platform) -> None:
    with_key(bridge, platform, from_the_environment(bridge))
    platform.control(["lock_out"])
    with bridge.stdio("files") as client:
        client.initialize()
        failed = error(client.call("count"))
        assert (failed["code"], failed["data"]["code"]) == (-32010, "credential_refused")
        assert failed["data"]["sent"] == "no"
        assert re.search(
            r"refuses the header X-API-Key of files \((HTTP|JSON-RPC) 401.*\); .*FILES_KEY", failed["message"]
        )
        assert MONDAY not in json.dumps(failed) + client.stderr
    assert len(calls(platform)) <= 2


def test_client_credentials_work_with_the_urn_as_the_resource(bridge, platform) -> None:
    with_client(bridge, platform)
    with bridge.stdio("files") as client:
        client.initialize()
        assert text(client.call("count")).isdigit()
    assert paths(platform).count("/token") == 1


def test_a_urn_in_the_metadata_is_used_only_if_the_configuration_names_it(bridge, platform) -> None:
    """A token for a resource other than the server would be valid there as well."""
    with_client(bridge, platform, resource="")
    with bridge.stdio("files") as client:
        client.initialize()
        failed = error(client.call("count"))
        assert f"are for “{RESOURCE}”, not for {platform.url}" in failed["message"]
        hint = f'if that identifier is right, add resource = "{RESOURCE}" under auth for this server'
        assert failed["data"]["action"].startswith(hint)
    assert "/token" not in paths(platform)


def test_a_token_that_ends_early_is_replaced_and_the_call_is_executed_once(bridge, platform) -> None:
    with_client(bridge, platform)
    with bridge.stdio("files") as client:
        client.initialize()
        before = int(text(client.call("count")))
        platform.control(["refuse_seen_tokens"])
        assert int(text(client.call("count"))) == before + 1
    assert paths(platform).count("/token") == 2


def test_a_server_that_accepts_no_token_costs_at_most_two_token_requests_and_is_reported(bridge, platform) -> None:
    with_client(bridge, platform)
    with bridge.stdio("files") as client:
        client.initialize()
        platform.control(["lock_out"])
        failed = error(client.call("count"))
        assert failed["code"] in (-32010, -32013)
        assert failed["data"]["sent"] == "no"
        assert "hint: " in failed["message"]
    assert paths(platform).count("/token") <= 2


def test_a_method_of_the_server_returns_the_metadata_too(bridge, platform) -> None:
    with_key(bridge, platform, from_the_environment(bridge))
    with bridge.stdio("files") as client:
        client.initialize()
        said = client.request("resources/oauth-protected-resource")["result"]
        assert (said["resource"], said["bearer_methods_supported"]) == (RESOURCE, ["header"])


def test_without_credentials_initialize_works_and_a_call_names_what_is_missing(bridge, platform) -> None:
    configure(bridge, platform, "none")
    with bridge.stdio("files") as client:
        assert client.initialize()["result"]["serverInfo"]["name"]
        failed = client.call("count")
        assert "says that there are none" in json.dumps(failed)


def test_plain_http_is_allowed_only_to_loopback(bridge, platform) -> None:
    configure(bridge, platform, "none")
    config = bridge.home / "config.toml"
    config.write_text(config.read_text().replace(platform.url, "http://files.example/mcp"))
    done = bridge.run("run", "files")
    assert done.returncode == 2
    assert "https" in done.stderr
