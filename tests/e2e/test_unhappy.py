"""Every failure is reported in one sentence and one hint and costs no login: the installed command, end to end."""

import contextlib
import json
import os
import shutil
import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from installed import Bridge, RawClient
from peers.gateway import Gateway
from program import command
from starlette.responses import HTMLResponse, RedirectResponse, Response
from words import complaint, error, text

ADD = {"a": 1, "b": 2}
PAGE = "<!doctype html><title>Sign in to the network</title>"


@pytest.fixture(scope="module")
def running_gateway():
    with Gateway() as gateway:
        yield gateway


@pytest.fixture
def gateway(running_gateway):
    running_gateway.instead.clear()
    running_gateway.up()
    return running_gateway


@pytest.fixture(scope="module")
def home_with_a_login(running_gateway, tmp_path_factory):
    bridge = Bridge(tmp_path_factory.mktemp("home"))
    bridge.add_server("acme", running_gateway.url)
    bridge.login("acme")
    return bridge.home


@pytest.fixture
def acme(bridge, gateway, home_with_a_login):
    """The bridge, logged in to the gateway as `acme`; tests must not spend this login. No browser was launched yet."""
    bridge.add_server("acme", gateway.url)
    for folder in ("records", "memory", "locks"):
        shutil.copytree(home_with_a_login / folder, bridge.home / folder)
    return bridge


@pytest.fixture
def own_acme(bridge, gateway):
    """As `acme`, with a login for one test; one browser was launched."""
    bridge.add_server("acme", gateway.url)
    bridge.login("acme")
    return bridge


def call(bridge, *target):
    """The replies of `run` to `initialize` and then `add`; the handshake succeeds and the process stays."""
    with bridge.stdio(*(target or ["acme"])) as client:
        assert "result" in client.initialize()
        answer = client.call("add", ADD)
        assert client.request("ping", request_id="alive")["result"] == {}
        assert client.close() == 0
        assert "Traceback" not in client.stderr
    return answer


@contextlib.contextmanager
def no_login_is_lost(bridge):
    """Asserts that after the body the login still works without a browser."""
    yield
    launches = len(bridge.launches)
    assert text(call(bridge)) == "3"
    assert len(bridge.launches) == launches


# The remote


ODD_ANSWERS = {
    "a web page": (HTMLResponse(PAGE), "a web page (HTTP 200)", "captive portal"),
    "a web page with 403": (HTMLResponse(PAGE, 403), "refuses this request (HTTP 403), saying", "single sign-on proxy"),
    "a bare 403": (Response(status_code=403), "refuses this request (HTTP 403)", "organisation header"),
    "404": (Response(status_code=404), "no MCP endpoint at this URL (HTTP 404)", "the path of the URL"),
    "503": (Response(status_code=503), "HTTP 503", "try again"),
    "a redirect elsewhere": (RedirectResponse("https://other.example/"), "redirect", "https://other.example/"),
}


@pytest.mark.parametrize("name", ODD_ANSWERS)
def test_an_unexpected_response_is_explained_and_costs_no_login(acme, gateway, name) -> None:
    answer, what, advice = ODD_ANSWERS[name]
    with no_login_is_lost(acme):
        gateway.instead["/mcp"] = answer
        done = acme.run("login", "acme")
        sentence, hint = complaint(done.stderr)
        assert (done.returncode, done.stdout) == (7, "")
        assert what in sentence
        assert advice in hint
        failed = error(call(acme))
        assert (failed["code"], failed["data"]["code"]) == (-32013, "upstream_http")
        assert what in failed["message"]
        assert advice in failed["data"]["action"]
        gateway.instead.clear()


@pytest.mark.parametrize("name", ["a web page", "404", "503", "a redirect elsewhere"])
def test_login_opens_no_browser_if_the_url_is_not_an_mcp_server(acme, gateway, name) -> None:
    gateway.instead["/mcp"] = ODD_ANSWERS[name][0]
    assert acme.run("login", "acme").returncode == 7
    assert acme.launches == []


