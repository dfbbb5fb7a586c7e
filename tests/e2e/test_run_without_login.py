"""`run` without a login or a remote: it answers initialize, stays, says what to do, and continues after a login."""

import json
import shutil
import signal
from pathlib import Path

import pytest
from installed import wait_for
from peers.gateway import Gateway, silence
from starlette.responses import HTMLResponse, Response
from words import error, text

ADD = {"a": 1, "b": 2}


@pytest.fixture(scope="module")
def running_gateway():
    with Gateway() as gateway:
        yield gateway


@pytest.fixture
def gateway(running_gateway):
    running_gateway.instead.clear()
    running_gateway.up()
    running_gateway.requests.clear()
    return running_gateway


@pytest.fixture
def acme(bridge, gateway):
    """The bridge, configured for `acme`, without a login."""
    bridge.add_server("acme", gateway.url)
    return bridge


@pytest.fixture
def known_acme(acme):
    """As `acme`, with a login: the bridge remembers its tools."""
    acme.login("acme")
    return acme


@pytest.fixture
def forgotten_acme(known_acme):
    """With a login, but without a memory of the server."""
    (memory,) = known_acme.home.rglob("memory")
    shutil.rmtree(memory)
    return known_acme


def names(answer):
    return {tool["name"] for tool in answer["result"]["tools"]}


def opening(version="2025-11-25"):
    return {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}


def line(method, params=None, id_=None):
    message = {"jsonrpc": "2.0", "method": method, "params": params or {}} | ({} if id_ is None else {"id": id_})
    return json.dumps(message).encode()


# The reply to initialize


def wants_a_login(gateway):
    pass


def hangs(gateway):
    gateway.instead["/mcp"] = silence


def refuses(gateway):
    gateway.down()


STATES = {"wants a login": wants_a_login, "hangs": hangs, "is down": refuses}


@pytest.mark.parametrize("state", STATES)
def test_initialize_succeeds_whatever_the_remote_does(acme, gateway, state) -> None:
    STATES[state](gateway)
    with acme.stdio("acme") as client:
        result = client.initialize()["result"]
        assert result["protocolVersion"] == "2025-11-25"
        assert all(result["capabilities"][name]["listChanged"] for name in ("tools", "prompts", "resources"))
        assert client.request("ping", request_id="alive")["result"] == {}
        assert client.close() == 0
        said = client.stderr
        assert client.opening.endswith(
            f" relays to acme ({gateway.origin}/mcp) with its stored login, if there is one\n"
        )
    if state == "wants a login":
        sentence, hint = said.splitlines()
        assert sentence.startswith("mcp-auth-bridge: a login to acme is needed")
        assert hint == "mcp-auth-bridge: hint: run: mcp-auth-bridge login acme"
    else:
        assert said == ""
    assert acme.launches == []


@pytest.mark.parametrize("state", STATES)
def test_initialize_repeats_the_remotes_last_reply(known_acme, gateway, state) -> None:
    if state == "wants a login":
        gateway.grants._access.clear()
        gateway.grants._refresh.clear()
    STATES[state](gateway)
    with known_acme.stdio("acme") as client:
        result = client.initialize()["result"]
    assert result["serverInfo"]["name"] == "mcp-auth-bridge-demo"
    assert result["instructions"].startswith("A demo")
    assert result["capabilities"]["tools"]["listChanged"] is True
    assert len(known_acme.launches) == 1


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_initialize_is_answered_in_the_clients_version(acme, version) -> None:
    with acme.stdio("acme") as client:
        assert client.request("initialize", opening(version))["result"]["protocolVersion"] == version


def test_an_unknown_version_is_answered_with_the_newest(acme) -> None:
    with acme.stdio("acme") as client:
        assert client.request("initialize", opening("2199-01-01"))["result"]["protocolVersion"] == "2025-11-25"


def test_a_probe_for_the_next_era_is_answered_at_once_and_a_handshake_may_follow(acme) -> None:
    with acme.stdio("acme") as client:
        probe = client.request("server/discover", {"_meta": {}}, "server-discover-probe-1")
        assert probe["result"]["supportedVersions"] == ["2026-07-28"]
        assert "result" in client.initialize()


def test_the_2024_revision_works_from_initialize_to_the_call(known_acme) -> None:
    with known_acme.stdio("acme") as client:
        assert client.request("initialize", opening("2024-11-05"), 0)["result"]["protocolVersion"] == "2024-11-05"
        client.send(line("notifications/initialized"))
        assert "add" in names(client.request("tools/list", {}, 1))
        assert text(client.call("add", ADD, 2)) == "3"


# Replies without a login


def test_without_a_login_the_only_tool_names_the_login_command(acme) -> None:
    with acme.stdio("acme") as client:
        client.initialize()
        assert names(client.request("tools/list")) == {"acme_login"}
        for tool in ("acme_login", "add"):
            answer = client.call(tool)
            assert answer["result"]["isError"] is True
            assert "Run: mcp-auth-bridge login acme" in text(answer).splitlines()
            assert len(text(answer).splitlines()[0]) <= 200
    assert acme.launches == []


