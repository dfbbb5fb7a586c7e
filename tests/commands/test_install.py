"""`install` and `uninstall` as a user runs them: the program, in a home folder of its own."""

import json
from pathlib import Path

import pytest
from homes import Home


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
    assert home.tree() == before
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
