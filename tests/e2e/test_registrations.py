"""Registrations at the authorization server: forgotten ones are replaced, and a logout leaves none behind."""

import json

import pytest
from peers.gateway import Gateway
from starlette.responses import JSONResponse
from words import complaint, text

ADD = {"a": 1, "b": 2}


@pytest.fixture
def logged_in(bridge, authorization_server, protected_server):
    """The bridge, logged in to the SDK's server as `acme`, and knowing the same server as `second`."""
    bridge.add_server("acme", protected_server.url)
    bridge.add_server("second", protected_server.url)
    bridge.login("acme")
    return bridge


def states(bridge):
    return {line["server"]: line["state"] for line in json.loads(bridge.run("status", "--json").stdout)}


def works(bridge, name):
    with bridge.stdio(name) as client:
        client.initialize()
        return text(client.call("add", ADD)) == "3"


def test_a_logout_leaves_no_registration_and_the_next_login_makes_another(logged_in, authorization_server) -> None:
    done = logged_in.run("logout", "acme")
    assert (done.returncode, done.stderr) == (0, "mcp-auth-bridge: signed out of acme\n")
    assert authorization_server.counters["deletions"] == 1
    assert authorization_server.counters["revocations"] == 1  # it says that it cannot revoke JWTs
    logged_in.login("acme")
    assert works(logged_in, "acme")
    assert authorization_server.counters["registrations"] == 2


def test_a_registration_stays_as_long_as_a_login_needs_it(logged_in, authorization_server) -> None:
    logged_in.login("second")
    assert authorization_server.counters["registrations"] == 1
    logged_in.run("logout", "acme")
    assert authorization_server.counters["deletions"] == 0
    assert works(logged_in, "second")
    logged_in.run("logout", "second")
    assert authorization_server.counters["deletions"] == 1


def wanting(bridge, url, *scopes):
    """Configures `acme` to request exactly these scopes."""
    keys = {"auth.kind": "browser", "auth.scopes": list(scopes)}
    never = {} if "offline_access" in scopes else {"auth.offline_access": "never"}
    bridge.add_server("acme", url, **keys, **never)


def registered(server):
    """How many registrations were created and deleted."""
    return server.counters["registrations"], server.counters["deletions"]


def test_a_login_with_more_scopes_replaces_its_registration_and_deletes_the_old_one(
    bridge, authorization_server, protected_server
) -> None:
    scope = authorization_server.about["scope"]
    wanting(bridge, protected_server.url, scope)
    bridge.login("acme")
    assert registered(authorization_server) == (1, 0)
    wanting(bridge, protected_server.url, scope, "offline_access")
    bridge.login("acme")
    assert registered(authorization_server) == (2, 1)
    assert works(bridge, "acme")
    wanting(bridge, protected_server.url, scope)
    bridge.login("acme")
    assert registered(authorization_server) == (2, 1)
    assert works(bridge, "acme")


def test_a_failed_login_deletes_no_registration_and_no_login(bridge, authorization_server, protected_server) -> None:
    scope = authorization_server.about["scope"]
    wanting(bridge, protected_server.url, scope)
    bridge.login("acme")
    wanting(bridge, protected_server.url, scope, "offline_access")
    authorization_server.control({"consent": "deny"})
    assert bridge.run("login", "acme").returncode == 4
    assert registered(authorization_server) == (2, 0)
    assert works(bridge, "acme")


def test_a_registration_that_another_login_uses_outlives_its_replacement(
    logged_in, authorization_server, protected_server
) -> None:
    logged_in.login("second")
    done = logged_in.run("login", "acme", "--fresh")
    assert done.returncode == 0, done.stderr
    assert registered(authorization_server) == (2, 0)
    protected_server.control(["refuse_seen_tokens"])
    assert works(logged_in, "second")  # by a refresh
    assert works(logged_in, "acme")
    done = logged_in.run("login", "second", "--fresh")
    assert done.returncode == 0, done.stderr
    # Of the two registrations that it replaces, acme uses the newer one.
    assert registered(authorization_server) == (3, 1)
    assert works(logged_in, "second")
    assert works(logged_in, "acme")


def test_all_logins_end_at_once_and_leave_nothing_behind(logged_in, authorization_server) -> None:
    logged_in.login("second")
    done = logged_in.run("logout", "--all")
    assert done.returncode == 0, done.stderr
    assert sorted(done.stderr.splitlines()) == [f"mcp-auth-bridge: signed out of {name}" for name in ("acme", "second")]
    assert states(logged_in) == {"acme": "signed out", "second": "signed out"}
    assert list(logged_in.home.glob("records/*.sealed")) == []
    assert authorization_server.counters["deletions"] == 1
    assert logged_in.run("logout", "--all").stderr == "mcp-auth-bridge: there is no login on this machine\n"


def test_a_registration_that_the_server_forgot_costs_one_tab_and_no_question(
    logged_in, authorization_server, protected_server
) -> None:
    """An authorization server that was set up anew: the user would only ever see its error page."""
    authorization_server.control({"revokeAll": True, "forgetClients": True})
    done = logged_in.run("login", "acme")
    assert done.returncode == 0, done.stderr
    assert "no longer knows this bridge, which registers anew" in done.stderr
    assert len(logged_in.launches) == 2
    assert works(logged_in, "acme")


def test_a_logout_succeeds_if_the_registration_is_already_gone(logged_in, authorization_server) -> None:
    authorization_server.control({"forgetClients": True})
    done = logged_in.run("logout", "acme")
    sentence, _ = complaint(done.stderr)
    assert done.returncode == 7
    assert "refused the revocation: invalid_client" in sentence
    assert "signed out of acme on this machine" in done.stderr
    assert states(logged_in)["acme"] == "signed out"
    logged_in.login("acme")


def test_a_registration_that_is_refused_with_the_code_costs_a_second_tab_but_no_third(bridge) -> None:
    """An authorization server that knows the client at its pages but not at its token endpoint."""
    with Gateway() as gateway:
        bridge.add_server("acme", gateway.url)
        bridge.login("acme")

        async def refuse_once(*asgi):
            del gateway.instead["/token"]
            await JSONResponse({"message": "Unrecognized client_id"}, 422)(*asgi)

        gateway.instead["/token"] = refuse_once
        done = bridge.run("login", "acme")
        assert done.returncode == 0, done.stderr
        assert "you will be asked once more" in done.stderr
        assert [launch["status"] for launch in bridge.launches] == [200, 200, 200]
        gateway.instead["/token"] = JSONResponse({"error": "invalid_client"}, 401)
        done = bridge.run("login", "acme")
        assert done.returncode == 7
        assert len(bridge.launches) == 5
        gateway.instead.clear()
        assert works(bridge, "acme")
