"""Away again: `uninstall --everything` leaves a home as it was, and a keyring, too."""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from installed import RawClient
from peers.gateway import Gateway
from terminals import typing
from trial import Trial, clean_machine, entry_of
from words import complaint, text


@pytest.fixture
def machine() -> Iterator[Trial]:
    with clean_machine() as machine:
        yield machine


def succeeds(machine, *words, given=""):
    done = machine.run(*words, given=given)
    assert done.returncode == 0, done.stderr
    return done.stderr


def everything(machine):
    return succeeds(machine, "uninstall", "--everything", "--yes")


def test_nothing_of_the_bridge_is_left_after_each_of_its_commands_has_written(machine, protected_server):
    (machine.home / ".kiro/settings").mkdir(parents=True)
    machine.session.put("another program", "a key", "secret")
    before, in_keyring = machine.tree(), machine.session.items()
    succeeds(machine, "add", "acme", protected_server.url)
    succeeds(machine, "secret", "acme key", given="hunter2\n")
    succeeds(machine, "install", "--all", "acme")
    succeeds(machine, "run", "acme", "--log-format", "json")
    assert {".config", ".local/share", ".local/state", ".kiro/settings/mcp.json"} <= machine.traces(before).keys()
    assert len(machine.session.items()) == len(in_keyring) + 2
    said = everything(machine)
    assert machine.traces(before) == {}
    assert machine.session.items() == in_keyring
    assert "all that is left is the program" in said.splitlines()[-1]
    everything(machine)
    assert machine.traces(before) == {}


def test_the_sealing_key_stays_for_the_logins_of_another_folder(machine, protected_server):
    succeeds(machine, "login", protected_server.url)
    other = machine.home / "other"
    machine.environment["MCP_AUTH_BRIDGE_HOME"] = str(other)
    succeeds(machine, "login", protected_server.url)
    assert "sealing key stays" in everything(machine)
    assert not other.exists()
    del machine.environment["MCP_AUTH_BRIDGE_HOME"]
    assert "signed in" in machine.run("status").stdout
    everything(machine)
    assert (machine.tree(), machine.session.items()) == ({}, [])


def test_folders_in_which_there_is_something_else_stay(machine):
    other = machine.home / ".config" / "other"
    other.mkdir(parents=True)
    (machine.home / ".local").mkdir()
    before = machine.tree()
    succeeds(machine, "add", "acme", "https://acme.example/mcp")
    everything(machine)
    assert machine.traces(before).keys() <= {".local"}  # it was empty, and nothing tells who has made it


def test_the_kept_first_version_of_a_file_goes_even_if_the_client_has_changed_the_file(machine):
    file = machine.home / ".claude.json"
    file.write_text('{"numStartups": 1}')
    succeeds(machine, "add", "acme", "https://acme.example/mcp")
    succeeds(machine, "install", "claude-code", "acme", "--no-login")
    document = json.loads(file.read_text())
    file.write_text(json.dumps({**document, "numStartups": 2}))
    assert (machine.home / ".claude.json.before-mcp-auth-bridge").exists()
    everything(machine)
    assert machine.tree() == {".claude.json": b'{"numStartups": 2}'}


def test_a_file_that_cannot_be_edited_keeps_its_first_version_and_the_rest_goes(machine):
    file = machine.home / ".claude.json"
    file.write_text("{}")
    succeeds(machine, "add", "acme", "https://acme.example/mcp")
    succeeds(machine, "install", "claude-code", "acme", "--no-login")
    file.chmod(0o444)
    done = machine.run("uninstall", "--everything", "--yes")
    assert "is read-only" in done.stderr
    assert done.returncode != 0
    assert set(machine.tree()) == {".claude.json", ".claude.json.before-mcp-auth-bridge"}


def test_a_configuration_with_a_mistake_stops_it_but_not_the_removal_of_entries(machine):
    succeeds(machine, "add", "acme", "https://acme.example/mcp")
    succeeds(machine, "install", "claude-code", "acme", "--no-login")
    config = machine.home / ".config/mcp-auth-bridge/config.toml"
    config.write_text("[servers\n")
    done = machine.run("uninstall", "--everything", "--yes")
    assert done.returncode != 0
    assert "config.toml" in complaint(done.stderr)[0]
    assert (machine.home / ".claude.json").exists()
    succeeds(machine, "uninstall", "--all")
    assert not (machine.home / ".claude.json").exists()


def test_it_asks_first_and_lists_the_files(machine):
    succeeds(machine, "add", "acme", "https://acme.example/mcp")
    before = machine.tree()
    refused = machine.run("uninstall", "--everything")
    assert (refused.returncode, complaint(refused.stderr)[1]) == (2, "add --yes")
    for answer, left in (("no\n", before), ("yes\n", {})):
        words = [machine.command, "uninstall", "--everything"]
        code, shown = typing(words, machine.environment, [("type yes", answer)])
        assert (code, machine.tree()) == (0, left)
        assert "/.config/mcp-auth-bridge/config.toml" in shown


