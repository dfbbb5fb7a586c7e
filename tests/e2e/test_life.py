"""A login's whole life at two authorization servers that we did not write: each state as it is seen there and here.

`oidc-provider` issues JWTs, rotates refresh tokens strictly and ends the grant when one is used twice. Cloudflare's
`workers-oauth-provider` issues opaque tokens, shares its origin with the MCP server, revokes at the token endpoint, and
lets a refresh token live until its successor is used.
"""

import time
from urllib.parse import urlsplit

import pytest
from conftest import says_to_log_in, status
from words import text

ADD = {"a": 1, "b": 2}
CLIENTS = [
    ("registered", "none"),
    pytest.param("configured", "client_secret_basic", marks=pytest.mark.slow),
    pytest.param("registered", "client_secret_basic", marks=pytest.mark.slow),
    pytest.param("registered", "client_secret_post", marks=pytest.mark.slow),
    pytest.param("configured", "none", marks=pytest.mark.slow),
    pytest.param("configured", "client_secret_post", marks=pytest.mark.slow),
]


def configure(bridge, place, client, method):
    """`acme` with a client that is registered when it is needed, or that a person registered by hand."""
    if client == "registered":
        place.server.control({"authMethod": method})
        bridge.add_server("acme", place.url)
        return
    own = place.server.register(token_endpoint_auth_method=method)
    auth = {"kind": "browser", "client_id": own["client_id"], "issuer": place.server.about["issuer"]}
    if method != "none":
        auth["client_secret"] = own["client_secret"]
    place.server.reset()
    place.server.control({"authMethod": method})
    bridge.add_server("acme", place.url, **{f"auth.{key}": value for key, value in auth.items()})


@pytest.mark.parametrize(("client", "method"), CLIENTS)
def test_a_whole_life(place, bridge, client, method) -> None:
    configure(bridge, place, client, method)
    with bridge.stdio("acme") as process:
        nobody_is_logged_in(place, bridge, process)
        logged_in(place, bridge, process, registrations=int(client == "registered"))
        refreshed(place, bridge, process)
        revoked(place, bridge, process)
        logged_in_again(place, bridge, process, registrations=int(client == "registered"))
        logged_out(place, bridge, process)
    assert set(place.counters["authMethods"]) == {method}
    assert place.counters["reuseDetections"] == 0


def nobody_is_logged_in(place, bridge, process) -> None:
    process.initialize()
    assert says_to_log_in(process.call("add", ADD))
    assert status(bridge)["state"] == "signed out"
    assert (place.counters["registrations"], place.counters["tokenRequests"], bridge.launches) == (0, 0, [])


def logged_in(place, bridge, process, registrations) -> None:
    bridge.login("acme")
    assert text(process.call("whoami")) == place.server.about["account"]
    now = status(bridge)
    assert (now["state"], now["issuer"]) == ("signed in", place.server.about["issuer"])
    assert "mcp" in now["scope"].split()
    assert 0 < now["expires_at"] - time.time() <= 3600
    assert place.counters["registrations"] == registrations
    assert place.counters["authorizations"] >= 1
    assert place.counters["token"] == {"authorization_code": {"success": 1}}


def refreshed(place, bridge, process) -> None:
    before = status(bridge)["expires_at"]
    place.refuse_tokens()
    assert [text(process.call("add", ADD)) for _ in range(2)] == ["3", "3"]
    now = status(bridge)
    assert (now["state"], now["expires_at"] > before) == ("signed in", True)
    assert place.server.refreshes == {"success": 1}


def revoked(place, bridge, process) -> None:
    place.end_grants()
    assert all(says_to_log_in(process.call("add", ADD)) for _ in range(2))
    assert status(bridge)["state"] == "ended"
    assert place.server.refreshes == {"success": 1, "invalid_grant": 1}
    assert len(bridge.launches) == 1


def logged_in_again(place, bridge, process, registrations) -> None:
    bridge.login("acme")
    assert text(process.call("add", ADD)) == "3"
    assert status(bridge)["state"] == "signed in"
    assert place.counters["registrations"] == registrations
    assert place.counters["token"]["authorization_code"] == {"success": 2}
    assert [launch["title"] for launch in bridge.launches] == ["Signed in"] * 2


def logged_out(place, bridge, process) -> None:
    done = bridge.run("logout", "acme")
    assert done.returncode == 0, done.stderr
    assert place.counters["revocations"] >= 1  # a JWT cannot be revoked, an opaque access token can
    assert status(bridge)["state"] == "signed out"
    place.refuse_tokens()  # a JWT outlives its revocation
    assert says_to_log_in(process.call("add", ADD))
    assert place.server.refreshes == {"success": 1, "invalid_grant": 1}


@pytest.mark.slow
def test_a_server_that_registers_localhost_alone_gets_that(place, bridge) -> None:
    place.server.control({"redirectHost": "localhost"})
    bridge.add_server("acme", place.url)
    bridge.login("acme")
    assert [urlsplit(launch["url"]).hostname for launch in bridge.launches] == ["localhost"]
    assert place.counters["registrations"] == 1
    with bridge.stdio("acme") as process:
        process.initialize()
        assert text(process.call("whoami")) == place.server.about["account"]
