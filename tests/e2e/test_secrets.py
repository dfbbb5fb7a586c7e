"""No secret leaves the sealed records: each has a unique value, searched for in everything that a whole life writes."""

import base64
import json
import re
import socket
import stat
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from installed import Bridge
from peers.gateway import Gateway
from starlette.responses import JSONResponse
from words import text

from mcp_auth_bridge.demo.rules import RegisteredClient

ADD = {"a": 1, "b": 2}
HEADERS = {
    "env": "canary-header-from-env-5Zq1",
    "file": "canary-header-from-file-9Yw2",
    "literal": "canary-literal-3Xv7",
}
METADATA = "/.well-known/oauth-authorization-server"
ENDPOINTS = {"authorization": "authorize", "token": "token", "revocation": "revoke"}
CLIENT = "acme-desktop"
CLIENT_SECRET = "canary-client-secret-7Tk4/+="

# The browser: it first writes down how it was started, then opens the URL.
OPENER = """
import json, os, subprocess, sys
with open(sys.argv[1], "w") as seen:
    json.dump({"environment": dict(os.environ), "parent": open(f"/proc/{os.getppid()}/cmdline").read()}, seen)
sys.exit(subprocess.run(sys.argv[2:]).returncode)
"""


class Life:
    """One bridge from its login to its logout. `said` holds its stdout, its stderr and each of its argv."""

    def __init__(self, home: Path) -> None:
        self.said: dict[str, bytes] = {}
        self.bridge = Bridge(home)
        self.opener = home.parent / "opener.json"

    def run(self, *arguments: str) -> None:
        done = self.bridge.run(*arguments)
        assert done.returncode == 0, done.stderr
        self.said[" ".join(arguments)] = f"{done.stdout}\n{done.stderr}".encode()

    def relay(self, gateway: Gateway) -> None:
        """Makes calls, with a refresh after a 401 in between."""
        with self.bridge.stdio("acme", "--header", "X-Cli: env:ACME_KEY") as client:
            answers = [client.initialize(), client.request("tools/list"), client.call("add", ADD)]
            gateway.grants._access.clear()
            answers.append(client.call("add", ADD))
            assert text(answers[-1]) == "3"
            self.said["cmdline"] = Path(f"/proc/{client._process.pid}/cmdline").read_bytes()
            assert client.close() == 0
            self.said["run"] = json.dumps(answers).encode() + client.stderr.encode()


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    """Login, calls, a refresh, status, an error and a second login; the last test logs out."""
    home = tmp_path_factory.mktemp("secrets") / "home"
    home.mkdir(0o700)
    life = Life(home)
    with Gateway() as gateway:
        life.gateway = gateway
        configure(life, gateway)
        life.run("login", "acme")
        life.relay(gateway)
        life.run("status")
        life.run("status", "--json")
        life.run("login", "acme")
        yield life


