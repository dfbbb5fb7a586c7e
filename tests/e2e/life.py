"""The stages of a login's life, each checked at the authorization server and at the bridge."""

import time

from installed import Bridge, RawClient
from place import Place, says_to_log_in, status
from words import text

ADD = {"a": 1, "b": 2}


def lives(place: Place, bridge: Bridge, registrations: int = 1) -> None:
    """Plays the whole life in one process that keeps running."""
    with bridge.stdio("acme") as process:
        nobody_is_logged_in(place, bridge, process)
        logged_in(place, bridge, process, registrations)
        refreshed(place, bridge, process)
        revoked(place, bridge, process)
        logged_in_again(place, bridge, process, registrations)
        logged_out(place, bridge, process)


def nobody_is_logged_in(place: Place, bridge: Bridge, process: RawClient) -> None:
    process.initialize()
    assert says_to_log_in(process.call("add", ADD))
    assert status(bridge)["state"] == "signed out"
    assert (place.counters["registrations"], place.counters["tokenRequests"], bridge.launches) == (0, 0, [])


def logged_in(place: Place, bridge: Bridge, process: RawClient, registrations: int) -> None:
    bridge.login("acme")
    assert text(process.call("add", ADD)) == "3"
    now = status(bridge)
    assert (now["state"], now["issuer"].rstrip("/")) == ("signed in", place.server.about["issuer"])
    assert place.server.about.get("scope", "mcp") in now["scope"].split()
    assert 0 < now["expires_at"] - time.time() <= 3600
    assert place.counters["registrations"] == registrations
    assert place.counters["authorizations"] >= 1
    assert place.counters["token"] == {"authorization_code": {"success": 1}}


def refreshed(place: Place, bridge: Bridge, process: RawClient) -> None:
    before = status(bridge)["expires_at"]
    place.refuse_tokens()
    assert [text(process.call("add", ADD)) for _ in range(2)] == ["3", "3"]
    now = status(bridge)
    assert (now["state"], now["expires_at"] > before) == ("signed in", True)
    assert place.server.refreshes == {"success": 1}


def revoked(place: Place, bridge: Bridge, process: RawClient) -> None:
    place.end_grants()
    assert all(says_to_log_in(process.call("add", ADD)) for _ in range(2))
    assert status(bridge)["state"] == "ended"
    assert place.server.refreshes == {"success": 1, "invalid_grant": 1}
    assert len(bridge.launches) == 1


def logged_in_again(place: Place, bridge: Bridge, process: RawClient, registrations: int) -> None:
    bridge.login("acme")
    assert text(process.call("add", ADD)) == "3"
    assert status(bridge)["state"] == "signed in"
    assert place.counters["registrations"] == registrations
    assert place.counters["token"]["authorization_code"] == {"success": 2}
    assert [launch["title"] for launch in bridge.launches] == ["Signed in"] * 2


def logged_out(place: Place, bridge: Bridge, process: RawClient) -> None:
    done = bridge.run("logout", "acme")
    assert done.returncode == 0, done.stderr
    assert place.counters["revocations"] >= 1  # a JWT cannot be revoked, an opaque access token can
    assert status(bridge)["state"] == "signed out"
    place.refuse_tokens()  # a JWT outlives its revocation
    assert says_to_log_in(process.call("add", ADD))
    assert place.server.refreshes == {"success": 1, "invalid_grant": 1}
    assert (
        bridge.run("logout", "--all").returncode == 0
    )  # the next login reuses a registration that its server cannot delete
    assert list(bridge.home.glob("records/*.sealed")) == []