def test_without_a_login_the_remembered_tools_are_listed(known_acme, gateway) -> None:
    gateway.grants._access.clear()
    gateway.grants._refresh.clear()
    with known_acme.stdio("acme") as client:
        client.initialize()
        assert "add" in names(client.request("tools/list"))
        assert "Run: mcp-auth-bridge login acme" in text(client.call("add", ADD))


def test_a_call_may_be_the_first_request(acme) -> None:
    with acme.stdio("acme") as client:  # a client that respawned its server does not list again
        client.send(line("initialize", opening(), 0))
        client.send(line("notifications/initialized"))
        answer = client.call("add", ADD)
    assert answer["result"]["isError"] is True
    assert "mcp-auth-bridge login acme" in text(answer)


def test_the_login_command_names_a_bare_url(bridge, gateway) -> None:
    with bridge.stdio(gateway.url) as client:
        client.initialize()
        assert f"Run: mcp-auth-bridge login {gateway.url}" in text(client.call("add", ADD))


def test_a_remote_that_is_down_is_not_reported_as_a_missing_login(acme, gateway) -> None:
    gateway.down()
    with acme.stdio("acme") as client:
        client.initialize()
        failed = error(client.call("add", ADD))
    assert (failed["code"], failed["data"]["retry_safe"]) == (-32011, True)


def test_many_processes_at_once_open_no_browser(acme) -> None:
    clients = [acme.stdio("acme") for _ in range(4)]
    for client in clients:
        client.initialize()
        client.request("tools/list")
    assert [client.close() for client in clients] == [0] * 4
    assert acme.launches == []


# After the login


def read_until(client, wanted):
    """The methods of the notifications that arrive, until all of `wanted` have arrived."""
    seen = set()
    while not wanted <= seen:
        seen.add(json.loads(client.read())["method"])
    return seen


CHANGED = {f"notifications/{name}/list_changed" for name in ("tools", "prompts", "resources")}


def test_after_a_login_by_another_process_run_goes_on(acme) -> None:
    with acme.stdio("acme") as client:
        client.initialize()
        assert names(client.request("tools/list")) == {"acme_login"}
        acme.login("acme")
        read_until(client, CHANGED)
        assert "add" in names(client.request("tools/list"))
        assert text(client.call("add", ADD)) == "3"
        assert "You are signed in" in text(client.call("acme_login"))
    assert len(acme.launches) == 1


def test_a_call_right_after_the_login_does_not_wait_for_the_next_check_of_the_store(acme) -> None:
    with acme.stdio("acme") as client:
        client.initialize()
        client.call("add", ADD)
        acme.login("acme")
        assert text(client.call("add", ADD)) == "3"


def test_a_logout_by_another_process_is_noticed_and_so_is_the_next_login(known_acme) -> None:
    with known_acme.stdio("acme") as client:
        client.initialize()
        assert text(client.call("add", ADD)) == "3"
        known_acme.run("logout", "acme")
        while not (answer := client.call("add", ADD))["result"]["isError"]:
            pass  # its tokens are revoked; the bridge checks the store within a second
        assert "Run: mcp-auth-bridge login acme" in text(answer)
        known_acme.login("acme")
        assert text(client.call("add", ADD)) == "3"
    assert len(known_acme.launches) == 2


def test_a_remote_that_comes_back_is_noticed_without_a_request(known_acme, gateway) -> None:
    gateway.down()
    with known_acme.stdio("acme") as client:
        client.initialize()
        assert "add" in names(client.request("tools/list"))  # from memory
        gateway.up()
        read_until(client, {"notifications/tools/list_changed"})
        assert text(client.call("add", ADD)) == "3"


PAGE = HTMLResponse("<h1>deploying</h1>", status_code=502)
BALANCER = {
    "503": Response("no healthy upstream", status_code=503),
    "429 with Retry-After": Response("slow down", status_code=429, headers={"Retry-After": "1"}),
    "a page with 502": PAGE,
    "404": Response(status_code=404),
    "405": Response(status_code=405),
}


@pytest.mark.parametrize("answer", BALANCER)
def test_the_tools_of_a_remote_whose_balancer_answers_for_it_stay_listed(known_acme, gateway, answer) -> None:
    gateway.instead["/mcp"] = BALANCER[answer]
    with known_acme.stdio("acme") as client:
        client.initialize()
        assert "add" in names(client.request("tools/list"))
        for method, field in OTHER_LISTS.items():
            assert client.request(method)["result"][field] == []
        gateway.instead.clear()
        read_until(client, {"notifications/tools/list_changed"})
        assert text(client.call("add", ADD)) == "3"


OTHER_LISTS = {
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}


