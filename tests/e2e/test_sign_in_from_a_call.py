"""A tool call without a login opens one tab for all processes of the machine and gets its own reply after the login."""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit
from urllib.request import urlopen

import msgspec
import pytest
from installed import wait_for
from peer import PEERS
from peers.gateway import Gateway
from program import command
from starlette.responses import HTMLResponse, JSONResponse, Response
from words import text

from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config.store import KeyFileStoreSettings
from mcp_auth_bridge.oauth.session import dump, load_session
from mcp_auth_bridge.shell.files.paths import paths_below

ADD = {"a": 1, "b": 2}
METADATA = "/.well-known/oauth-authorization-server"
RUN = "Run: mcp-auth-bridge login acme"

# Browsers with a user who does not sign in; each records the URL that it was given.
CLOSES = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')"
REFUSES = f"""{CLOSES}
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import urlopen
entrance = urlsplit(sys.argv[2])
link = HTTPConnection(entrance.netloc)
link.request("GET", entrance.path)
asked = urlsplit(link.getresponse().headers["location"])
query = {{name: values[0] for name, values in parse_qs(asked.query).items()}}
said = urlencode({{"error": "access_denied", "state": query["state"], "iss": f"{{asked.scheme}}://{{asked.netloc}}"}})
urlopen(query["redirect_uri"] + "?" + said).read()
"""


# Signs in once the test writes to the pipe beside its log.
WAITS = """
import runpy, sys
log, browser, url = sys.argv[1:]
open(f"{log}.go").read()
sys.argv = [browser, "--log", log, url]
runpy.run_path(browser, run_name="__main__")
"""


@pytest.fixture(scope="module")
def running_gateway():
    with Gateway() as gateway:
        yield gateway


@pytest.fixture
def gateway(running_gateway):
    running_gateway.instead.clear()
    running_gateway.requests.clear()
    running_gateway.grants._access.clear()
    running_gateway.grants._refresh.clear()
    return running_gateway


@pytest.fixture
def acme(bridge, gateway):
    """The bridge, configured for `acme`, without a login; a call may open the browser."""
    bridge.add_server("acme", gateway.url, login="auto")
    return bridge


def browser(bridge, gateway, script):
    """Makes `script` the browser of calls; returns a function that lists the URLs it was given."""
    log = bridge.home / "urls"
    command = shlex.join([sys.executable, "-c", script, str(log)])
    bridge.add_server("acme", gateway.url, login="auto", browser_command=command)
    return lambda: log.read_text().splitlines() if log.exists() else []


def opened(bridge, *target):
    client = bridge.stdio(*(target or ["acme"]))
    client.initialize()
    return client


def tell(client, method, request_id, **params):
    client.send(json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).encode())


def answer_to(client, request_id):
    while (value := json.loads(client.read())).get("id") != request_id:
        pass
    return value


def callback_port(url):
    return urlsplit(url).port


def test_a_call_without_a_login_gets_its_reply_after_the_login(acme) -> None:
    with opened(acme) as client:
        client.request("tools/list")
        client.request("ping")
        client.request("resources/list")
        assert acme.launches == []
        assert text(client.call("add", ADD)) == "3"
        assert [launch["title"] for launch in acme.launches] == ["Signed in"]
        assert client.close() == 0
        assert "mcp-auth-bridge: signed in to acme" in client.stderr
        assert "Traceback" not in client.stderr


def test_a_call_that_finds_the_login_of_another_account_signs_in(acme, gateway) -> None:
    acme.login("acme")
    home = acme.home
    paths = paths_below(home)
    store = StoreAccess(KeyFileStoreSettings(str(home / "sealing.key")), paths).store
    key = f"session acme {gateway.url}"
    record = store.load(key)
    session = msgspec.structs.replace(load_session(record.secret), account="tom", names=("tom@acme.example",))
    store.save(key, dump(session), record.generation)
    acme.add_server("acme", gateway.url, login="auto", **{"auth.kind": "browser", "auth.account": "mia@acme.example"})
    with opened(acme) as client:
        assert text(client.call("add", ADD)) == "3"
    assert len(acme.launches) == 2


def test_the_login_tool_signs_in(acme) -> None:
    with opened(acme) as client:
        assert [tool["name"] for tool in client.request("tools/list")["result"]["tools"]] == ["acme_login"]
        tell(client, "tools/call", "in", name="acme_login", arguments={})
        assert "You are signed in to acme" in text(answer_to(client, "in"))
        assert "add" in {tool["name"] for tool in client.request("tools/list")["result"]["tools"]}
    assert len(acme.launches) == 1


