"""Scenario S5: every stage in the life of a web app's OAuth, at both of its MCP endpoints (grown_web_app.py)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import Bridge
from peer import Peer, scenario
from scenarios.grown_web_app import STAGES
from words import complaint, text

ENDPOINTS = ("/mcp/mcp", "/mcp/sse")
WORKING = STAGES[1:]


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Peer]:
    yield from scenario("grown_web_app", tmp_path_factory.mktemp("peer"))


@pytest.fixture
def app(running) -> Peer:
    running.control(["renew", "reset"])
    return running


@pytest.fixture
def bridge(tmp_path: Path) -> Bridge:
    home = tmp_path / "home"
    home.mkdir(0o700)
    return Bridge(home)


def at(app, path) -> str:
    return f"{app.about['origin']}{path}"


def seen(app) -> list[tuple[str, str, int]]:
    return [(each["http"], each["path"], each["status"]) for each in app.control()["requests"]]


def refused(bridge, name="app") -> tuple[str, str]:
    """The sentence and hint of a `login` that must fail with exit code 7, without a browser and without a login."""
    done = bridge.run("login", name)
    assert (done.returncode, bridge.launches) == (7, []), done.stderr
    assert list((bridge.home / "records").glob("*.sealed")) == []
    return complaint(done.stderr)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("stage", WORKING)
def test_each_workable_stage_works_without_options_through_the_life_of_its_tokens(bridge, app, stage, endpoint) -> None:
    app.control([stage])
    bridge.add_server("app", at(app, endpoint))
    bridge.login("app")
    with bridge.stdio("app") as client:
        client.initialize()
        assert text(client.call("query")) == "rows"
        app.control(["refuse_tokens", "reset"])
        assert text(client.call("query")) == "rows"
        assert (client.close(), client.stderr) == (0, "")
    assert ("POST", "/api/oauth/token", 200) in seen(app)
    assert len(bridge.launches) == 1


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("stage", [WORKING[0], WORKING[-1]])
def test_a_tool_call_without_a_login_signs_in_and_gets_its_reply(bridge, app, stage, endpoint) -> None:
    app.control([stage])
    bridge.add_server("app", at(app, endpoint), login="auto")
    with bridge.stdio("app") as client:
        client.initialize()
        assert text(client.call("query")) == "rows"
        assert client.close() == 0
    assert len(bridge.launches) == 1


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_error_at_the_first_stage_names_the_missing_document_and_the_header_to_add(bridge, app, endpoint) -> None:
    bridge.add_server("app", at(app, endpoint))
    sentence, hint = refused(bridge)
    assert "publishes no OAuth metadata" in sentence
    assert "/.well-known/oauth-protected-resource" in hint
    assert "WWW-Authenticate" in hint
    assert ("POST", "/api/oauth/register", 201) not in seen(app)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_server_that_adds_its_metadata_later_needs_only_a_login(bridge, app, endpoint) -> None:
    bridge.add_server("app", at(app, endpoint))
    refused(bridge)
    app.control(["server_metadata"])
    bridge.login("app")
    done = bridge.run("call", "app", "query")
    assert (done.returncode, done.stdout) == (0, "rows\n"), done.stderr


@pytest.mark.parametrize(
    ("path", "app_is"),
    [*(("/mcp", [stage]) for stage in STAGES[2:]), ("/", ["challenge"]), ("/mcp/", ["challenge", "as_object"])],
)
def test_the_error_for_a_wrong_path_names_the_endpoints_of_the_metadata(bridge, app, path, app_is) -> None:
    app.control(app_is)
    bridge.add_server("app", at(app, path))
    sentence, hint = refused(bridge)
    assert "there is no MCP endpoint at this URL" in sentence
    assert hint == f"its metadata name these MCP endpoints: {at(app, '/mcp/mcp')}, {at(app, '/mcp/sse')}"


def test_a_wrong_path_is_reported_if_the_metadata_name_no_endpoint(bridge, app) -> None:
    bridge.add_server("app", at(app, "/mcp"))
    sentence, hint = refused(bridge)
    assert "there is no MCP endpoint at this URL" in sentence
    assert "check the path" in hint


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_resource_that_the_metadata_do_not_name_is_refused_before_the_login(bridge, app, endpoint) -> None:
    app.control(["audience"])
    bridge.add_server("app", at(app, endpoint), **{"auth.kind": "browser", "auth.resource": at(app, "/elsewhere")})
    sentence, hint = refused(bridge)
    assert f"are for “{at(app, '')}”, not for {at(app, '/elsewhere')}" in sentence
    assert "resource" in hint


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_renamed_resource_ends_the_login_and_the_next_login_is_for_the_new_name(bridge, app, endpoint) -> None:
    """The app refuses tokens for the old resource: 401, audience mismatch."""
    app.control(["audience"])
    bridge.add_server("app", at(app, endpoint))
    bridge.login("app")
    app.control(["rename"])
    done = bridge.run("call", "app", "query")
    assert done.returncode == 3, done.stderr
    assert "mcp-auth-bridge login app" in done.stderr
    bridge.login("app")
    assert bridge.run("call", "app", "query").stdout == "rows\n"
