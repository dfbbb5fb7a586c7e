"""Secrets meant for one server reach no other: the installed command among three origins that record every byte.

The origins are the MCP server, its authorization server and a stranger. The first two try to leak secrets to the
third.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

pytestmark = pytest.mark.slow  # thirty logins by thirty processes

ORGANISATION, SECRET = "org-canary-5150", "client-secret-canary"
LOGIN_REQUIRED = 3
WELL_KNOWN = "/.well-known/oauth-authorization-server"
RESOURCE = "/.well-known/oauth-protected-resource/mcp"


class Origin:
    """One server on its own port. `heard` holds all that it was sent; `pages` answer their paths before `usual` does.

    A page is a status, headers and a body, which is sent as JSON.
    """

    def __init__(self, usual):
        self.heard, self.pages, self.usual = [], {}, usual
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                origin.heard.append(f"{self.requestline}\n{self.headers}\n{body}")
                path = urlsplit(self.path).path
                page = origin.pages.get(path) or origin.usual(self, path, body)
                self.answer(*page)

            def answer(self, status, headers, document):
                content = b"" if document is None else json.dumps(document).encode()
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            setattr(Handler, f"do_{method}", Handler.handle_any)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def has_heard(self, *canaries):
        said = "\n".join(self.heard)
        return [canary for canary in canaries if canary in said]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


NOT_FOUND = (404, {}, None)


def authorization_server(name):
    """Grants everything at once. Its codes and tokens carry its `name`; its tokens expire as they are issued."""

    def usual(request, path, body):
        if path == "/authorize":
            query = {key: values[0] for key, values in parse_qs(urlsplit(request.path).query).items()}
            back = f"{query['redirect_uri']}?{urlencode({'code': f'{name}-code', 'state': query['state']})}"
            return 302, {"location": back}, None
        if path == "/register":
            asked = json.loads(body)
            return 201, {}, {"client_id": f"{name}-client", "redirect_uris": asked["redirect_uris"]}
        if path == "/token":
            answer = {"access_token": f"{name}-access", "refresh_token": f"{name}-refresh", "expires_in": 0}
            return 200, {}, {**answer, "token_type": "bearer"}
        return (200, {}, {}) if path == "/revoke" else NOT_FOUND

    return usual


class Stage:
    def __init__(self, bridge):
        self.bridge = bridge
        self.honest, self.evil = Origin(authorization_server("honest")), Origin(authorization_server("evil"))
        self.mcp = Origin(self._mcp)
        self.challenge = ""
        self.accepts = True
        self.describe()
        self.evil.pages[WELL_KNOWN] = (200, {}, self.metadata(self.evil))

    def describe(self, server=None, **metadata):
        """Names `server`, or the honest one, as the authorization server, and changes the honest one's metadata."""
        named = {"resource": f"{self.mcp.url}/mcp", "authorization_servers": [(server or self.honest).url]}
        self.mcp.pages[RESOURCE] = (200, {}, named)
        self.honest.pages[WELL_KNOWN] = (200, {}, {**self.metadata(self.honest), **metadata})

    def metadata(self, origin):
        names = ("authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint")
        paths = ("/authorize", "/token", "/register", "/revoke")
        endpoints = {name: origin.url + path for name, path in zip(names, paths, strict=True)}
        return {"issuer": origin.url, "code_challenge_methods_supported": ["S256"], **endpoints}

    def configure(self, **auth):
        keys = {f"auth.{key}": value for key, value in {"kind": "browser", **auth}.items()}
        self.bridge.add_server("acme", f"{self.mcp.url}/mcp", {"X-Organisation": ORGANISATION}, **keys)

    def log_in(self, *options):
        return self.bridge.run("login", "acme", *options)

    def call(self):
        """Calls a tool in a new process: the stored token has expired, so a refresh comes first."""
        with self.bridge.stdio("acme") as client:
            client.initialize()
            return client.call("echo", {})

    def _mcp(self, request, path, body):
        if path != "/mcp" or request.command != "POST":
            return (405 if path == "/mcp" else 404), {}, None
        if not (self.accepts and request.headers.get("authorization")):
            named = f', resource_metadata="{self.challenge}"' if self.challenge else ""
            return 401, {"www-authenticate": f'Bearer realm="x"{named}'}, None
        message = json.loads(body)
        results = {
            "initialize": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": INFO},
            "tools/list": {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]},
            "tools/call": {"content": [{"type": "text", "text": "done"}]},
        }
        if message.get("method") in results:
            return 200, {}, {"jsonrpc": "2.0", "id": message["id"], "result": results[message["method"]]}
        if "id" in message:
            return 200, {}, {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no"}}
        return 202, {}, None

    def check(self):
        """Asserts that each canary is where it belongs and nowhere else."""
        tokens = ("honest-refresh", "honest-code", SECRET)
        assert self.evil.has_heard(ORGANISATION, "honest-access", *tokens) == []
        assert self.mcp.has_heard(*tokens, "evil-refresh", "evil-code") == []
        assert self.honest.has_heard(ORGANISATION, "honest-access", "evil-refresh", "evil-code", "evil-access") == []


INFO = {"name": "x", "version": "1"}


@pytest.fixture
def stage(bridge):
    stage = Stage(bridge)
    stage.configure()
    yield stage
    for origin in (stage.mcp, stage.honest, stage.evil):
        origin.close()


def moved(stage, status=307, path="/x"):
    return status, {"location": stage.evil.url + path}, None


def test_with_honest_servers_each_secret_reaches_its_own_server(stage):
    assert stage.log_in().returncode == 0
    assert "done" in json.dumps(stage.call())
    assert stage.mcp.has_heard(ORGANISATION, "honest-access") == [ORGANISATION, "honest-access"]
    assert stage.honest.has_heard("honest-code", "honest-refresh") == ["honest-code", "honest-refresh"]
    assert stage.evil.heard == []
    stage.check()


def elsewhere(name):
    return lambda stage: stage.describe(**{name: f"{stage.evil.url}/{name}"})


def page(origin, path, status):
    return lambda stage: getattr(stage, origin).pages.update({path: moved(stage, status, path)})


def claims(stage):
    """The stranger claims to be the honest server."""
    stage.describe(stage.evil)
    lie = {**stage.metadata(stage.evil), "issuer": stage.honest.url}
    stage.evil.pages[WELL_KNOWN] = (200, {}, lie)


def challenges(stage):
    stage.challenge = f"{stage.evil.url}/prm"
    del stage.mcp.pages[RESOURCE]


FIRST = {
    "a challenge": challenges,
    "a lie about the issuer": claims,
    "the authorization endpoint": elsewhere("authorization_endpoint"),
    "the token endpoint": elsewhere("token_endpoint"),
    "the registration endpoint": elsewhere("registration_endpoint"),
    "the revocation endpoint": elsewhere("revocation_endpoint"),
    "the device endpoint": elsewhere("device_authorization_endpoint"),
    "a redirect of the resource's metadata": page("mcp", RESOURCE, 302),
    "a redirect of the server's metadata": page("honest", WELL_KNOWN, 301),
    "a redirect of the registration": page("honest", "/register", 307),
    "a redirect of the token request": page("honest", "/token", 307),
    "a redirect of the token request that keeps the method": page("honest", "/token", 308),
    "a redirect of the token request as a GET": page("honest", "/token", 303),
    "a redirect of the MCP endpoint": page("mcp", "/mcp", 307),
    "a redirect of the MCP endpoint as a GET": page("mcp", "/mcp", 302),
}


@pytest.mark.parametrize("change", FIRST)
def test_a_first_login_ends_before_the_stranger_receives_anything(stage, change):
    FIRST[change](stage)
    done = stage.log_in()
    assert done.returncode in (LOGIN_REQUIRED, 7), done.stderr
    if change != "a lie about the issuer":  # only its metadata reveal the lie
        assert stage.evil.heard == []
    stage.check()


CONFIGURED = {"client_id": "mine", "client_secret": SECRET}


@pytest.mark.parametrize("trusting", [{}, {"trusted_issuer": "honest"}])
@pytest.mark.parametrize("change", [claims, lambda stage: stage.describe(stage.evil), elsewhere("token_endpoint")])
def test_a_configured_client_secret_is_sent_only_to_its_issuer(stage, change, trusting):
    stage.configure(**CONFIGURED, issuer=stage.honest.url, **dict.fromkeys(trusting, stage.honest.url))
    change(stage)
    assert stage.log_in().returncode != 0
    assert stage.evil.has_heard("mine") == []
    stage.check()


def gone(stage):
    """The metadata are gone, but the MCP server's own origin is an authorization server (MCP 2025-03-26)."""
    del stage.mcp.pages[RESOURCE]
    stage.mcp.pages[WELL_KNOWN] = (200, {}, stage.metadata(stage.mcp))


SWAPS = {"the stranger": lambda stage: stage.describe(stage.evil), "the MCP server itself": gone}


@pytest.mark.parametrize("change", SWAPS)
def test_another_authorization_server_gets_no_secret_of_the_old_one(stage, change):
    assert stage.log_in().returncode == 0
    SWAPS[change](stage)
    assert "done" in json.dumps(stage.call())  # the refresh goes to the server of the login
    stage.accepts = False
    stage.call()
    assert stage.evil.heard == []
    assert not any(WELL_KNOWN in said or "/token" in said for said in stage.mcp.heard)
    stage.accepts = True
    asked = stage.log_in()
    assert asked.returncode == LOGIN_REQUIRED, asked.stderr
    assert "the last one was at" in asked.stderr
    assert stage.evil.heard == []
    stage.check()


def test_a_user_who_agrees_to_another_authorization_server_starts_afresh_there(stage):
    assert stage.log_in().returncode == 0
    stage.describe(stage.evil)
    hint = re.search(r"run: mcp-auth-bridge login acme (--trust \S+)", stage.log_in().stderr)
    assert hint is not None
    done = stage.log_in(*hint[1].split())
    assert done.returncode == 0, done.stderr
    stage.call()
    assert stage.evil.has_heard("evil-code", "evil-refresh", "honest-client") == ["evil-code", "evil-refresh"]
    stage.check()
    assert stage.log_in().returncode == 0  # agreeing once is enough


def test_a_user_who_agrees_to_an_endpoint_elsewhere_is_not_asked_again(stage):
    stage.describe(authorization_endpoint=f"{stage.evil.url}/authorize")
    assert stage.log_in().returncode == LOGIN_REQUIRED
    for options in (["--trust", stage.evil.url], []):
        assert stage.log_in(*options).returncode == 0
    stage.describe(authorization_endpoint=f"{stage.evil.url}/authorize", token_endpoint=f"{stage.mcp.url}/token")
    assert stage.log_in().returncode == LOGIN_REQUIRED


AFTERWARDS = {
    "the metadata's token endpoint": elsewhere("token_endpoint"),
    "the metadata's revocation endpoint": elsewhere("revocation_endpoint"),
    "a redirect of the refresh": page("honest", "/token", 307),
    "a redirect of the refresh as a GET": page("honest", "/token", 302),
    "a redirect of the revocation": page("honest", "/revoke", 308),
    "a redirect of the call": page("mcp", "/mcp", 307),
    "a permanent redirect of the call": page("mcp", "/mcp", 308),
    "a redirect of the call as a GET": page("mcp", "/mcp", 303),
}


@pytest.mark.parametrize("change", AFTERWARDS)
def test_a_good_login_leaks_nothing_when_its_servers_turn_hostile(stage, change):
    assert stage.log_in().returncode == 0
    AFTERWARDS[change](stage)
    with stage.bridge.stdio("acme") as client:
        client.initialize()
        client.call("echo", {})
    stage.bridge.run("logout", "acme")
    assert stage.evil.heard == []
    stage.check()