def test_a_login_whose_server_does_not_answer_is_deleted_and_the_user_is_told(machine):
    with Gateway() as gateway:
        succeeds(machine, "install", "cursor", gateway.url)
        gateway.down()
        done = machine.run("uninstall", "--everything", "--yes")
    assert "but its tokens may still work" in done.stderr
    assert done.returncode == 6
    assert (machine.tree(), machine.session.items()) == ({}, [])


def test_entries_in_other_projects_go_too(machine):
    project = machine.home / "a project"
    project.mkdir()
    before = machine.tree()
    succeeds(machine, "add", "acme", "https://acme.example/mcp")
    done = machine.run("install", "cursor", "acme", "--workspace", "--no-login", cwd=project)
    assert done.returncode == 0, done.stderr
    everything(machine)
    assert machine.traces(before) == {}


def test_many_installs_at_once_lose_nothing_and_go_without_a_trace(machine):
    before = machine.tree()
    servers = ("one", "two", "three")
    for server in servers:
        succeeds(machine, "add", server, f"https://{server}.example/mcp")
    words = [("install", client, server, "--no-login") for server in servers for client in ("claude-code", "codex")]
    with ThreadPoolExecutor(len(words)) as pool:
        done = [*pool.map(lambda each: machine.run(*each), words)]
    assert [each.returncode for each in done] == [0] * len(words), done
    assert json.loads((machine.home / ".claude.json").read_text())["mcpServers"].keys() == set(servers)
    assert tomllib.loads((machine.home / ".codex/config.toml").read_text())["mcp_servers"].keys() == set(servers)
    everything(machine)
    assert machine.traces(before) == {}


@pytest.mark.parametrize("has_login", [True, False])
def test_while_the_keyring_does_not_open_nothing_is_lost_that_a_repetition_needs(machine, has_login):
    before = machine.tree()
    with Gateway() as gateway:
        if has_login:
            succeeds(machine, "install", "cursor", gateway.url)
        else:
            succeeds(machine, "secret", "acme key", given="hunter2\n")
        machine.session.kill_keyring()
        done = machine.run("uninstall", "--everything", "--yes")
        assert done.returncode == 5
        assert "does not answer" in done.stderr
        assert "until the command is repeated" in done.stderr
        assert not (machine.home / ".cursor").exists()
        machine.session.start_keyring()
        said = everything(machine)
        assert ("signed out" in said) == has_login
    assert (machine.traces(before), machine.session.items()) == ({}, [])


def test_of_a_configuration_that_is_a_link_only_the_link_goes(machine):
    dotfile = machine.home / "dotfiles" / "bridge.toml"
    dotfile.parent.mkdir()
    dotfile.write_text('[servers.acme]\nurl = "https://acme.example/mcp"\n')
    before = machine.tree()
    config = machine.home / ".config/mcp-auth-bridge/config.toml"
    config.parent.mkdir(parents=True)
    config.symlink_to(dotfile)
    everything(machine)
    assert machine.traces(before) == {}


@pytest.mark.parametrize("name", ["home with a space", "Ünïcödé"])
def test_a_home_with_an_odd_name_behind_a_link_is_left_as_it_was(machine, name):
    machine.home = machine.home.with_name(name)
    machine.home.mkdir(0o700)
    link = machine.home.with_name("link to the home")
    link.symlink_to(machine.home)
    machine.environment["HOME"] = str(link)
    with Gateway() as gateway:
        for client in ("claude-code", "codex", "goose", "zed"):
            succeeds(machine, "install", client, gateway.url)
        assert machine.logins == 1
        everything(machine)
    assert (machine.tree(), machine.session.items()) == ({}, [])


def test_a_first_version_with_a_server_that_was_replaced_stays_and_is_named(machine):
    old = '{"mcpServers": {"far": {"command": "npx", "args": ["mcp-remote", "https://a.example/mcp"]}}}'
    file = machine.home / ".claude.json"
    file.write_text(old)
    succeeds(machine, "install", "--migrate")
    said = everything(machine)
    kept = ".claude.json.before-mcp-auth-bridge"
    assert f"{machine.home / kept}\n" in said
    assert machine.tree() == {".claude.json": b'{"mcpServers": {}}', kept: old.encode()}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not show it")
def test_a_bridge_that_still_runs_is_named_and_a_repetition_takes_its_files_away(machine):
    with Gateway() as gateway:
        succeeds(machine, "install", "claude-code", gateway.url)
        entry = entry_of(machine)
        with RawClient([entry["command"], *entry["args"]], machine.environment) as client:
            client.initialize()
            assert text(client.call("add", {"a": 1, "b": 2})) == "3"
            said = everything(machine)
            assert re.search(r"a bridge still runs for \S+ \(process \d+\)", said)
            assert "login" in text(client.call("add", {"a": 1, "b": 2}))
    assert "still runs" not in everything(machine)
    assert (machine.tree(), machine.session.items()) == ({}, [])
