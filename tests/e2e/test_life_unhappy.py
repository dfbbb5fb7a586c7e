"""Failures between a user and two third-party authorization servers, and what they must not cost."""

import json
import signal
import sys

import pytest
from installed import wait_for
from peer import AuthorizationServer, McpServer
from place import at_oidc_provider, at_worker, says_to_log_in, status
from words import complaint, error, text

ADD = {"a": 1, "b": 2}


@pytest.fixture
def acme(bridge, place):
    """The bridge, configured for `acme`, without a login."""
    bridge.add_server("acme", place.url)
    return bridge


def works(bridge):
    """Whether a new process can call a tool with the stored login."""
    with bridge.stdio("acme") as process:
        process.initialize()
        return text(process.call("add", ADD)) == "3"


# The consent


def test_a_denied_consent_is_reported_and_keeps_the_existing_login(acme, place) -> None:
    acme.login("acme")
    place.server.control({"consent": "deny"})
    done = acme.run("login", "acme")
    assert "declined" in complaint(done.stderr)[0]
    assert (done.returncode, place.counters["token"]) == (4, {"authorization_code": {"success": 1}})
    assert [launch["title"] for launch in acme.launches] == ["Signed in", "The login did not succeed"]
    assert works(acme)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_abandoned_consent_leaves_nothing_behind_and_the_next_login_works(acme, place, name) -> None:
    acme.add_server("acme", place.url, browser_command=[sys.executable, "-c", ""])  # a user who looks and leaves
    with acme.logging_in("acme") as process:
        wait_for(lambda: "sign in at" in process.stderr or process._process.poll() is not None)
        process._process.send_signal(getattr(signal, name))
        assert process.close() != 0
        assert "Traceback" not in process.stderr
    assert place.counters["tokenRequests"] == 0
    assert status(acme)["state"] == "signed out"
    acme.add_server("acme", place.url)
    acme.login("acme")
    assert works(acme)


# The authorization server


@pytest.mark.slow
@pytest.mark.parametrize(("failure", "what"), [("503", "503"), ("html", "a web page")])
def test_a_failing_token_endpoint_ends_a_login_with_a_reason_and_leaves_no_grant(acme, place, failure, what) -> None:
    acme.login("acme")
    place.server.control({"tokenFailure": failure})
    done = acme.run("login", "acme")
    sentence, hint = complaint(done.stderr)
    assert done.returncode != 0
    assert what in sentence
    assert hint
    assert acme.launches[-1]["title"] == "The login did not succeed"
    place.server.control({"tokenFailure": None})
    if place.url == place.server.url:  # the worker's consent itself ends the previous grant: one account, one client
        acme.login("acme")
    assert works(acme)


@pytest.mark.slow
def test_a_server_that_is_down_is_named_before_a_login_opens_the_browser(acme, place) -> None:
    place.server.down()
    try:
        done = acme.run("login", "acme")
    finally:
        place.server.up()
    assert (done.returncode, acme.launches) == (6, [])
    assert "refuses connections" in complaint(done.stderr)[0]
    acme.login("acme")
    assert works(acme)


@pytest.mark.slow
def test_a_server_that_is_down_during_a_refresh_costs_no_login(acme, place) -> None:
    acme.login("acme")
    with acme.stdio("acme") as process:
        process.initialize()
        assert text(process.call("add", ADD)) == "3"
        place.refuse_tokens()
        place.server.down()
        try:
            assert error(process.call("add", ADD))["data"]["retry_safe"]
            assert status(acme)["state"] == "signed in"
        finally:
            place.server.up()
        wait_for(lambda: "result" in process.call("add", ADD))
    assert place.server.refreshes == {"success": 1}
    assert len(acme.launches) == 1


# The clock


CLOCK = """
import time
from pathlib import Path

_time = time.time
_ahead = Path(__file__).with_name("ahead")
time.time = lambda: _time() + float(_ahead.read_text())
"""

DAY = 86400.0


@pytest.mark.slow
@pytest.mark.parametrize(("at_login", "later"), [(DAY, 0.0), (-DAY, 0.0), (0.0, DAY), (0.0, -DAY), (DAY, DAY)])
def test_a_clock_that_is_a_day_off_costs_at_most_a_refresh(acme, place, at_login, later) -> None:
    (acme.home / "sitecustomize.py").write_text(CLOCK)
    acme.environment["PYTHONPATH"] = str(acme.home)
    (acme.home / "ahead").write_text(str(at_login))
    acme.login("acme")
    (acme.home / "ahead").write_text(str(later))
    with acme.stdio("acme") as process:
        process.initialize()
        assert text(process.call("add", ADD)) == "3"
        place.refuse_tokens()  # which have expired by the server's clock
        assert [text(process.call("add", ADD)) for _ in range(2)] == ["3", "3"]
    assert place.server.refreshes["success"] <= 2
    assert (len(acme.launches), status(acme)["state"]) == (1, "signed in")


@pytest.mark.slow
@pytest.mark.parametrize("said", [None, 0, -5, 31_536_000, "3600", "soon", 1e300])
def test_a_wrong_token_lifetime_from_the_server_costs_no_login(acme, place, said) -> None:
    place.server.control({"expiresIn": said})
    acme.login("acme")
    with acme.stdio("acme") as process:
        process.initialize()
        assert text(process.call("add", ADD)) == "3"
        place.refuse_tokens()
        assert text(process.call("add", ADD)) == "3"
    assert (len(acme.launches), status(acme)["state"]) == (1, "signed in")


# A server that was set up anew: our registration, our grant and its old keys are gone


@pytest.fixture(params=["oidc-provider", "workers-oauth-provider"])
def mortal(request, logs, running_worker, running_authorization_server):
    """An authorization server for one test, and the MCP server behind it."""
    if request.param == "workers-oauth-provider":
        server = AuthorizationServer("workers/server.mjs", logs / "mortal-worker.log")
        place, protected = at_worker(server), None
    else:
        server = AuthorizationServer("oidc/server.mjs", logs / "mortal-oidc.log")
        protected = McpServer("protected_server.py", server.about["issuer"], logs / "mortal-mcp.log")
        place = at_oidc_provider(server, protected)
    yield place
    for peer in filter(None, (place.server, protected)):
        peer.stop()


def test_a_server_that_forgot_everything_costs_one_login_and_one_registration(bridge, mortal) -> None:
    bridge.add_server("acme", mortal.url)
    bridge.login("acme")
    with bridge.stdio("acme") as process:
        process.initialize()
        assert text(process.call("add", ADD)) == "3"
        mortal.refuse_tokens()
        mortal.server = mortal.server.again()
        answer = process.call("add", ADD)
        assert says_to_log_in(answer) if "result" in answer else error(answer)["data"]["action"]
        bridge.login("acme")
        assert text(process.call("add", ADD)) == "3"
    assert mortal.counters["registrations"] == 1
    assert mortal.counters["token"]["authorization_code"] == {"success": 1}
    assert json.loads(bridge.run("status", "--json").stdout)[0]["state"] == "signed in"
