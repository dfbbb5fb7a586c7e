"""`login` at servers that use keys: it repeats the server's own words and does not send the user in a circle."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from words import complaint

MISSING = "Missing API key: send X-API-Key"
RESULTS = {
    "initialize": {
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "k", "version": "1"},
    },
    "tools/list": {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]},
}


class Handler(BaseHTTPRequestHandler):
    """An MCP server at /mcp for requests with the key; no other path exists."""

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
        self._answer(405 if self.path == "/mcp" else 404)

    def do_OPTIONS(self):
        self._answer(405)

    def do_DELETE(self):
        self._answer(405)

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != "/mcp":
            self._answer(404)
        elif self.headers.get("x-api-key") != "k3y":
            self._answer(401, {"error": MISSING})
        elif "id" in message:
            self._answer(200, {"jsonrpc": "2.0", "id": message["id"], "result": RESULTS[message["method"]]})
        else:
            self._answer(202)


@pytest.fixture
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}/mcp"
    server.shutdown()
    server.server_close()


def test_a_server_that_answers_needs_no_login_and_the_working_command_is_named(bridge, url) -> None:
    bridge.environment["KEY"] = "k3y"
    bridge.add_server("acme", url)
    done = bridge.run("login", "acme", "--header", "X-API-Key: env:KEY", "--no-browser")
    sentence, hint = complaint(done.stderr)
    assert done.returncode == 2
    assert sentence.endswith("needs no login: it answers requests without credentials")
    assert "each time with --header for X-API-Key" in hint
    command = hint[hint.index("mcp-auth-bridge tools") :].split()[1:]
    assert "echo" in bridge.run(*command, "--header", "X-API-Key: env:KEY").stdout


def test_the_servers_own_words_are_repeated_with_both_ways_to_give_it_a_credential(bridge, url) -> None:
    bridge.add_server("acme", url)
    done = bridge.run("login", "acme")
    sentence, hint = complaint(done.stderr)
    assert done.returncode == 7
    assert f"HTTP 401, saying “{MISSING}”" in sentence
    assert 'kind = "bearer"' in hint
    assert 'kind = "headers"' in hint


def test_a_wrong_key_is_named_and_no_login_is_offered(bridge, url) -> None:
    bridge.add_server("acme", url, headers={"X-API-Key": "wrong"}, **{"auth.kind": "none"})
    sentence, hint = complaint(bridge.run("tools", "acme").stderr)
    assert f"refuses requests with the headers x-api-key (HTTP 401, saying “{MISSING}”)" in sentence
    assert "mcp-auth-bridge login" not in hint


def test_login_does_not_offer_a_server_that_has_a_configured_key(bridge, url) -> None:
    bridge.environment["KEY"] = "k3y"
    bridge.add_server("acme", url, **{"auth.kind": "headers", "auth.headers.X-API-Key": "env:KEY"})
    done = bridge.run("login", "acme")
    sentence, hint = complaint(done.stderr)
    assert (done.returncode, hint) == (2, "use it as it is: mcp-auth-bridge tools acme")
    assert "there is nothing to log in to" in sentence
    assert "echo" in bridge.run("tools", "acme").stdout