def test_login_and_run_name_a_wrong_path(bridge, gateway) -> None:
    bridge.add_server("acme", f"{gateway.origin}/wrong")
    done = bridge.run("login", "acme")
    assert (done.returncode, bridge.launches) == (7, [])
    assert "HTTP 404" in complaint(done.stderr)[0]
    assert "HTTP 404" in error(call(bridge))["message"]


def test_a_refused_connection_may_be_repeated_and_costs_no_login(acme, gateway) -> None:
    with no_login_is_lost(acme):
        gateway.down()
        done = acme.run("login", "acme")
        sentence, hint = complaint(done.stderr)
        assert done.returncode == 6
        assert sentence.endswith("refuses connections")
        assert "port" in hint
        failed = error(call(acme))
        assert (failed["code"], failed["data"]["retry_safe"]) == (-32011, True)
        assert acme.run("status").returncode == 0
        gateway.up()
    assert acme.launches == []


def test_a_running_bridge_goes_on_when_its_server_comes_back(acme, gateway) -> None:
    with acme.stdio("acme") as client:
        client.initialize()
        assert text(client.call("add", ADD)) == "3"
        gateway.down()
        assert error(client.call("add", ADD))["data"]["retry_safe"]
        gateway.up()
        assert text(client.call("add", ADD)) == "3"


def test_an_unknown_host_is_distinguished_from_a_server_that_is_down(bridge) -> None:
    url = "https://no-such-host.invalid/mcp"
    bridge.add_server("acme", url)
    done = bridge.run("login", "acme")
    assert done.returncode == 6
    assert "(DNS)" in complaint(done.stderr)[0]
    failed = error(call(bridge))
    assert (failed["code"], failed["data"]["sent"]) == (-32011, "no")
    assert "(DNS)" in failed["message"]


def test_a_logout_without_a_network_deletes_the_login_here_and_says_what_remains(acme, gateway) -> None:
    gateway.down()
    done = acme.run("logout", "acme")
    assert done.returncode == 6
    assert "refuses connections" in complaint(done.stderr)[0]
    assert "on this machine" in done.stderr
    assert "signed out: run: mcp-auth-bridge login acme" in acme.run("status").stdout


# TLS


OTHER_CA = trustme.CA()
TLS = {
    "unknown issuer": (OTHER_CA, {}, "127.0.0.1", "has an unknown issuer", "ca_file"),
    "expired": (None, {"not_after": datetime(2020, 1, 1, tzinfo=UTC)}, "127.0.0.1", "has expired", "clock"),
    "another host": (None, {}, "localhost", "is for another host", "host"),
}


