"""Scenario S3: agents without a user. One file names several servers, and each failure is reported precisely."""

import json
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest
from black_hole import black_hole
from installed import Bridge, RawClient
from namespaces import resolving
from needs import found, needs
from peer import Peer, scenario
from program import command
from words import error, text

HEADLESS = ("--headless", "--log-format", "json")
PLACEHOLDER = "${PROMETHEUS_TOKEN:-placeholder}"
# The members of a failure, in the error's data and in the line on stderr.
SHARED = (
    "code",
    "sent",
    "retry_safe",
    "action",
    "status",
    "issuer",
    "audience_expected",
    "audience_found",
    "expires_at",
)

_loopback = build_opener(ProxyHandler({}))


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Peer]:
    yield from scenario("on_call_cluster", tmp_path_factory.mktemp("peer"))


@pytest.fixture
def cluster(running) -> Peer:
    running.control(["reset"])
    return running


@pytest.fixture
def bridge(tmp_path: Path) -> Bridge:
    """As in a container: no store is configured, and no user is present."""
    home = tmp_path / "home"
    home.mkdir(0o700)
    bridge = Bridge(home)
    bridge.store = ""
    return bridge


def mint(cluster, **claims) -> str:
    """A token of the cluster's issuer; `in` is its lifetime in seconds."""
    with _loopback.open(f"{cluster.about['origin']}/mint?{urlencode(claims)}", timeout=10) as answer:
        return answer.read().decode()


def url(cluster, name) -> str:
    return f"{cluster.about['origin']}/{name}/mcp"


def configure(bridge, name, url, token, **more) -> None:
    bridge.add_server(name, url, **{"auth.kind": "bearer", "auth.token": token, **more})


def start(bridge, name) -> RawClient:
    return bridge.stdio(name, *HEADLESS)


def lines(client) -> list[dict]:
    return [json.loads(line) for line in client.stderr.splitlines()]


def failure(bridge, name) -> tuple[dict, int]:
    """The failure of the server `name` and the exit code; asserts that the three reports of it agree."""
    with start(bridge, name) as client:
        told = error(client.initialize())
        again = client.call("query")  # the process goes on, and the next call fails too
        code = client.close()
        (line,) = lines(client)
    assert error(again)["data"]["code"] == told["data"]["code"]
    assert (line["level"], line["server"], line["exit_code"], line["rpc_code"]) == ("error", name, code, told["code"])
    assert [line.get(key) for key in SHARED] == [told["data"].get(key) for key in SHARED]
    assert told["message"].startswith(f"mcp-auth-bridge: {line['message']}")
    return line, code


# Success


def test_three_servers_that_differ_only_in_their_query_get_it_unchanged(bridge, cluster) -> None:
    queries = {"grafana": "toolset=grafana", "loki": "toolset=loki&q=%2Fa%20b+c", "prometheus": "toolset=prometheus&x"}
    for name, query in queries.items():
        configure(bridge, name, f"{url(cluster, 'loose')}?{query}", PLACEHOLDER)
    with ExitStack() as agent:
        clients = {name: agent.enter_context(start(bridge, name)) for name in queries}
        for client in clients.values():
            assert "result" in client.initialize()
        assert {name: text(client.call("query")) for name, client in clients.items()} == queries
        assert [client.close() for client in clients.values()] == [0, 0, 0]
        assert [client.stderr for client in clients.values()] == ["", "", ""]


def test_rotating_the_token_file_costs_no_call(bridge, cluster) -> None:
    token = bridge.home / "token"
    token.write_text(mint(cluster, sub="first"))
    configure(bridge, "prometheus", url(cluster, "strict"), f"file:{token}")
    with start(bridge, "prometheus") as client:
        client.initialize()
        assert "result" in client.call("query")
        cluster.control(["end_seen_tokens"])
        new = bridge.home / "token.new"
        new.write_text(mint(cluster, sub="second"))
        new.replace(token)
        assert "result" in client.call("query")
        assert (client.close(), client.stderr) == (0, "")