@pytest.mark.parametrize("count", [6, pytest.param(64, marks=pytest.mark.slow)])
def test_many_cold_processes_open_one_tab_and_all_calls_are_answered(bridge, gateway, count, record_property) -> None:
    pipe = bridge.home / "browser.log.go"
    os.mkfifo(pipe)
    command = [sys.executable, "-c", WAITS, str(bridge.home / "browser.log"), str(PEERS / "browser.py")]
    bridge.add_server("acme", gateway.url, login="auto", browser_command=command)
    clients = [opened(bridge) for _ in range(count)]
    try:
        for client in clients:
            tell(client, "tools/call", "add", name="add", arguments=ADD)
        wait_for(lambda: gateway.seen("/mcp") >= count)  # each was refused once
        pipe.write_text("go")
        approved = time.monotonic()
        assert [text(answer_to(client, "add")) for client in clients] == ["3"] * count
        record_property("seconds from the approval to the last answer", round(time.monotonic() - approved, 2))
        assert [launch["title"] for launch in bridge.launches] == ["Signed in"]
    finally:
        for client in clients:
            client.close()


def test_a_user_who_denies_consent_is_asked_only_once(acme, gateway) -> None:
    urls = browser(acme, gateway, REFUSES)
    with opened(acme) as client:
        first = client.call("add", ADD)
        assert first["result"]["isError"] is True
        assert RUN in text(first).splitlines()
        assert "declined" in text(first).splitlines()[0]
        assert "a few minutes ago" in text(client.call("add", ADD))
    with opened(acme) as another:
        assert "a few minutes ago" in text(another.call("add", ADD))
    assert len(urls()) == 1


def test_the_end_of_stdin_ends_an_unfinished_login(acme, gateway) -> None:
    urls = browser(acme, gateway, CLOSES)
    client = opened(acme)
    tell(client, "tools/call", 1, name="add", arguments=ADD)
    wait_for(urls)
    assert client.close() == 0
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", callback_port(urls()[0])))


def test_a_tab_whose_process_died_is_replaced_at_the_next_call(acme, gateway) -> None:
    urls = browser(acme, gateway, CLOSES)
    client = opened(acme)
    tell(client, "tools/call", 1, name="add", arguments=ADD)
    wait_for(urls)
    client._process.kill()
    client.close()
    acme.add_server("acme", gateway.url, login="auto")
    with opened(acme) as another:
        assert text(another.call("add", ADD)) == "3"
    assert [launch["title"] for launch in acme.launches] == ["Signed in"]


def test_a_login_by_hand_takes_precedence_over_an_unanswered_tab(acme, gateway) -> None:
    urls = browser(acme, gateway, CLOSES)
    with opened(acme) as client, opened(acme) as another:
        for caller in (client, another):
            tell(caller, "tools/call", "add", name="add", arguments=ADD)
        wait_for(urls)
        done = acme.run("login", "acme", "--browser-command", acme.browser_command)
        assert done.returncode == 0, done.stderr
        assert [text(answer_to(caller, "add")) for caller in (client, another)] == ["3", "3"]
    assert (len(urls()), len(acme.launches)) == (1, 1)


def test_after_a_logout_no_browser_opens_until_a_user_logs_in(acme) -> None:
    acme.login("acme")
    assert acme.run("logout", "acme").returncode == 0
    with opened(acme) as client:
        assert RUN in text(client.call("add", ADD))
    assert len(acme.launches) == 1
    acme.login("acme")
    with opened(acme) as client:
        assert text(client.call("add", ADD)) == "3"


