"""`install` and `uninstall` as a user runs them: the program, in a home folder of its own."""

import json
from pathlib import Path

import pytest
from homes import CONFIG, Home


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.mark.parametrize(("client", "path"), [("claude-code", ".claude.json"), ("cursor", ".cursor/mcp.json")])
def test_an_entry_is_written_once_and_taken_out_without_a_trace(home, client, path):
    before = home.tree()
    done = home.run("install", client, "acme", "--no-login")
    assert done.returncode == 0, done.stderr
    entry = json.loads(home.file(path).read_text())["mcpServers"]["acme"]
    assert Path(entry["command"]).is_absolute()
    assert entry["args"] == ["run", "acme"]
    written = home.file(path).read_bytes()
    again = home.run("install", client, "--no-login")
    assert again.returncode == 0
    assert "already there" in again.stderr
    assert home.file(path).read_bytes() == written
    assert home.run("uninstall", client, "acme").returncode == 0
    locks = home.config.parent / "locks"  # the bridge's own; a lock's file stays
    assert {path: data for path, data in home.tree().items() if path.parent != locks} == before
    assert not home.file(path).parent.exists() or home.file(path).parent == home.folder


def test_the_rest_of_a_file_keeps_its_bytes(home):
    text = '\ufeff{\r\n\t// mine\r\n\t"mcpServers": {\r\n\t\t"other": {"command": "x"}, // keep\r\n\t},\r\n}'
    file = home.file(".cursor/mcp.json", text)
    assert home.run("install", "cursor", "acme", "--no-login").returncode == 0
    after = file.read_bytes().decode()
    begin, end = after.index('\r\n\t\t"acme"'), after.index("\r\n\t},\r\n}")
    assert after[:begin] + after[end:] == text
    assert file.with_name("mcp.json.before-mcp-auth-bridge").read_bytes() == text.encode()
    assert home.run("uninstall", "--all").returncode == 0
    assert file.read_bytes().decode() == text
    assert not file.with_name("mcp.json.before-mcp-auth-bridge").exists()


def test_a_file_that_cannot_be_parsed_is_left_alone_and_the_entry_is_printed(home):
    file = home.file(".cursor/mcp.json", '{"mcpServers": {')
    done = home.run("install", "cursor", "acme", "--no-login")
    assert done.returncode == 2
    assert "line 1" in done.stderr
    assert json.loads(done.stdout)["mcpServers"]["acme"]["args"] == ["run", "acme"]
    assert file.read_text() == '{"mcpServers": {'


def test_the_clients_on_this_machine_are_listed(home):
    home.file(".cursor/mcp.json", "{}")
    home.file(".claude.json", "{}")
    done = home.run("install")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["cursor", "claude-code"]


@pytest.mark.parametrize("arguments", [(), ("--all", "acme")])
def test_on_a_machine_without_a_client_every_name_is_listed(home, arguments):
    done = home.run("install", *arguments)
    assert done.returncode == (2 if arguments else 0)
    assert "no client was found on this machine\n" in done.stderr
    assert "choose one of kiro, claude-desktop, cursor" in done.stderr


def test_the_clients_and_a_change_are_also_json(home):
    file = home.file(".cursor/mcp.json", '{"mcpServers": {}}')
    done = home.run("install", "--json")
    assert json.loads(done.stdout) == [{"client": "cursor", "name": "Cursor", "files": [str(file)]}]
    assert done.stderr == ""
    (change,) = json.loads(home.run("install", "cursor", "acme", "--dry-run", "--json").stdout)
    assert (change["client"], change["file"], change["changes"]) == ("cursor", str(file), True)
    assert '"acme"' in change["diff"]
    assert home.run("install", "cursor", "acme", "--no-login").returncode == 0
    (change,) = json.loads(home.run("install", "cursor", "acme", "--dry-run", "--json").stdout)
    assert (change["changes"], change["diff"]) == (False, "")


@pytest.mark.parametrize("command", ["install", "uninstall"])
@pytest.mark.parametrize("more", [(), ("kiro",)])
def test_a_url_in_the_place_of_the_client_is_refused_with_the_right_order(home, command, more):
    done = home.run(command, "https://mcp.acme.example/mcp", *more)
    assert done.returncode == 2
    assert "“https://mcp.acme.example/mcp” is a server, and the name of a client comes before it\n" in done.stderr
    assert f"hint: for example: mcp-auth-bridge {command} kiro https://mcp.acme.example/mcp; or choose" in done.stderr


def test_an_unknown_client_is_refused_with_the_nearest_name(home):
    done = home.run("install", "cursur", "acme")
    assert done.returncode == 2
    assert "did you mean cursor?" in done.stderr
    assert home.run("uninstall", "cursur").returncode == 2


def test_a_change_is_shown_and_not_made(home):
    file = home.file(".cursor/mcp.json", '{"mcpServers": {"a": {"env": {"KEY": "canary"}},\n"b": {}}}')
    before = file.read_bytes()
    done = home.run("install", "cursor", "acme", "--dry-run")
    assert done.returncode == 0
    assert '+"acme"' in done.stdout.replace(" ", "")
    assert "canary" not in done.stdout
    assert file.read_bytes() == before


def test_a_workspace_has_a_file_of_its_own(home):
    project = home.folder / "project"
    project.mkdir()
    done = home.run("install", "vscode", "acme", "--no-login", "--workspace", cwd=project)
    assert done.returncode == 0, done.stderr
    assert json.loads((project / ".vscode/mcp.json").read_text())["servers"]["acme"]["type"] == "stdio"
    assert "trust it" in done.stderr
    assert home.run("uninstall", "vscode", "--workspace", cwd=project).returncode == 0
    assert list(project.iterdir()) == []
    for words in (("cursor", "acme"), ("windsurf", "acme")):
        where = home.folder if words[0] == "cursor" else project
        assert home.run("install", *words, "--no-login", "--workspace", cwd=where).returncode == 2


def test_one_of_several_servers_is_named(home):
    home.config.write_text(CONFIG + '[servers.other]\nurl = "https://other.example/mcp"\n')
    done = home.run("install", "cursor", "--no-login")
    assert done.returncode == 2
    assert "acme, other" in done.stderr
    for name in ("acme", "other"):
        assert home.run("install", "cursor", name, "--no-login").returncode == 0
    assert home.run("uninstall", "cursor", "other").returncode == 0
    assert list(json.loads(home.file(".cursor/mcp.json").read_text())["mcpServers"]) == ["acme"]


def test_a_variable_that_the_client_hides_is_told(home):
    home.config.write_text(CONFIG + 'headers = { "X-Key" = "env:ACME_KEY" }\n')
    done = home.run("install", "kiro", "acme", "--no-login")
    assert done.returncode == 0
    assert "does not pass the variable ACME_KEY" in done.stderr
    assert "keyring:acme_key" in done.stderr


def test_options_that_contradict_each_other_are_refused(home):
    assert home.run("uninstall").returncode == 2
    assert home.run("install", "--all", "cursor", "acme").returncode == 2
    assert home.run("uninstall", "cursor", "--everything", "--yes").returncode == 2
    assert home.run("install", "--all", "acme", "--no-login").returncode == 2  # there is no client


def test_a_file_in_which_the_bridge_stands_and_that_cannot_be_parsed_is_named(home):
    home.file(".cursor/mcp.json", '{"mcpServers": {"acme": {"command": "mcp-auth-bridge"')
    done = home.run("uninstall", "cursor")
    assert done.returncode == 2
    assert "mcp.json" in done.stderr
    home.file(".cursor/mcp.json", "{")
    assert "no entry of the bridge" in home.run("uninstall", "cursor").stderr
