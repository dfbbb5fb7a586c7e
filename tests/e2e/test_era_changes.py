"""A server that is replaced by one of the other era, under a running bridge and between two of its processes."""

import json
import sys
from collections.abc import Iterator

import pytest
from installed import Bridge, RawClient
from peer import PEERS, Peer
from words import text

PREFIX = "io.modelcontextprotocol/"
META = {
    f"{PREFIX}protocolVersion": "2026-07-28",
    f"{PREFIX}clientCapabilities": {},
    f"{PREFIX}clientInfo": {"name": "raw", "version": "1"},
}
BOTH_WAYS = [("legacy", "modern"), ("modern", "legacy")]


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Peer]:
    peer = Peer([sys.executable, str(PEERS / "era_change.py")], tmp_path_factory.mktemp("peer") / "log")
    yield peer
    peer.stop()


@pytest.fixture
def acme(bridge, running) -> Bridge:
    running.control({"eras": ["legacy"], "delay": 0})
    bridge.add_server("acme", running.url, **{"auth.kind": "none"})
    return bridge


class Legacy:
    """A client that opens a session."""

    def __init__(self, client: RawClient) -> None:
        assert client.initialize()["result"]["capabilities"]["tools"] is not None
        self._client = client

    def count(self, id_: int) -> str:
        return text(self._client.call("count", {"step": 1}, id_))


class Modern:
    """A client that sends its requests without asking for the era first."""

    def __init__(self, client: RawClient) -> None:
        self._client = client

    def count(self, id_: int) -> str:
        params = {"name": "count", "arguments": {"step": 1}, "_meta": META}
        reply = self._client.request("tools/call", params, id_)
        assert reply["result"]["resultType"] == "complete"
        return text(reply)


class Probing(Modern):
    """A client that asks for the era, and speaks the one that it is told."""

    def __init__(self, client: RawClient) -> None:
        super().__init__(client)
        discovered = client.request("server/discover", {"_meta": META}, "probe")
        assert "2026-07-28" in discovered["result"]["supportedVersions"]


CLIENTS = [Legacy, Modern, Probing]


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("eras", BOTH_WAYS)
def test_the_next_call_after_a_change_works_under_a_running_bridge(acme, running, kind, eras) -> None:
    first, second = eras
    running.control({"eras": [first]})
    before = running.control()["calls"]
    with acme.stdio("acme") as process:
        client = kind(process)
        for number, era in enumerate((first, second, first), 1):
            running.control({"eras": [era]})
            assert client.count(number) == str(before + number)
        assert (process.close(), process.stderr) == (0, "")
    assert running.control()["calls"] == before + 3, "no call was made twice"


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("eras", BOTH_WAYS)
def test_memory_of_another_era_does_not_outlive_the_truth(acme, running, kind, eras) -> None:
    before = running.control()["calls"]
    for number, era in enumerate((*eras, *eras), 1):
        running.control({"eras": [era]})
        with acme.stdio("acme") as process:
            assert kind(process).count(number) == str(before + number)


@pytest.mark.parametrize("eras", BOTH_WAYS)
def test_the_commands_of_the_bridge_meet_the_server_as_what_it_is_now(acme, running, eras) -> None:
    for era in (*eras, *eras):
        running.control({"eras": [era]})
        listed = acme.run("tools", "acme")
        assert (listed.returncode, "count" in listed.stdout) == (0, True), listed.stderr
        called = acme.run("call", "acme", "count", "step=1")
        assert called.returncode == 0, called.stderr
        assert called.stdout.strip() == str(running.control()["calls"])


@pytest.mark.parametrize("eras", [["legacy"], ["modern"]])
def test_a_server_that_needs_time_to_wake_is_waited_for(acme, running, eras) -> None:
    running.control({"eras": eras, "delay": 3})
    with acme.stdio("acme") as process:
        client = Probing(process)
        running.control({"delay": 0})
        assert int(client.count(1)) == running.control()["calls"]


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_program_is_served_headless_by_a_server_of_either_era(acme, running, kind) -> None:
    for eras in (["legacy"], ["modern"], ["legacy", "modern"]):
        running.control({"eras": eras})
        with acme.stdio("acme", "--headless") as process:
            assert int(kind(process).count(1)) == running.control()["calls"]
            assert (process.close(), process.stderr) == (0, "")


def test_a_server_that_speaks_neither_says_so_in_its_own_words(acme, running) -> None:
    running.control({"eras": []})
    with acme.stdio("acme", "--headless") as process:
        reply = process.initialize()
        assert "Unsupported protocol version" in json.dumps(reply["error"]["message"])