@pytest.mark.parametrize("answer", BALANCER)
def test_an_unknown_remote_whose_balancer_answers_for_it_is_waited_for(forgotten_acme, gateway, answer) -> None:
    gateway.instead["/mcp"] = BALANCER[answer]
    with forgotten_acme.stdio("acme") as client:
        client.initialize()
        assert names(client.request("tools/list")) == set()
        gateway.instead.clear()
        read_until(client, {"notifications/tools/list_changed"})
        assert "add" in names(client.request("tools/list"))


MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
}


def test_a_modern_client_is_served_and_told_in_its_own_era(known_acme, gateway) -> None:
    gateway.down()
    with known_acme.stdio("acme") as client:
        found = client.request("server/discover", {"_meta": MODERN})["result"]
        assert (found["supportedVersions"], found["resultType"]) == (["2026-07-28"], "complete")
        assert found["instructions"].startswith("A demo")
        client.send(line("subscriptions/listen", {"_meta": MODERN, "notifications": {"toolsListChanged": True}}, "l"))
        assert json.loads(client.read())["method"] == "notifications/subscriptions/acknowledged"
        listed = client.request("tools/list", {"_meta": MODERN}, "t")
        assert "add" in names(listed)
        assert (listed["result"]["ttlMs"], listed["result"]["cacheScope"]) == (0, "private")
        gateway.up()
        told = json.loads(client.read())
        assert told["method"] == "notifications/tools/list_changed"
        assert told["params"]["_meta"] == {"io.modelcontextprotocol/subscriptionId": "l"}


# The end of stdin, in every state


def before_initialize(client, gateway):
    pass


def login_missing(client, gateway):
    client.initialize()
    client.call("add", ADD)


def half_a_line(client, gateway):
    client._process.stdin.write(b'{"jsonrpc":"2.0","id":1,"me')


def initialize_on_its_way(client, gateway):
    gateway.instead["/mcp"] = silence
    client.send(line("initialize", opening(), 0))


def a_hung_call(client, gateway):
    client.initialize()
    client.request("tools/list")
    gateway.instead["/mcp"] = silence
    before = gateway.seen("/mcp")
    client.send(line("tools/call", {"name": "add", "arguments": ADD}, 2))
    wait_for(lambda: gateway.seen("/mcp") > before)


def a_slow_token_endpoint(client, gateway):
    gateway.grants._access.clear()
    gateway.instead["/token"] = silence
    client.send(line("initialize", opening(), 0))
    wait_for(lambda: gateway.seen("/token") > 0)


def a_server_that_is_down(client, gateway):
    gateway.down()
    client.initialize()
    client.call("add", ADD)


PROMPT = 8
"""Seconds: fewer than any timeout of the bridge, and far more than a loaded machine needs to end a process."""

ENDS = {
    "before initialize": (before_initialize, False),
    "in the middle of a line": (half_a_line, False),
    "while a login is missing": (login_missing, False),
    "while initialize is on its way": (initialize_on_its_way, True),
    "during a hung call": (a_hung_call, True),
    "during a refresh": (a_slow_token_endpoint, True),
    "while the server is down": (a_server_that_is_down, True),
}


@pytest.mark.parametrize("state", ENDS)
def test_the_end_of_stdin_ends_the_process_in_every_state(request, gateway, state) -> None:
    reach, logged_in = ENDS[state]
    acme = request.getfixturevalue("known_acme" if logged_in else "acme")
    gateway.requests.clear()
    client = acme.stdio("acme")
    reach(client, gateway)
    assert children_of(client._process.pid) == []
    client._process.stdin.close()
    assert client._process.wait(PROMPT) == 0
    client.close()
    assert len(client.stderr.splitlines()) == (2 if state == "while a login is missing" else 0)


def children_of(pid):
    """The processes that `pid` started (Linux only; unknown elsewhere). Without children, nothing can outlive it."""
    return [child for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_ends_the_process_as_the_end_of_stdin_does(known_acme, gateway, name) -> None:
    client = known_acme.stdio("acme")
    a_hung_call(client, gateway)
    client._process.send_signal(getattr(signal, name))
    assert client._process.wait(PROMPT) == 0
    client.close()
    assert client.stderr == ""


# stdout


NOISE = """
import os
import sys

def noise():
    print("noise", flush=True)
    os.write(1, b"noise\\n")
    os.system("echo noise")

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in ("mcp_auth_bridge.commands.run", "mcp_auth_bridge.credentials.oauth"):
            noise()

sys.meta_path.insert(0, Finder())
"""


def test_output_of_a_library_never_reaches_stdout(acme) -> None:
    (acme.home / "sitecustomize.py").write_text(NOISE)  # at import, and while the relay runs
    acme.environment["PYTHONPATH"] = str(acme.home)
    with acme.stdio("acme") as client:
        client.initialize()
        client.call("add", ADD)
        client.close()
        assert client.stderr.count("noise") == 6
        assert list(client._lines.queue) == [b""]