def server_context(ca, host, **dates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(host, **dates).configure_cert(context)
    return context


@pytest.mark.parametrize("name", TLS)
def test_a_wrong_certificate_is_explained_and_costs_no_login(bridge, name) -> None:
    other_ca, dates, host, what, advice = TLS[name]
    ca = trustme.CA()
    trusted = bridge.home / "ca.pem"
    ca.cert_pem.write_to_path(str(trusted))
    bridge.browser_command = f"env SSL_CERT_FILE={trusted} {bridge.browser_command}"
    good = server_context(ca, "127.0.0.1")
    with Gateway(good) as gateway:
        bridge.add_server("acme", gateway.url, **{"network.ca_file": str(trusted)})
        bridge.login("acme")
        with no_login_is_lost(bridge):
            gateway.down()
            gateway.tls = server_context(other_ca or ca, host, **dates)
            gateway.up()
            done = bridge.run("login", "acme")
            sentence, hint = complaint(done.stderr)
            assert (done.returncode, len(bridge.launches)) == (6, 1)
            assert what in sentence
            assert advice in hint
            failed = error(call(bridge))
            assert (failed["code"], failed["data"]["sent"]) == (-32011, "no")
            assert what in failed["message"]
            gateway.down()
            gateway.tls = good
            gateway.up()


# The grant


def test_a_revoked_grant_asks_for_a_login_without_opening_a_browser(own_acme, gateway) -> None:
    acme = own_acme
    newest = list(gateway.grants._refresh)[-1]
    gateway.grants._refresh[newest].revoked = True
    with acme.stdio("acme") as client:
        client.initialize()
        answer = client.call("add", ADD)
        assert answer["result"]["isError"]
        assert "Run: mcp-auth-bridge login acme" in text(answer)
        assert "the authorization server ended it" in acme.run("status").stdout
        assert len(acme.launches) == 1
        acme.login("acme")
        assert text(client.call("add", ADD)) == "3"


# The store


def flip(home):
    for record in home.glob("records/*.sealed"):
        data = record.read_bytes()
        record.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def cut(home):
    for record in home.glob("records/*.sealed"):
        record.write_bytes(record.read_bytes()[:10])


def other_key(home):
    (home / "sealing.key").write_text("YW5vdGhlci1rZXktYW5vdGhlci1rZXktYW5vdGhlciE=\n")


def open_key(home):
    (home / "sealing.key").chmod(0o644)


def no_folder(home):
    (home / "records").rename(home / "away")
    (home / "records").write_text("a file in place of the folder: no user can write below it, not even root")


DAMAGE = {
    "a flipped bit": (flip, "is damaged", "mcp-auth-bridge login"),
    "a cut record": (cut, "is damaged", "mcp-auth-bridge login"),
    "another key": (other_key, "was sealed with another key", "restore that key"),
    "no key": (lambda home: (home / "sealing.key").unlink(), "sealing key is missing", "restore the key"),
    "a key that others can read": (open_key, "is open to other users", "chmod 600"),
    "a folder that cannot be used": (no_folder, "not a directory", "MCP_AUTH_BRIDGE_HOME"),
}


@contextlib.contextmanager
def undone(home):
    """Puts back the records and the key afterwards, as a backup would."""
    files = [*home.glob("records/*"), home / "sealing.key"]
    saved = {path: path.read_bytes() for path in files}
    yield
    if (home / "away").exists():
        (home / "records").unlink()
        (home / "away").rename(home / "records")
    for path, data in saved.items():
        path.write_bytes(data)
        path.chmod(0o600)


@pytest.mark.parametrize("name", DAMAGE)
def test_every_command_names_a_damaged_record_and_only_a_logout_deletes_it(acme, name) -> None:
    damage, what, advice = DAMAGE[name]
    with no_login_is_lost(acme), undone(acme.home):
        damage(acme.home)
        failed = error(call(acme))
        assert (failed["code"], failed["data"]["code"], failed["data"]["sent"]) == (-32010, "store", "no")
        assert what in failed["message"]
        assert advice in failed["data"]["action"]
        status = acme.run("status")
        assert status.returncode == 5
        assert what in status.stdout
        assert "Traceback" not in status.stderr
        done = acme.run("logout", "acme")
        sentence, hint = complaint(done.stderr)
        assert done.returncode == 5
        assert what in sentence
        assert advice in hint
        # A damaged record is lost for good; a record sealed with another key may become readable again.
        assert ("signed out of acme on this machine" in done.stderr) is (what == "is damaged")


def test_a_client_sees_the_remembered_tools_while_the_record_cannot_be_read(acme) -> None:
    with undone(acme.home):
        flip(acme.home)
        with acme.stdio("acme") as client:
            client.initialize()
            tools = client.request("tools/list")["result"]["tools"]
    assert "add" in {tool["name"] for tool in tools}


def test_a_login_replaces_a_damaged_record_and_keeps_a_copy_of_it(acme) -> None:
    flip(acme.home)
    acme.login("acme")
    assert text(call(acme)) == "3"
    assert list(acme.home.glob("records/*.damaged-*"))


def test_status_does_not_hide_a_damaged_login_that_no_configuration_names(bridge, gateway) -> None:
    bridge.add_server("unused", "http://127.0.0.1:9/mcp")  # only for its [store]
    done = bridge.run("login", gateway.url, "--browser-command", bridge.browser_command)
    assert done.returncode == 0, done.stderr
    for record in bridge.home.glob("records/*.sealed"):
        record.write_bytes(b"")
    done = bridge.run("status")
    assert done.returncode == 5
    assert done.stderr.count("is damaged") == 2  # the session and the client


# The disk. A process that may not write a byte to any file sees a full disk, even as root.


FULL = (
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, -1)); os.execv(sys.argv[1], sys.argv[1:])"
)