def test_a_held_call_can_be_cancelled(acme, gateway) -> None:
    urls = browser(acme, gateway, CLOSES)
    with opened(acme) as client:
        tell(client, "tools/call", 1, name="add", arguments=ADD)
        wait_for(urls)
        client.send(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')
        assert client.request("ping", request_id=1)["result"] == {}


def wants_offline_access(gateway):
    """The MCP server, which refuses every token without this scope."""
    challenge = {"www-authenticate": 'Bearer error="insufficient_scope", scope="offline_access"'}
    refused = Response(status_code=403, headers=challenge)

    async def app(scope, receive, send):
        token = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        granted = {known.reveal(): access.scope for known, (_, access) in gateway.grants._access.items()}
        short = token in granted and "offline_access" not in granted[token]
        await (refused if short else gateway._app)(scope, receive, send)

    return app


def without_offline_access(gateway):
    """The authorization server's metadata, changed so that the login gets only the scope `tools`."""
    with urlopen(f"{gateway.origin}{METADATA}") as answer:
        return {**json.load(answer), "scopes_supported": ["tools"]}


def test_a_missing_permission_is_requested_together_with_the_existing_ones(acme, gateway) -> None:
    gateway.instead[METADATA] = JSONResponse(without_offline_access(gateway))
    acme.login("acme")
    del gateway.instead[METADATA]
    with opened(acme) as client:
        assert text(client.call("add", ADD)) == "3"
        gateway.instead["/mcp"] = wants_offline_access(gateway)
        assert text(client.call("add", ADD)) == "3"
    assert [launch["title"] for launch in acme.launches] == ["Signed in", "Signed in"]
    _, (_, access) = gateway.grants._access.popitem()
    assert set(access.scope.split()) == {"tools", "offline_access"}


PLACES = {
    "no display": {},
    "an SSH session": {"DISPLAY": ":0", "SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"},
    "a container": {"DISPLAY": ":0", "container": "podman"},
}
CANNOT_OPEN = "A login to acme is needed: you are not logged in; the bridge cannot open a browser here."


def without_browser(bridge, gateway, **environment):
    bridge.add_server("acme", gateway.url, login="auto", browser_command=[])
    nowhere = "unix:path=/nowhere/bus"  # not the desktop of whoever runs this test
    bridge.environment |= {**environment, "BROWSER": acme_browser(bridge), "DBUS_SESSION_BUS_ADDRESS": nowhere}
    return bridge


def follow(bridge, address):
    """Open `address` as a user does, and sign in."""
    subprocess.run([*shlex.split(bridge.browser_command), address], env=bridge.environment, check=True)


def opened_with(bridge, **capabilities):
    client = bridge.stdio("acme")
    client_info = {"name": "raw", "version": "1"}
    about = {"protocolVersion": "2025-06-18", "capabilities": capabilities, "clientInfo": client_info}
    client.request("initialize", about, "initialize")
    client.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    return client


@pytest.mark.parametrize("place", PLACES)
def test_without_a_desktop_the_call_says_where_to_sign_in(bridge, gateway, place) -> None:
    with opened(without_browser(bridge, gateway, **PLACES[place])) as client:
        first = text(client.call("add", ADD)).splitlines()
        assert first[0] == CANNOT_OPEN
        assert first[3:] == ["Or run: mcp-auth-bridge login acme", "Then call this tool again."]
        assert text(client.call("add", ADD)).splitlines() == first  # the same login still waits
        assert bridge.launches == []
        follow(bridge, first[2])
        wait_for(lambda: "signed in to acme" in client.stderr)
        assert text(client.call("add", ADD)) == "3"


def test_every_process_says_where_the_login_of_one_of_them_begins(bridge, gateway) -> None:
    without_browser(bridge, gateway)
    with opened(bridge) as client, opened(bridge) as another:
        addresses = {text(caller.call("add", ADD)).splitlines()[2] for caller in (client, another)}
        assert len(addresses) == 1


def test_a_client_that_takes_urls_shows_where_to_sign_in_and_the_call_gets_its_reply(bridge, gateway) -> None:
    with opened_with(without_browser(bridge, gateway), elicitation={"form": {}, "url": {}}) as client:
        client.post("tools/call", {"name": "add", "arguments": ADD}, 1)
        while (asked := json.loads(client.read())).get("method") != "elicitation/create":
            pass
        assert asked["params"]["mode"] == "url"
        assert urlsplit(asked["params"]["url"]).hostname == "127.0.0.1"
        assert not urlsplit(asked["params"]["url"]).query
        client.send(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept"}}).encode())
        follow(bridge, asked["params"]["url"])
        assert text(client.answer(1)) == "3"


def test_a_client_without_a_user_declines_and_is_told_where_to_sign_in(bridge, gateway) -> None:
    with opened_with(without_browser(bridge, gateway), elicitation={"url": {}}) as client:
        for request_id in (1, 2):
            client.post("tools/call", {"name": "add", "arguments": ADD}, request_id)
            while (asked := json.loads(client.read())).get("method") != "elicitation/create":
                pass
            client.send(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "decline"}}).encode())
            assert asked["params"]["url"] in text(client.answer(request_id)).splitlines()


def test_a_ci_job_begins_no_login(bridge, gateway) -> None:
    with opened(without_browser(bridge, gateway, DISPLAY=":0", CI="true")) as client:
        assert RUN in text(client.call("add", ADD)).splitlines()
    assert bridge.launches == []


def acme_browser(bridge):
    """A $BROWSER that would leave a trace."""
    return shlex.join([sys.executable, str(PEERS / "browser.py"), "--log", str(bridge._browser_log), "%s"])


# A login by hand


def test_eight_logins_at_once_open_one_tab_and_all_succeed(acme) -> None:
    processes = [
        subprocess.Popen([command(), "login", "acme"], env=acme.environment, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, said
    assert [launch["title"] for launch in acme.launches] == ["Signed in"]


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, "an SSH session"),
        ({"WSL_DISTRO_NAME": "Debian"}, "WSL"),
        ({"container": "podman"}, "a container"),
    ],
)
def test_a_login_without_a_local_browser_names_the_ways_that_need_none(acme, gateway, environ, place) -> None:
    acme.environment |= environ
    gateway.instead["/mcp"] = HTMLResponse("", 404)  # the message comes first
    acme.add_server("acme", gateway.url, browser_command=[])
    said = acme.run("login", "acme").stderr
    assert f"mcp-auth-bridge: this is {place}: " in said
    assert "--paste" in said
    assert "--device" in said
    assert "this is" not in acme.run("login", "acme", "--browser-command", "firefox").stderr