def test_with_a_static_token_no_metadata_is_requested(bridge, cluster) -> None:
    configure(bridge, "prometheus", url(cluster, "strict"), PLACEHOLDER)
    failure(bridge, "prometheus")
    assert {request["path"] for request in cluster.control()["requests"]} == {"/strict/mcp"}


# Servers with cluster names and without certificates


@pytest.fixture
def service(cluster, bridge, tmp_path) -> str:
    """The URL of a server with a cluster name, which resolves for every command of `bridge`."""
    name = "prometheus.monitoring.svc.cluster.example"
    bridge.within = resolving(tmp_path / "hosts", name)
    return url(cluster, "strict").replace("127.0.0.1", name)


WARNING = "warning: nothing on the way to {origin} is encrypted (allow_http)"


def test_a_cluster_name_works_over_plain_http_if_its_table_allows_it(bridge, cluster, service) -> None:
    bridge.environment["PROMETHEUS_TOKEN"] = mint(cluster)
    configure(bridge, "prometheus", service, PLACEHOLDER, allow_http=True)
    for _ in range(2):  # the warning comes at each start
        with start(bridge, "prometheus") as client:
            assert "result" in client.initialize()
            assert "result" in client.call("query")
            assert client.close() == 0
            (line,) = lines(client)
        assert (line["level"], line["server"]) == ("info", "prometheus")
        assert line["message"].startswith(WARNING.format(origin=service.removesuffix("/strict/mcp")))
    status = bridge.run("status")
    assert "warning: nothing on the way there is encrypted (allow_http)" in status.stdout


def test_a_cluster_url_works_over_plain_http_if_the_command_line_allows_it(bridge, cluster, service) -> None:
    bridge.environment["PROMETHEUS_TOKEN"] = mint(cluster)
    auth = ("--auth", 'kind = "bearer", token = "env:PROMETHEUS_TOKEN"')
    done = bridge.run("call", service, "query", *auth, "--allow-http")
    assert done.returncode == 0, done.stderr
    assert WARNING.format(origin=service.removesuffix("/strict/mcp")) in done.stderr
    cluster.control(["reset"])
    refused = bridge.run("call", service, "query", *auth)
    assert refused.returncode == 2
    assert "--allow-http" in refused.stderr
    assert cluster.control()["requests"] == []


def test_by_default_no_name_is_reached_over_plain_http(bridge, cluster, service) -> None:
    configure(bridge, "prometheus", service, PLACEHOLDER)
    with start(bridge, "prometheus") as client:
        assert client.read() == b""
        assert client.close() == 2
        (line,) = lines(client)
    assert (line["code"], "allow_http = true" in line["action"]) == ("config", True)
    assert cluster.control()["requests"] == []


# Each failure is reported precisely


def test_a_placeholder_that_one_server_accepts_is_named_when_another_refuses_it(bridge, cluster) -> None:
    configure(bridge, "loki", url(cluster, "loose"), PLACEHOLDER)
    with start(bridge, "loki") as client:
        assert "result" in client.initialize()
    configure(bridge, "prometheus", url(cluster, "strict"), PLACEHOLDER)
    line, code = failure(bridge, "prometheus")
    assert (code, line["code"], line["status"]) == (14, "not_a_token", 401)
    assert line["message"] == (
        "prometheus refuses the token of prometheus (HTTP 401, saying “The access token is malformed or invalid”):"
        " it looks like a placeholder and not like a token"
    )
    assert line["action"].endswith("PROMETHEUS_TOKEN, which is not set, so that its default was used")