def on_a_full_disk(bridge, *arguments):
    environment = bridge.environment | {"PYTHONDONTWRITEBYTECODE": "1"}  # or the interpreter truncates its own caches
    return RawClient([sys.executable, "-c", FULL, command(), *arguments], environment)


def test_a_login_on_a_full_disk_says_so_and_keeps_the_old_one(acme) -> None:
    with no_login_is_lost(acme):
        client = on_a_full_disk(acme, "login", "acme")
        assert client.close() == 5
        sentence, hint = complaint(client.stderr)
        assert "no space left" in sentence
        assert "free some space" in hint


def test_on_a_full_disk_no_refresh_token_is_spent_and_the_bridge_recovers_with_free_space(own_acme, gateway) -> None:
    acme = own_acme
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("only Linux can end another process's limit")
    gateway.grants._access.popitem()  # the newest: this login's
    before = gateway.grants.refreshes
    client = on_a_full_disk(acme, "run", "acme")
    with client, no_login_is_lost(acme):
        client.initialize()
        for number in (1, 2):
            failed = error(client.call("add", ADD, number))
            assert (failed["code"], failed["data"]["code"], failed["data"]["sent"]) == (-32010, "store", "no")
            assert "no space left" in failed["message"]
        assert gateway.grants.refreshes == before
        resource.prlimit(client._process.pid, resource.RLIMIT_FSIZE, (-1, -1))
        assert text(client.call("add", ADD, 3)) == "3"
    assert gateway.grants.refreshes == before + 1
    assert len(acme.launches) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_without_permission_is_reported(acme) -> None:
    (acme.home / "records").chmod(0o500)
    try:
        with no_login_is_lost(acme):
            done = acme.run("login", "acme")
            assert (done.returncode, "no permission" in complaint(done.stderr)[0]) == (5, True)
    finally:
        (acme.home / "records").chmod(0o700)


# The command line and the configuration


URLS = {
    "http://127.0.0.1:99999/mcp": "its port is not a number",
    "https://": "its host is missing",
    "ftp://mcp.example.com/mcp": "must start with https://",
    "http://mcp.example.com/mcp": "use https",
    "https://mcp example.com/": "must percent-encode",
    "https://[::1/mcp": "cannot be parsed",
    "https://person:hunter2@mcp.example.com/": "must not hold a user name or password",
    "mcp.example.com/mcp": "there is no server named",
    "nobody": "there is no server named",
}


@pytest.mark.parametrize(
    ("subcommand", "url"), [*(("run", url) for url in URLS), ("login", "https://"), ("logout", "https://")]
)
def test_a_wrong_url_is_reported_before_any_work(bridge, url, subcommand) -> None:
    done = bridge.run(subcommand, url)
    sentence, hint = complaint(done.stderr)
    assert (done.returncode, done.stdout) == (2, "")
    assert URLS[url] in sentence
    assert "https://" in hint
    assert "hunter2" not in done.stderr
    assert {path.name for path in bridge.home.iterdir()} - {"log"} == {"sealing.key"}
    assert not any("hunter2" in path.read_text() for path in bridge.home.rglob("*.jsonl"))


HEADERS = {
    "X-Acme-Org": ("has no colon", "Name: value"),
    "X Acme Org: 1": ("is not a header name", "X-Acme-Org"),
    "Authorization: Bearer hunter2": ("set by the bridge itself", "bearer"),
    "X-Acme-Org: sm\u00f6rg\u00e5s-hunter2": ("a header cannot carry", "ASCII"),
    "X-Acme-Org: hunter2\r\nX-Other: 1": ("a header cannot carry", "ASCII"),
}


@pytest.mark.parametrize(("subcommand", "header"), [*(("run", header) for header in HEADERS), ("login", "X-Acme-Org")])
def test_an_unusable_header_is_reported_without_its_value(bridge, header, subcommand) -> None:
    bridge.add_server("acme", "http://127.0.0.1:9/mcp")
    done = bridge.run(subcommand, "acme", "--header", header)
    sentence, hint = complaint(done.stderr)
    assert (done.returncode, done.stdout) == (2, "")
    assert HEADERS[header][0] in sentence
    assert HEADERS[header][1] in hint
    assert "hunter2" not in done.stderr


