"""`list`: a line for each server, with its kind of auth and the state of its login."""

import asyncio
import json

import pytest
from commanding import context_of
from stored_login import BROWSER, URL, log_in

from mcp_auth_bridge.commands import list_servers

MORE = """
[servers.static]
url = "https://tools.example.org/mcp"
auth = { kind = "bearer", token = "env:T" }
[servers.bad]
url = "https://bad.example/mcp"
ulr = 1
"""


@pytest.fixture
def listed(tmp_path, capsys):
    def run(context, *, as_json=False):
        code = asyncio.run(list_servers.run(list_servers.Input(as_json), context))
        assert code == 0
        out, err = capsys.readouterr()
        return json.loads(out) if as_json else out.splitlines(), err

    return run


def test_every_server_has_a_line_with_aligned_columns(tmp_path, listed):
    context = context_of(tmp_path, URL, BROWSER, more=MORE)
    log_in(context, "acme", account="mia@acme.example")
    log_in(context, "https://mcp.suite.example/mcp")
    assert listed(context)[0] == [
        "name    auth     state                          url",
        "bad              misconfigured                  https://bad.example/mcp",
        f"acme    browser  signed in as mia@acme.example  {URL}",
        "static  bearer   static                         https://tools.example.org/mcp",
        "suite   browser  signed in                      https://mcp.suite.example/mcp",
    ]


def test_a_program_gets_objects(tmp_path, listed):
    context = context_of(tmp_path, URL, BROWSER)
    log_in(context, "https://mcp.suite.example/mcp")
    configured, by_url = listed(context, as_json=True)[0]
    assert configured == {
        "name": "acme",
        "url": URL,
        "auth": "browser",
        "state": "signed out",
        "account": "",
        "configured": True,
    }
    assert (by_url["name"], by_url["configured"]) == ("suite", False)


def test_without_servers_the_command_that_adds_one_is_named(config):
    code, out, said = config.run(list_servers.run, list_servers.Input())
    assert (code, out) == (0, "")
    assert said == [f"there are no servers in {config.file}; add one: mcp-auth-bridge add NAME URL"]
    assert config.run(list_servers.run, list_servers.Input(as_json=True))[1] == "[]\n"


def test_a_store_that_cannot_be_opened_is_told_after_the_servers(tmp_path, listed):
    context = context_of(tmp_path, URL, '{ kind = "bearer", token = "env:T" }')
    log_in(context, URL)
    (tmp_path / "sealing.key").write_text("not a key")
    lines, err = listed(context)
    assert lines[1].startswith("acme  bearer  static")
    assert "sealing" in err or "key" in err