def test_the_error_for_an_expired_token_says_since_when(bridge, cluster) -> None:
    bridge.environment["PROMETHEUS_TOKEN"] = mint(cluster, **{"in": "-90"})
    configure(bridge, "prometheus", url(cluster, "strict"), PLACEHOLDER)
    line, code = failure(bridge, "prometheus")
    assert (code, line["code"]) == (11, "token_expired")
    assert re.search(r"it expired 9\d seconds ago \(", line["message"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line["expires_at"])


def test_the_error_for_a_token_for_another_audience_names_that_audience(bridge, cluster) -> None:
    bridge.environment["PROMETHEUS_TOKEN"] = mint(cluster, aud="https://grafana.example/mcp")
    configure(bridge, "prometheus", url(cluster, "bound"), PLACEHOLDER)
    line, code = failure(bridge, "prometheus")
    assert (code, line["code"]) == (12, "wrong_audience")
    assert line["audience_found"] == ["https://grafana.example/mcp"]
    assert line["audience_expected"] == url(cluster, "bound")


def test_an_issuer_that_the_server_does_not_know_is_named(bridge, cluster) -> None:
    bridge.environment["PROMETHEUS_TOKEN"] = mint(cluster, iss="Vendor")
    configure(bridge, "prometheus", url(cluster, "gateway"), PLACEHOLDER)
    line, code = failure(bridge, "prometheus")
    assert (code, line["code"], line["issuer"]) == (13, "unknown_issuer", "Vendor")
    assert "its issuer is “Vendor”, which the server does not know" in line["message"]


def test_an_opaque_token_is_refused_without_a_guess(bridge, cluster) -> None:
    bridge.environment["PROMETHEUS_TOKEN"] = "5f3a9c0e77d14b52a1e6"
    configure(bridge, "prometheus", url(cluster, "strict"), PLACEHOLDER)
    line, code = failure(bridge, "prometheus")
    assert (code, line["code"]) == (10, "credential_refused")


def test_a_server_that_is_down_is_unreachable(bridge) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    configure(bridge, "prometheus", f"http://127.0.0.1:{port}/mcp", "literal:x")
    line, code = failure(bridge, "prometheus")
    assert (code, line["code"], line["host"]) == (6, "unreachable", f"127.0.0.1:{port}")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full backlog refuses connections")
def test_a_firewall_that_drops_everything_causes_a_single_timeout(bridge) -> None:
    with black_hole() as port:
        host = f"127.0.0.1:{port}"
        configure(bridge, "prometheus", f"http://{host}/mcp", "literal:x", **{"network.connect_timeout": 0.3})
        line, code = failure(bridge, "prometheus")
    assert (code, line["code"], line["sent"], line["host"]) == (15, "timed_out", "no", host)
    assert line["message"] == f"no connection to {host} within 0.3 s"


def test_a_server_that_never_answers_causes_a_timeout_too(bridge, cluster) -> None:
    patience = {"network.headers_timeout": 0.3}
    configure(bridge, "prometheus", url(cluster, "silent"), "literal:x", **patience)
    line, code = failure(bridge, "prometheus")
    assert (code, line["code"], line["sent"]) == (15, "timed_out", "partial")


# A missing credential ends the command at once


MISSING = {
    "a variable": ("env:PROMETHEUS_TOKEN", "the environment variable PROMETHEUS_TOKEN, which is not set"),
    "a template": ("${PROMETHEUS_TOKEN}", "the environment variable PROMETHEUS_TOKEN, which is not set"),
    "a file": ("file:/no/such/token", "/no/such/token, which cannot be read: no such file"),
}


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_credential_ends_the_command_before_it_reads_or_sends(bridge, cluster, name) -> None:
    reference, words = MISSING[name]
    configure(bridge, "prometheus", url(cluster, "strict"), reference)
    with start(bridge, "prometheus") as client:
        assert client.read() == b""
        assert client.close() == 9
        (line,) = lines(client)
    assert (line["code"], line["exit_code"], line["server"]) == ("credential_missing", 9, "prometheus")
    assert words in line["message"]
    assert cluster.control()["requests"] == []


def test_a_header_from_a_missing_variable_ends_the_command_too(bridge, cluster) -> None:
    bridge.add_server("prometheus", url(cluster, "loose"), {"X-Org": "env:ORG"}, **{"auth.kind": "none"})
    done = bridge.run("run", "prometheus", *HEADLESS)
    assert (done.returncode, json.loads(done.stderr)["code"]) == (9, "credential_missing")


def test_a_configuration_error_is_not_reported_as_a_missing_credential(bridge, cluster) -> None:
    configure(bridge, "prometheus", url(cluster, "strict"), PLACEHOLDER, nonsense=1)
    done = bridge.run("run", "prometheus", *HEADLESS)
    assert (done.returncode, json.loads(done.stderr)["code"]) == (2, "config")


def test_a_login_that_needs_a_user_is_reported_as_an_error(bridge, cluster) -> None:
    bridge.add_server("prometheus", url(cluster, "strict"), login="auto")
    line, code = failure(bridge, "prometheus")
    assert (code, line["code"]) == (3, "auth_required")
    assert bridge.launches == []


def test_a_failing_command_is_reported_without_its_output(bridge, cluster) -> None:
    bridge.add_server(
        "prometheus",
        url(cluster, "strict"),
        **{"auth.kind": "bearer", "auth.token": "command:sh -c 'echo hunter2; exit 3'"},
    )
    line, code = failure(bridge, "prometheus")
    assert code != 0
    assert "hunter2" not in json.dumps(line)


@pytest.mark.slow
def test_a_hanging_command_is_ended_and_reported(bridge, cluster) -> None:
    configure(bridge, "prometheus", url(cluster, "strict"), "command:sleep 600")
    with start(bridge, "prometheus") as client:
        told = error(client.initialize())
        assert client.close() == 9
    assert told["data"]["code"] == "credential_missing"
    assert "30 s" in told["message"]


def test_the_end_of_stdin_after_a_success_is_a_success_even_after_later_failures(bridge, cluster) -> None:
    token = bridge.home / "token"
    token.write_text(mint(cluster))
    configure(bridge, "prometheus", url(cluster, "strict"), f"file:{token}")
    with start(bridge, "prometheus") as client:
        client.initialize()
        assert "result" in client.call("query")
        cluster.control(["end_seen_tokens"])
        assert error(client.call("query"))["code"] == -32010
        assert client.close() == 0
        assert [line["level"] for line in lines(client)] == ["error"]


def test_with_the_debug_log_every_line_is_still_json(bridge, cluster) -> None:
    configure(bridge, "prometheus", url(cluster, "strict"), PLACEHOLDER)
    with bridge.stdio("prometheus", *HEADLESS, "--debug") as client:
        client.initialize()
        client.close()
        assert {line["level"] for line in lines(client)} == {"debug", "error"}


# The commands ask no user


def traced(bridge, tmp_path, name) -> list[str]:
    """All started programs, all opened files, and all addresses of connections."""
    trace = tmp_path / "trace"
    tracer = [
        found("strace"),
        "-f",
        "-s",
        "256",
        "-e",
        "trace=execve,openat,socket,connect",
        "-o",
        str(trace),
    ]
    bare = {"HOME": str(bridge.home), "MCP_AUTH_BRIDGE_HOME": str(bridge.home)}  # `env -i` and the test's files
    with RawClient([*tracer, command(), "run", name, *HEADLESS], bare) as client:
        client.initialize()
        client.call("query")
    return trace.read_text().splitlines()


NOWHERE = {"auth.token_endpoint": "http://127.0.0.1:9/token"}
SOURCES = {
    "a placeholder": ({"auth.kind": "bearer", "auth.token": PLACEHOLDER}, 0),
    "a file": ({"auth.kind": "bearer", "auth.token": "file:{home}/token"}, 0),
    "a command": ({"auth.kind": "bearer", "auth.token": "command:/bin/cat {home}/token"}, 1),
    "a missing login": ({"login": "auto"}, 0),
    "no credential": ({"auth.kind": "none"}, 0),
    "a client": (
        {"auth.kind": "client_credentials", "auth.client_id": "x", "auth.client_secret": "literal:y", **NOWHERE},
        0,
    ),
    "a workload": ({"auth.kind": "jwt_bearer", "auth.assertion": "file:{home}/token", **NOWHERE}, 0),
}


FORBIDDEN = re.compile(r"/dev/tty|xdg-open|wslview|/bus|dbus|/run/user/|site-packages/keyring/")


@pytest.mark.slow
@needs("strace")
@pytest.mark.parametrize("source", SOURCES)
def test_no_source_starts_a_browser_opens_a_terminal_or_contacts_a_keyring(bridge, cluster, tmp_path, source) -> None:
    keys, programs = SOURCES[source]
    (bridge.home / "token").write_text(mint(cluster))
    keys = {key: value.replace("{home}", str(bridge.home)) for key, value in keys.items()}
    bridge.add_server("prometheus", url(cluster, "strict"), **{"login": "auto", **keys})
    config = bridge.home / "config.toml"
    config.write_text(re.sub(r"browser_command = .*\n", "", config.read_text()))  # the desktop's own
    calls = traced(bridge, tmp_path, "prometheus")
    assert not [call for call in calls if FORBIDDEN.search(call)]
    assert not [call for call in calls if "sun_path" in call and "nscd" not in call]  # the C library's name service
    started = [call for call in calls if "execve(" in call and call.endswith("= 0")]
    assert started
    assert len([call for call in started if "/cat" in call]) == programs
    assert not [call for call in started if not re.search(r"/cat|python|mcp-auth-bridge|MCP_AUTH_BRIDGE", call)]


# The examination


@pytest.mark.parametrize(
    ("server", "claims", "told"),
    [
        ("strict", {}, ("nothing", "nothing is wrong")),
        ("strict", {"in": "-90"}, ("you", r"the token for prometheus expired 9\d seconds ago \(.*\)")),
        (
            "bound",
            {"aud": "https://grafana.example/mcp"},
            (
                "you",
                "the token was made for another service, grafana.example, and prometheus does not accept it",
            ),
        ),
        (
            "gateway",
            {"iss": "Vendor"},
            ("you", "prometheus does not know who made the token: its issuer is “Vendor”"),
        ),
    ],
)
def test_doctor_says_the_same_of_a_token_as_the_error(bridge, cluster, server, claims, told) -> None:
    blame, sentence = told
    audience = {"aud": url(cluster, server), **claims}
    bridge.environment["PROMETHEUS_TOKEN"] = mint(cluster, **audience)
    configure(bridge, "prometheus", url(cluster, server), PLACEHOLDER)
    done = bridge.run("doctor", "prometheus", "--json")
    verdict = json.loads(done.stdout)["verdict"]
    assert (verdict["blame"], done.returncode) == (blame, 0 if blame == "nothing" else 16)
    assert re.fullmatch(sentence, verdict["sentence"])
    assert bridge.environment["PROMETHEUS_TOKEN"] not in done.stdout
    if blame != "nothing":
        assert verdict["step"].endswith("replace the token, which comes from the environment variable PROMETHEUS_TOKEN")


def test_an_error_of_unclear_cause_ends_with_the_examination_that_finds_it(bridge, cluster) -> None:
    bridge.environment["PROMETHEUS_TOKEN"] = "5f3a9c0e77d14b52a1e6"
    configure(bridge, "prometheus", url(cluster, "strict"), PLACEHOLDER)
    line, _ = failure(bridge, "prometheus")
    assert line["action"].endswith("; to find the cause, run: mcp-auth-bridge doctor prometheus")
    bridge.environment["PROMETHEUS_TOKEN"] = mint(cluster, **{"in": "-90"})
    line, _ = failure(bridge, "prometheus")
    assert "doctor" not in line["action"]
