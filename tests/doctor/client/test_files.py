"""The files of all clients below one home folder and in one project are read, and what cannot be read is named."""

import json
import os
from pathlib import Path

import anyio
import pytest

from mcp_auth_bridge.clients import known_clients as known
from mcp_auth_bridge.clients.client import Format, Place, Platform, System, locate
from mcp_auth_bridge.doctor.client import files
from mcp_auth_bridge.doctor.client.files import read_client_files

ARGS = ["run", "acme"]
TEXTS = {
    "mcpServers": json.dumps({"mcpServers": {"acme": {"command": "mcp-auth-bridge", "args": ARGS}}}),
    "servers": json.dumps({"servers": {"acme": {"command": "mcp-auth-bridge", "args": ARGS}}}),
    "mcp": json.dumps({"mcp": {"servers": {"acme": {"command": ["mcp-auth-bridge", *ARGS]}}}}),
    "context_servers": json.dumps({"context_servers": {"acme": {"command": "mcp-auth-bridge", "args": ARGS}}}),
    "amp.mcpServers": json.dumps({"amp.mcpServers": {"acme": {"command": "mcp-auth-bridge", "args": ARGS}}}),
    "mcp_servers": '[mcp_servers.acme]\ncommand = "mcp-auth-bridge"\nargs = ["run", "acme"]\n',
}


@pytest.fixture
def system(tmp_path):
    for name in ("home", "project"):
        (tmp_path / name).mkdir()
    return System(Platform.LINUX, str(tmp_path / "home"), str(tmp_path / "project"), {})


def read(system, words=()):
    return anyio.run(read_client_files, system, words)


def write(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def on(platform, system):
    return System(platform, system.home, system.workspace, {})


READ = [
    (client, number, platform)
    for client in known.CLIENTS
    for number, file in enumerate(client.files)
    for platform in file.platforms
    if file.format is not Format.YAML and (file.place is not Place.LOCAL or platform is Platform.WINDOWS)
]


@pytest.mark.parametrize(
    ("client", "number", "platform"), READ, ids=[f"{c.name}-{n}-{p.value}".replace(" ", "-") for c, n, p in READ]
)
def test_every_file_of_every_client_is_found_on_every_system(client, number, platform, system):
    file, there = client.files[number], on(platform, system)
    [path] = locate(file, there)
    write(path.replace("*", "default"), TEXTS[file.tables[0][0]])
    found = read(there)
    assert found.unread == ()
    [entry] = [each for each in found.entries if each.client is client]
    assert (entry.name, [*entry.argv]) == ("acme", ["mcp-auth-bridge", *ARGS])
    assert entry.is_of_project == (file.place is Place.WORKSPACE)


def test_without_any_file_there_is_nothing(system):
    assert read(system) == files.ClientFiles()


def test_a_file_that_cannot_be_parsed_is_named_with_its_line(system):
    path = f"{system.home}/.cursor/mcp.json"
    write(path, '{\n"mcpServers": {"acme": {"command": "mcp-auth-bridge"}\n"x": 1}')
    for words, concerns in ((("mcp-auth-bridge",), True), (("acme.example",), False)):
        [unread] = read(system, words).unread
        assert (unread.client.name, unread.path, unread.concerns) == ("Cursor", path, concerns)
        assert unread.reason == "line 3: expecting ',' delimiter"


def test_a_file_that_is_not_text_is_named(system):
    write(f"{system.home}/.cursor/mcp.json", b'{"\xff"}')
    [unread] = read(system).unread
    assert unread.reason == "it is not text in UTF-8"


@pytest.mark.parametrize("make", [lambda path: path.symlink_to(path), lambda path: path.mkdir(), os.mkfifo])
def test_a_loop_of_links_a_folder_and_a_pipe_are_not_read(make, system):
    path = Path(system.home, ".cursor", "mcp.json")
    path.parent.mkdir()
    make(path)
    found = read(system)
    assert (found.entries, found.unread, found.complete) == ((), (), True)


def test_a_file_of_a_project_is_read_up_to_a_limit(system):
    write(f"{system.workspace}/.cursor/mcp.json", " " * 2_000_000 + TEXTS["mcpServers"])
    assert read(system).entries == ()


def test_a_path_that_cannot_be_looked_at_is_named(system, monkeypatch):
    def denied(self):
        raise PermissionError(13, "Permission denied")

    write(f"{system.home}/.cursor/mcp.json", "{}")
    monkeypatch.setattr(Path, "is_file", denied)
    assert {each.reason for each in read(system).unread} == {"permission denied"}


def test_yaml_is_read_too(system):
    write(f"{system.home}/.config/goose/config.yaml", "extensions: {acme: {cmd: mcp-auth-bridge}}")
    [entry] = read(system).entries
    assert (entry.client.name, entry.name, entry.argv) == ("Goose", "acme", ("mcp-auth-bridge",))
    write(f"{system.home}/.config/goose/config.yaml", "extensions: {acme: {cmd: mcp-auth-bridge")
    [unread] = read(system, ["mcp-auth-bridge"]).unread
    assert (unread.client.name, unread.concerns) == ("Goose", True)
    assert unread.reason.startswith("line 1: ")


def test_in_the_home_folder_the_files_are_the_users_own(system):
    write(f"{system.home}/.cursor/mcp.json", TEXTS["mcpServers"])
    at_home = System(Platform.LINUX, system.home, system.home, {})
    [entry] = [each for each in read(at_home).entries if each.client is known.CURSOR]
    assert not entry.is_of_project


def test_the_path_of_a_file_cannot_steer_a_terminal(tmp_path):
    project = f"{tmp_path}/a\x1b[31m"
    write(f"{project}/.cursor/mcp.json", TEXTS["mcpServers"])
    [entry] = [each for each in read(System(Platform.LINUX, "", project, {})).entries if each.client is known.CURSOR]
    assert entry.path == f"{tmp_path}/a [31m/.cursor/mcp.json"


def test_a_slow_home_folder_does_not_hold_the_examination_up(system, monkeypatch):
    monkeypatch.setattr(files, "_TIMEOUT", 0.0)
    assert not read(system).complete


def test_a_file_that_is_too_large_is_not_called_invalid(system):
    write(f"{system.workspace}/.mcp.json", json.dumps({"acme": "x" * 2 * 1024 * 1024}))
    unread = next(file for file in read(system, ["acme"]).unread if file.path.endswith("/.mcp.json"))
    assert (unread.reason, unread.concerns) == ("it has more than 1 MiB", False)
