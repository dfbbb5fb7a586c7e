"""`install --migrate`: entries of other bridges become servers and entries of this one, and work at a server."""

import asyncio
import json
import re
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from homes import Home
from rival_entries import ENTRIES

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.clients.entry_programs import started
from mcp_auth_bridge.clients.migration.conversion import convert
from mcp_auth_bridge.clients.migration.rivals import RIVALS
from mcp_auth_bridge.commands import tools
from mcp_auth_bridge.commands.migrate import MigratedEntry
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.config.config_text import server_block
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.files.paths import paths_below

RESULTS = {
    "initialize": {
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "k", "version": "1"},
    },
    "tools/list": {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]},
}


class Handler(BaseHTTPRequestHandler):
    """An MCP server that is open to all, and keeps the headers of each POST."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self, status, document=None):
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self._answer(405)

    def do_DELETE(self):
        self._answer(405)

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append({name.lower(): value for name, value in self.headers.items()})
        if "id" not in message:
            self._answer(202)
        elif message["method"] in RESULTS:
            self._answer(200, {"jsonrpc": "2.0", "id": message["id"], "result": RESULTS[message["method"]]})
        else:
            error = {"code": -32601, "message": "unknown"}
            self._answer(200, {"jsonrpc": "2.0", "id": message["id"], "error": error})


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


CONVERTED = [each for each in ENTRIES if isinstance(each.table, dict)]


@pytest.mark.parametrize("entry", CONVERTED, ids=[f"{n} {each.source}" for n, each in enumerate(CONVERTED)])
def test_a_converted_entry_sends_the_server_what_the_old_one_sent(entry, server, tmp_path, capsys):
    program = started(entry.argv)
    env = {name: Secret(value) for name, value in entry.env.items()}
    conversion = convert(RIVALS[program.program], "acme", program.arguments, env, lambda _: "")
    url = f"http://127.0.0.1:{server.server_address[1]}/mcp"
    elsewhere = ("proxy", "ca_file")  # they are on the machine of the one who published the entry
    network = {key: value for key, value in conversion.table.get("network", {}).items() if key not in elsewhere}
    table = {key: value for key, value in conversion.table.items() if key != "network"}
    block = server_block("acme", {**table, "url": url, **({"network": network} if network else {})})
    variables = {f"OF_{name.upper().replace('-', '_')}": secret.reveal() for name, secret in conversion.secrets.items()}
    block = re.sub(r"keyring:([a-z-]+)", lambda found: f"env:OF_{found[1].upper().replace('-', '_')}", block)
    text = f'[store]\nkind = "memory"\n{block}'
    paths = paths_below(tmp_path)
    config = config_file.parse(text, paths.config)
    assert config.broken == {}
    context = Context(paths, config, {**variables, "ACME_TOKEN": "from-the-shell"})
    assert asyncio.run(tools.run(tools.Input(ServerChoice("acme")), context)) == 0
    assert "echo" in capsys.readouterr().out
    for name, value in entry.sent.items():
        assert {seen.get(name) for seen in server.seen} == {value}


def test_an_entry_is_converted_in_its_place_and_the_others_stay(home, server):
    url = f"http://127.0.0.1:{server.server_address[1]}/mcp"
    old = {
        "local": {"command": "uvx", "args": ["mcp-server-git"]},
        "far": {
            "command": "npx",
            "args": ["-y", "mcp-remote", url, "--transport", "http-only", "--header", "X-Org: 42"],
        },
    }
    file = home.file(".cursor/mcp.json", json.dumps({"mcpServers": old}, indent=2))
    shown = home.run("install", "--migrate", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "[servers.far]" in shown.stdout
    assert json.loads(file.read_text())["mcpServers"] == old
    done = home.run("install", "--migrate")
    assert done.returncode == 0, done.stderr
    assert "--transport is not needed" in done.stderr
    entries = json.loads(file.read_text())["mcpServers"]
    assert entries["local"] == old["local"]
    assert entries["far"]["args"] == ["run", "far"]
    assert tomllib.loads(home.config.read_text())["servers"]["far"] == {"url": url, "headers": {"X-Org": "42"}}
    assert "echo" in home.run("tools", "far").stdout
    assert "no entry of another bridge" in home.run("install", "--migrate").stderr


def test_what_cannot_be_converted_stays_and_a_sentence_says_why(home):
    entry = {"command": "npx", "args": ["mcp-remote", "https://a.example/mcp", "--ignore-tool", "delete*"]}
    text = json.dumps({"mcpServers": {"far": entry}})
    file = home.file(".cursor/mcp.json", text)
    done = home.run("install", "cursor", "--migrate")
    assert done.returncode == 2
    assert "--ignore-tool hides tools" in done.stderr
    assert file.read_text() == text
    home.file(".cursor/mcp.json", "{")
    assert "line 1" in home.run("install", "--migrate").stderr


def test_each_entry_is_an_object_of_one_document_as_json(home):
    url = "https://a.example/mcp"
    old = {
        "far": {"command": "npx", "args": ["mcp-remote", url, "--transport", "http-only"]},
        "hidden": {"command": "npx", "args": ["mcp-remote", url, "--ignore-tool", "delete*"]},
        "odd": {"command": "npx", "args": ["mcp-remote"]},
    }
    file = home.file(".cursor/mcp.json", json.dumps({"mcpServers": old}))
    assert json.loads(home.run("install", "gemini", "--migrate", "--json").stdout) == []
    for words in (["--dry-run"], []):
        done = home.run("install", "--migrate", "--json", *words)
        assert done.returncode == 2
        far, hidden, odd = msgspec.json.decode(done.stdout, type=list[MigratedEntry])
        lines = f'[servers.far]\nurl = "{url}"\n'
        (left_out,) = far.left_out
        assert "--transport is not needed" in left_out
        assert far == MigratedEntry("cursor", str(file), "far", "mcp-remote", "far", lines, far.left_out)
        assert (hidden.server, hidden.lines) == (None, lines.replace("far", "hidden"))
        assert "--ignore-tool hides tools" in hidden.error
        assert (odd.server, odd.lines) == (None, "")
        assert odd.error in done.stderr
        changed = json.loads(file.read_text())["mcpServers"] != old
        assert changed == (not words)


def test_a_file_that_cannot_be_changed_is_told_with_the_entry_to_add_or_in_the_document(home):
    entry = {"command": "npx", "args": ["mcp-remote", "https://a.example/mcp"]}
    file = home.file(".cursor/mcp.json", json.dumps({"mcpServers": {"far": entry}}))
    file.chmod(0o444)
    assert json.loads(home.run("install", "--migrate").stdout)["mcpServers"]["far"]["args"] == ["run", "far"]
    (told,) = json.loads(home.run("install", "--migrate", "--json").stdout)
    assert "is read-only" in told["error"]
    assert told["server"] is None


def test_a_name_that_another_server_has_is_not_taken(home):
    entry = {"command": "npx", "args": ["mcp-remote", "https://other.example/mcp"]}
    file = home.file(".cursor/mcp.json", json.dumps({"mcpServers": {"acme": entry}}))
    done = home.run("install", "--migrate")
    assert done.returncode == 0, done.stderr
    assert json.loads(file.read_text())["mcpServers"]["acme"]["args"] == ["run", "other"]
    assert set(tomllib.loads(home.config.read_text())["servers"]) == {"acme", "other"}


def test_a_server_is_not_named_for_a_migration(home):
    assert "leave the server out" in home.run("install", "cursor", "acme", "--migrate").stderr
