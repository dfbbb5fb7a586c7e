"""The output and the exit code of `status`, for servers and logins in every state."""

import asyncio
import json

import msgspec
import pytest
from commanding import context_of
from stored_login import BROWSER, URL, log_in

from mcp_auth_bridge import __version__
from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.commands import status
from mcp_auth_bridge.commands.login_summary import describe_time_zone
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.config.store import KeyCommandStoreSettings
from mcp_auth_bridge.errors import ConfigError

BEARER = '{ kind = "bearer", token = "env:TOKEN" }'


def told(context, capsys, *, as_json=False, server=None):
    choice = None if server is None else ServerChoice(server)
    code = asyncio.run(status.run(status.Input(as_json, choice), context))
    out, err = capsys.readouterr()
    return code, json.loads(out) if as_json else out, err


def states(context, capsys):
    return {line["server"]: line["state"] for line in told(context, capsys, as_json=True)[1]}


def test_a_server_whose_table_is_wrong_is_one_line_with_its_error(tmp_path, capsys):
    context = context_of(tmp_path, URL, BROWSER, more="[servers.suite]\nulr = 'https://suite.example'\n")
    log_in(context, "acme")
    code, out, err = told(context, capsys)
    assert (code, err) == (0, "")
    assert f"suite\n  misconfigured: {context.config.path}, line 8: servers.suite.ulr is not a known key" in out
    assert 'did you mean "url"?' in out
    assert "acme  https://mcp.acme.example/mcp\n  signed in" in out
    assert states(context, capsys) == {"suite": "misconfigured", "acme": "signed in"}


def test_where_logins_are_stored_is_said_once(tmp_path, capsys):
    context = context_of(tmp_path, URL, BROWSER, more="[servers.suite]\nurl = 'https://suite.example/mcp'\n")
    for name in ("acme", "suite"):
        log_in(context, name)
    out = told(context, capsys)[1]
    assert out.count("store: ") == 1
    assert f"\n  store: {Bridge(context.config.profiles['acme'], context).store_access.describe()}\n" in out


def test_a_token_that_has_expired_is_told_as_that(tmp_path, capsys):
    context = context_of(tmp_path, URL, BROWSER, more="[servers.suite]\nurl = 'https://suite.example/mcp'\n")
    log_in(context, "acme", expires_at=1000.0)
    log_in(context, "suite", expires_at=1000.0, refresh=None)
    out = told(context, capsys)[1]
    assert "valid until" not in out
    assert states(context, capsys) == {"acme": "signed in", "suite": "ended"}


def test_a_login_by_url_is_shown_with_its_short_name(tmp_path, capsys):
    context = context_of(tmp_path, "https://other.example/mcp", BROWSER)
    log_in(context, URL)
    assert f"acme  {URL}" not in told(context, capsys)[1]  # that is another server, by the configuration
    log_in(context, "https://mcp.suite.example/mcp")
    assert "suite  https://mcp.suite.example/mcp" in told(context, capsys)[1]
    log_in(context, "http://metrics.cluster.example/mcp")
    assert "metrics  http://metrics.cluster.example/mcp" in told(context, capsys)[1]
    log_in(context, "https://mcp.suite.example/other")
    lines = told(context, capsys, as_json=True)[1]
    assert {line["short"] for line in lines} == {"", "metrics"}  # suite would mean two


@pytest.mark.parametrize(("auth", "expected"), [(BEARER, 0), (BROWSER, 5)])
def test_a_store_that_is_closed_fails_the_command_only_where_a_server_keeps_its_login_there(
    tmp_path, capsys, auth, expected
):
    context = context_of(tmp_path, URL, BROWSER)
    log_in(context, "acme")
    store = KeyCommandStoreSettings(("false",))
    closed = context_of(tmp_path, URL, auth).config
    profiles = {name: msgspec.structs.replace(each, store=store) for name, each in closed.profiles.items()}
    config = msgspec.structs.replace(closed, store=store, profiles=profiles)
    code, out, err = told(msgspec.structs.replace(context, config=config), capsys)
    assert code == expected
    assert "the sealing key could not be read" in out + err


def test_without_any_server_nothing_is_wrong(tmp_path, capsys):
    context = context_of(tmp_path, URL)
    empty = msgspec.structs.replace(context, config=msgspec.structs.replace(context.config, profiles={}))
    code, out, _ = told(empty, capsys)
    assert code == 0
    assert out.startswith(f"no servers in {context.config.path} and no logins\n\nmcp-auth-bridge {__version__}\n")


def test_the_bridge_itself_is_told_at_the_end(tmp_path, capsys):
    context = context_of(tmp_path, URL, BROWSER)
    lines = told(context, capsys)[1].partition(f"\n\nmcp-auth-bridge {__version__}\n")[2].splitlines()
    assert lines == [
        f"  configuration: {context.config.path} (there is none)",
        f"  log files: {tmp_path / 'log'}",
        f"  store: {context.store_access().describe()}",
        f"  times: {describe_time_zone(0)}",
    ]
    context.config.path.touch()
    assert f"  configuration: {context.config.path}\n" in told(context, capsys)[1]


def test_with_a_name_only_that_server_is_told_with_all_its_logins(tmp_path, capsys):
    context = context_of(tmp_path, URL, BROWSER, more="[servers.suite]\nurl = 'https://suite.example/mcp'\n")
    log_in(context, "acme")
    out = told(context, capsys, server="acme")[1]
    assert "acme  " in out
    assert "suite" not in out
    assert [line["server"] for line in told(context, capsys, as_json=True, server="suite")[1]] == ["suite"]
    other = msgspec.structs.replace(context.config.profiles["acme"], variant="0123abcd")
    with_auth = msgspec.structs.replace(
        context, config=msgspec.structs.replace(context.config, profiles={"acme": other})
    )
    log_in(with_auth, "acme")
    lines = told(context, capsys, as_json=True, server="acme")[1]
    assert [line["server"] for line in lines] == ["acme", "acme~0123abcd"]


def test_a_server_is_also_named_by_its_url_and_by_a_short_name(tmp_path, capsys):
    context = context_of(tmp_path, URL, BROWSER)
    log_in(context, "https://mcp.suite.example/mcp")
    for name in ("suite", "https://mcp.suite.example/mcp"):
        out = told(context, capsys, server=name)[1]
        assert out.startswith("suite  https://mcp.suite.example/mcp\n  signed in")
    assert "signed out" in told(context, capsys, server="http://plain.example/mcp")[1]
    with pytest.raises(ConfigError, match="no server named “nobody”"):
        told(context, capsys, server="nobody")


def test_a_damaged_record_of_another_server_is_not_the_matter_of_a_named_one(tmp_path, capsys):
    context = context_of(tmp_path, URL, BROWSER, more="[servers.suite]\nurl = 'https://suite.example/mcp'\n")
    log_in(context, "acme")
    (record,) = (tmp_path / "records").glob("*.sealed")
    record.write_bytes(b"damaged")
    assert told(context, capsys)[0] == 5
    assert told(context, capsys, server="acme")[0] == 5
    assert told(context, capsys, server="suite")[0] == 0


def test_a_named_server_whose_table_is_wrong_is_told_with_its_error(tmp_path, capsys):
    context = context_of(tmp_path, URL, BROWSER, more="[servers.suite]\nulr = 'https://suite.example'\n")
    code, out, _ = told(context, capsys, server="suite")
    assert code == 0
    assert out.startswith("suite\n  misconfigured: ")