REFERENCES = {
    "env:NO_SUCH_VARIABLE": "NO_SUCH_VARIABLE, which is not set",
    "file:/no/such": "no such file",
}


@pytest.mark.parametrize("value", REFERENCES)
def test_a_header_with_an_empty_source_is_reported_and_run_stays(acme, value) -> None:
    header = ["--header", f"X-Acme-Org: {value}"]
    done = acme.run("login", "acme", *header)
    sentence, hint = complaint(done.stderr)
    assert (done.returncode, acme.launches) == (9, [])
    assert REFERENCES[value] in sentence
    assert "file:PATH" in hint
    failed = error(call(acme, "acme", *header))
    assert (failed["code"], failed["data"]["code"]) == (-32010, "credential_missing")
    assert REFERENCES[value] in failed["message"]


SERVER = "[servers.acme]\nurl = 'https://mcp.example.com'\n"
CONFIGURATIONS = {
    "[servers.acme\n": "is not valid TOML",
    "[servers.acme]\nurl = 5\n": "servers.acme.url: expected text in quotes, got a whole number",
    "[servers.acme]\n": "line 1: servers.acme: the key url is missing",
    f"{SERVER}urll = 5\n": "line 3: servers.acme.urll is not a known key",
    "[server.acme]\n": "line 1: server is not a known key",
    "[servers.acme]\nurl = 'http://mcp.example.com'\n": "servers.acme.url: “http://mcp.example.com” is not acceptable",
    "servers.acme = 5\n": "line 1: servers.acme: expected a table, got a whole number",
    "[store]\nkind = 'kering'\n": "store.kind: invalid value 'kering'",
    "[store]\nkind = 'key_file'\n": "store: the key path is missing",
    f"{SERVER}headers = {{ Cookie = 'a=b' }}\n": "servers.acme.headers: Cookie is set by the bridge itself",
    f"{SERVER}auth = {{ kind = 'bearer' }}\n": "servers.acme.auth: the key token is missing",
    f"{SERVER}auth = {{ kind = 'browser', client_id = 'me' }}\n": "client_id without issuer",
    "\udcff": "is not text in UTF-8",
}


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_a_configuration_error_names_file_key_and_expected_value(bridge, configuration) -> None:
    file = bridge.home / "config.toml"
    file.write_bytes(configuration.encode(errors="surrogateescape"))
    done = bridge.run("run", "acme")
    sentence, hint = complaint(done.stderr)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence.startswith(str(file))
    assert CONFIGURATIONS[configuration] in sentence
    assert hint


def test_a_wrong_kind_is_reported_with_the_valid_kinds(bridge) -> None:
    (bridge.home / "config.toml").write_text("[store]\nkind = 'kering'")
    hint = complaint(bridge.run("status").stderr)[1]
    kinds = "keyring, key_file, key_command, memory, insecure_file, redis"
    assert hint == f'did you mean "keyring"? kind is one of: {kinds}'


def test_every_command_reports_a_configuration_error_in_the_same_words(bridge) -> None:
    (bridge.home / "config.toml").write_text("[server.acme]")
    commands = (["status"], ["login", "acme"], ["run", "acme"], ["logout", "acme"])
    said = {(done.returncode, done.stdout, done.stderr) for done in (bridge.run(*command) for command in commands)}
    assert len(said) == 1


def test_an_unknown_command_is_reported_like_any_other_mistake(bridge) -> None:
    done = bridge.run("wash", "acme")
    assert done.returncode == 2
    assert complaint(done.stderr) == ("“wash” is not a command", "see: mcp-auth-bridge --help")


def test_status_json_stays_json_after_an_error(acme) -> None:
    flip(acme.home)
    done = acme.run("status", "--json")
    assert done.returncode == 5
    assert [line["state"] for line in json.loads(done.stdout)] == ["unreadable"]


def test_every_exit_code_in_this_file_is_in_the_help(bridge) -> None:
    text = bridge.run("--help").stdout
    assert all(f"{code} " in text for code in range(16))
    assert Path(command()).name in text