def configure(life, gateway):
    bridge, home = life.bridge, life.bridge.home
    (home.parent / "acme.key").write_text(HEADERS["file"] + "\n")
    opener = home.parent / "opener.py"
    opener.write_text(OPENER)
    bridge.browser_command = f"{sys.executable} {opener} {life.opener} {bridge.browser_command}"
    bridge.environment["ACME_KEY"] = HEADERS["env"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gateway.grants._clients[CLIENT] = RegisteredClient(
        CLIENT, "Acme", (f"http://127.0.0.1:{port}/callback",), ("authorization_code", "refresh_token")
    )
    gateway.instead[METADATA] = confidential(gateway)
    auth = {"client_id": CLIENT, "client_secret": CLIENT_SECRET, "issuer": gateway.origin, "callback_port": port}
    headers = {"X-Env": "env:ACME_KEY", "X-File": f"file:{home.parent / 'acme.key'}", "X-Literal": HEADERS["literal"]}
    keys = {f"auth.{name}": value for name, value in {"kind": "browser", **auth}.items()}
    bridge.add_server("acme", gateway.url, headers, **keys)


def confidential(gateway):
    """The demo's metadata, but the token endpoint requires a client secret."""
    return JSONResponse(
        {
            "issuer": gateway.origin,
            **{f"{name}_endpoint": f"{gateway.origin}/{place}" for name, place in ENDPOINTS.items()},
            "response_types_supported": ["code"],
            "scopes_supported": ["tools", "offline_access"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
    )


def canaries(life):
    """Every secret that was configured or exchanged, in each of its forms: raw, percent-encoded, base64."""
    secrets = life.gateway.secrets | {CLIENT_SECRET, *HEADERS.values()}
    assert len(secrets) > 8
    return {form for secret in secrets for form in forms(secret)}


def forms(secret):
    """The base64 form of a text depends on its offset: the middle of each of the three alignments is enough."""
    yield secret.encode()
    yield quote(secret, safe="").encode()
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * shift + secret.encode())[4:-4]


def found(data, life):
    return [form for form in canaries(life) if form in data]


def test_the_peer_has_seen_every_kind_of_secret(life):
    kinds = {re.match(r"demo-(\w+)-", secret)[1] for secret in life.gateway.secrets if secret.startswith("demo-")}
    assert kinds == {"access", "refresh", "code"}
    forms = b"&".join(bytes(body) for _, path, _, body in life.gateway.requests if path == "/token")
    verifiers = {verifier.decode() for verifier in re.findall(rb"code_verifier=([^&]+)", forms)}
    assert len(verifiers) == 2
    assert verifiers <= life.gateway.secrets
    assert life.gateway.grants.refreshes == 1


def test_the_headers_reach_only_the_mcp_server(life):
    for _, path, headers, _ in life.gateway.requests:
        values = {headers.get(name) for name in ("x-env", "x-file", "x-literal")}
        assert values == ({*HEADERS.values()} if path == "/mcp" else {None}), path


def test_no_secret_is_on_stdout_stderr_or_a_command_line(life):
    assert {name: found(data, life) for name, data in life.said.items()} == {name: [] for name in life.said}


def test_no_secret_is_in_a_file_other_than_the_users_configuration(life):
    home = life.bridge.home
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".sealed" for path in files)
    assert {path: found(written(path), life) for path in files} == {path: [] for path in files}


def written(path):
    """The content of the file without the two secrets that the user wrote into the configuration."""
    data = path.read_bytes()
    for secret in (CLIENT_SECRET, HEADERS["literal"]) if path.name == "config.toml" else ():
        assert data.count(secret.encode()) == 1
        data = data.replace(secret.encode(), b"")
    return data


def test_other_users_cannot_read_the_bridges_files(life):
    for folder in ("records", "memory", "locks"):
        assert stat.S_IMODE((life.bridge.home / folder).stat().st_mode) == 0o700
        for path in (life.bridge.home / folder).iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_the_browser_is_started_without_a_secret(life):
    seen = json.loads(life.opener.read_text())
    assert "ACME_KEY" not in seen["environment"]
    assert found(json.dumps(seen).encode(), life) == []


def test_the_client_secret_goes_to_the_token_and_revocation_endpoints_only(life):
    told = {path for _, path, headers, body in life.gateway.requests if b"client_secret=" in body or secret_in(headers)}
    assert told == {"/token"}
    assert life.gateway.seen("/register") == 0


def secret_in(headers):
    return any(form.decode() in value for form in forms(CLIENT_SECRET) for value in headers.values())


def test_secrets_that_a_server_repeats_in_its_errors_are_not_printed(life):
    async def echo(scope, receive, send):
        body = (await receive())["body"].decode()
        sent = " ".join([body, *(value.decode() for _, value in scope["headers"])])
        answer = JSONResponse({"error": sent, "error_description": sent}, 400, {"www-authenticate": f"Bearer {sent}"})
        await answer(scope, receive, send)

    life.gateway.grants._access.clear()
    life.gateway.instead["/token"] = echo
    with life.bridge.stdio("acme") as client:
        said = [client.initialize(), client.call("add", ADD)]
        life.gateway.instead["/mcp"] = echo
        said += [client.call("add", ADD)]
        client.close()
        said += [client.stderr]
    del life.gateway.instead["/token"]
    done = life.bridge.run("login", "acme")
    del life.gateway.instead["/mcp"]
    assert "error" in said[1]
    assert found(json.dumps([*said, done.stdout, done.stderr]).encode(), life) == []


def test_the_key_command_is_started_with_no_secret_except_its_own(life, tmp_path):
    seen = tmp_path / "seen.json"
    dump = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w')); print('a' * 43 + '=')"
    key_command = [sys.executable, "-c", dump, str(seen)]
    bridge = Bridge(tmp_path)
    bridge.store = f"[store]\nkind = 'key_command'\ncommand = {json.dumps(key_command)}"
    bridge.environment["ACME_KEY"] = HEADERS["env"]
    bridge.add_server("acme", life.gateway.url, {"X-Env": "env:ACME_KEY"})
    bridge.run("login", "acme", "--no-browser", "--fresh", "--header", "X-None: env:NOT_SET")
    assert found(seen.read_bytes(), life) == []


def test_a_logout_leaves_and_prints_no_secret(life):
    life.run("logout", "acme")
    assert found(life.said["logout acme"], life) == []
    home = life.bridge.home
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {path: found(written(path), life) for path in files} == {path: [] for path in files}
    assert list(home.rglob("*.sealed*")) == []
