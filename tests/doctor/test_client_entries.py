"""The entries of clients, sorted by the server that they are about."""

import pytest
from commanding import context_of

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.clients import known_clients as known
from mcp_auth_bridge.clients.entries import Entry
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.doctor.client_entries import sort_entries, where

URL = "https://mcp.acme.example/mcp"
MORE = """
[servers.other]
url = "https://mcp.acme.example/mcp?toolset=other"
[servers.twin]
url = "https://twin.example/mcp"
"""


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path, URL, more=MORE)


def entry(*argv, url="", client=known.CURSOR):
    return Entry(client, client.files[0], "/mcp.json", "mine", argv, url=url)


def run(*words):
    return entry("mcp-auth-bridge", "run", *words)


def sort(context, *entries, target="acme", auth=None):
    bridge = Bridge(context.config.choose(ServerChoice(target, auth=auth)), context)
    return sort_entries(entries, bridge, context)


@pytest.mark.parametrize("target", ["acme", URL])
def test_an_entry_for_the_same_server_is_found_by_its_name_and_by_its_url(context, target):
    [own] = sort(context, run(target)).same
    assert own.same_login
    assert own.begin.target == target


def test_a_url_that_the_configuration_does_not_know_is_found(context):
    [own] = sort(context, run("https://far.example/mcp"), target="https://far.example/mcp").same
    assert own.same_login


def test_the_short_name_of_a_login_by_url_is_the_same_server(context):
    [own] = sort(context, run("far"), target="https://mcp.far.example/mcp").same
    assert not own.same_login


@pytest.mark.parametrize(
    "target",
    [
        "https://mcp.acme.example/mcp/",
        "https://mcp.acme.example/v1/mcp",
        "https://mcp.acme.example/mcp?org=2",
        "https://mpc.acme.example/mcp",
        "acmee",
    ],
)
def test_a_server_that_looks_almost_the_same_may_be_meant(context, target):
    found = sort(context, run(target))
    assert [own.other for own in found.alike] == [target]
    assert found.same == ()


@pytest.mark.parametrize(
    "words", [["https://else.example/mcp"], ["https://mcp.acme.example.evil/x"], ["other"], ["twin"], ["nothing"], []]
)
def test_another_server_is_left_out(context, words):
    found = sort(context, run(*words))
    assert (found.same, found.alike, found.without) == ((), (), ())


def test_the_ports_of_this_machine_are_not_alike(context):
    found = sort(context, run("http://127.0.0.1:8001/mcp"), target="http://127.0.0.1:8002/mcp")
    assert found.alike == ()


def test_another_auth_is_another_login(context):
    auth = 'kind = "bearer", token = "env:T"'
    assert not sort(context, run("acme", "--auth", auth)).same[0].same_login
    assert sort(context, run("acme", "--auth", auth), auth=auth).same[0].same_login


def test_another_configuration_is_another_login(context, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(f'[servers.acme]\nurl = "{URL}"\n')
    [own] = sort(context, run("acme", "--config", str(file))).same
    assert not own.same_login
    [own] = sort(context, run("acme", "--config", str(context.config.path.absolute()))).same
    assert own.same_login


def test_a_configuration_that_cannot_be_read_still_tells_the_server(context, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[")
    [own] = sort(context, run("acme", "--config", str(file))).same
    assert not own.same_login


def test_a_forgotten_run_is_still_for_this_server(context):
    [own] = sort(context, entry("mcp-auth-bridge", "acme")).same
    assert own.begin.verb == "acme"


def test_other_ways_to_the_same_server_are_told(context):
    found = sort(
        context,
        entry("npx", "mcp-remote", URL),
        entry("npx", "mcp-remote", "https://else.example/mcp"),
        entry("npx", "mcp-remote", "https://"),
        entry(url=f"{URL}/", client=known.VS_CODE),
        entry(url="https://else.example/mcp"),
        entry("node", "server.js"),
    )
    assert found.without == (
        "Cursor uses mcp-remote for this server: “mine” in /mcp.json",
        "VS Code reaches this server by itself: “mine” in /mcp.json",
    )
    assert found.same == ()


def test_the_name_of_an_entry_cannot_steer_a_terminal():
    entry = Entry(known.CURSOR, known.CURSOR.files[0], "/mcp\x1b[2J.json", "mine\x1b[31m", ("x",))
    assert where(entry) == "“mine [31m” in /mcp [2J.json"
