"""Every kind of secret, through one life with the debug log on: none is printed, none is left outside the records.

`test_secrets.py` looks at a confidential client's life from outside. This file observes the bridge from inside
(`canaries.py`), so that it also knows the secrets that the bridge made itself, verifiers and keys.
"""

import base64
import json
from pathlib import Path

import canaries
import pytest
from installed import Bridge
from peers.gateway import Gateway
from starlette.responses import Response
from words import text

ADD = {"a": 1, "b": 2}
SEALING_KEY = base64.b64encode(b"canary-sealing-key-for-32-bytes!").decode()
GIVEN = {
    "bearer from the environment": "canary-bearer-from-env-Qk31",
    "bearer from a file": "canary-bearer-from-file-Wj42",
    "header from the environment": "canary-header-from-env-Eh53",
    "header from a file": "canary-header-from-file-Rg64",
    "literal header": "canary-literal-header-Tf75",
    "proxy password": "canary-proxy-password-Yd86",
}
URL_SECRET = "Cnry8PathOfAUrl97Us"  # some servers keep a secret in the path of their URL, which the user knows
ISSUED = {
    "registration_access_token": "canary-registration-access-Ia08",
    "id_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnktaWQtdG9rZW4tT3oxOSIsImlzcyI6IngifQ.canary-id-token",
    "cookie": "canary-affinity-cookie-Px20",
    "dpop nonce": "canary-dpop-nonce-Av31",
}


def amended(app, headers=(), **more):
    """`app`, with `headers` added to its responses and members to their JSON."""

    async def answering(scope, receive, send):
        async def telling(message):
            if message["type"] == "http.response.start":
                old = [pair for pair in message["headers"] if not more or pair[0].lower() != b"content-length"]
                message = {**message, "headers": [*old, *((n.encode(), v.encode()) for n, v in headers)]}
            elif more:
                message = {**message, "body": json.dumps({**json.loads(message["body"]), **more}).encode()}
            await send(message)

        await app(_as_bearer(scope), receive, telling)

    return answering


def _as_bearer(scope):
    """The demo's server knows only bearer tokens and does not check proofs."""
    headers = [(n, v.replace(b"DPoP ", b"Bearer ") if n == b"authorization" else v) for n, v in scope["headers"]]
    return {**scope, "headers": headers}


class Life:
    """One life: `said` is everything that the bridge printed, `secrets` holds each secret by its kind."""

    def __init__(self, home: Path, gateway: Gateway) -> None:
        self.gateway = gateway
        self.bridge = Bridge(home)
        self.said = b""
        self.codes: list[int] = []
        self.left: dict[str, dict[str, bytes]] = {}
        key = home / "sealing.key"
        key.write_text(SEALING_KEY + "\n")

    def run(self, *arguments: str) -> None:
        done = self.bridge.run("--debug", *arguments)
        self.codes.append(done.returncode)
        self.said += f"{done.args[1:]} {done.stdout} {done.stderr}".encode()

    def relay(self, name: str, *calls: str) -> None:
        with self.bridge.stdio(name, "--debug") as client:
            said = [client.initialize(), *(client.call("add", ADD, call) for call in calls)]
            self.said += Path(f"/proc/{client._process.pid}/cmdline").read_bytes()
            client.close()
            self.said += json.dumps(said).encode() + client.stderr.encode()
            self.answers = said[1:]


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    folder = tmp_path_factory.mktemp("canaries")
    (folder / "home").mkdir(0o700)
    with pytest.MonkeyPatch.context() as patch, Gateway() as gateway:
        patch.setenv("MCP_AUTH_BRIDGE_COMMAND", str(canaries.command(folder)))
        life = Life(folder / "home", gateway)
        _make_generous(gateway)
        _configure(life, folder)
        _live(life)
        life.listened = [path for path in folder.iterdir() if path.suffix in (".secrets", ".said")]
        life.folder = folder
        yield life


def _make_generous(gateway):
    """The demo's servers, which also issue secrets that they do not need."""
    nonce = [("DPoP-Nonce", ISSUED["dpop nonce"])]
    management = {"registration_client_uri": f"{gateway.origin}/register/1"}
    token = {"registration_access_token": ISSUED["registration_access_token"]}
    gateway.instead["/register"] = amended(gateway._app, **management, **token)
    gateway.instead["/register/1"] = Response(status_code=204)
    gateway.instead["/token"] = amended(gateway._app, nonce, token_type="DPoP", id_token=ISSUED["id_token"])
    gateway.instead["/mcp"] = amended(gateway._app, [*nonce, ("Set-Cookie", f"AWSALB={ISSUED['cookie']}; Path=/")])
    bound = amended(gateway._app, dpop_bound_access_tokens_required=True)
    gateway.instead["/.well-known/oauth-protected-resource/mcp"] = bound
    metadata = "/.well-known/oauth-authorization-server"
    gateway.instead[metadata] = amended(gateway._app, dpop_signing_alg_values_supported=["ES256"])


def _configure(life, folder):
    bridge, url = life.bridge, life.gateway.url
    for kind in ("bearer", "header"):
        (folder / f"{kind}.key").write_text(GIVEN[f"{kind} from a file"] + "\n")
        bridge.environment[f"ACME_{kind.upper()}"] = GIVEN[f"{kind} from the environment"]
    headers = {
        "X-Env": "env:ACME_HEADER",
        "X-File": f"file:{folder / 'header.key'}",
        "X-Literal": GIVEN["literal header"],
    }
    bridge.add_server("acme", url, headers, **{"network.cookies": "affinity", "auth.kind": "browser"})
    bridge.add_server("env", url, **{"auth.kind": "bearer", "auth.token": "env:ACME_BEARER"})
    bridge.add_server("file", url, **{"auth.kind": "bearer", "auth.token": f"file:{folder / 'bearer.key'}"})
    proxy = f"http://somebody:{GIVEN['proxy password']}@127.0.0.1:1"
    bridge.add_server("far", "https://mcp.example.com/mcp", **{"network.proxy": proxy})
    bridge.add_server("path", f"{life.gateway.origin}/s/{URL_SECRET}/mcp")


def _live(life):
    """Runs every command, each kind of refusal and a refresh, then everything once more with broken servers."""
    life.run("login", "acme")
    life.relay("acme", "1")
    life.gateway.grants._access.clear()
    life.relay("acme", "2")
    assert text(life.answers[0]) == "3", life.said.decode()
    life.run("status")
    life.run("status", "--json")
    for name in ("env", "file", "far", "path"):
        life.relay(name, "1")
        life.run("login", name)
    life.run("login", "acme")
    life.gateway.grants._access.clear()
    life.gateway.grants._refresh.clear()
    life.relay("acme", "3")
    life.left["while signed in"] = canaries.left(life.bridge.home)
    life.run("logout", "acme")
    life.left["after the logout"] = canaries.left(life.bridge.home)


def secrets_of(life):
    """The secrets by kind: configured ones, issued ones, and all that the bridge itself treats as secret."""
    sent = [(headers, bytes(body).decode("latin-1")) for _, _, headers, body in life.gateway.requests]
    sessions = {headers["mcp-session-id"] for headers, _ in sent if "mcp-session-id" in headers}
    proofs = {headers["dpop"] for headers, _ in sent if "dpop" in headers}
    noted = {
        json.loads(line)
        for notes in life.folder.glob("*.secrets")
        for line in notes.read_text().splitlines()[1:]
        if len(json.loads(line)) >= canaries.SHORTEST
    }
    named = {"sealing key": {SEALING_KEY, base64.b64decode(SEALING_KEY).decode()}, "sessions": sessions}
    return {**named, "proofs": proofs, "noted": noted, "seen": life.gateway.secrets, "given": {*GIVEN.values()}} | {
        name: {secret} for name, secret in ISSUED.items()
    }


def test_every_kind_of_secret_was_in_use(life):
    sent = [{**headers, "body": bytes(body).decode("latin-1")} for _, _, headers, body in life.gateway.requests]
    everything = json.dumps(sent)
    unseen = {name for name, secret in GIVEN.items() if secret not in everything}
    assert unseen == {"proxy password"}
    assert ISSUED["registration_access_token"] in everything
    assert ISSUED["cookie"] in everything
    secrets = secrets_of(life)
    assert len(secrets["sessions"]) >= 3
    assert len(secrets["proofs"]) >= 5
    assert any('"d":' in secret for secret in secrets["noted"])  # the private key
    kinds = {name.split("-")[1] for name in secrets["seen"] if name.startswith("demo-")}
    assert kinds == {"access", "refresh", "code"}
    assert life.codes[0] == 0


def test_no_secret_is_printed(life):
    said = life.said + b"".join(path.read_bytes() for path in life.listened if path.suffix == ".said")
    assert canaries.DEBUG in said
    told = {name: canaries.found(said, secrets) for name, secrets in secrets_of(life).items()}
    assert {name: secrets for name, secrets in told.items() if secrets} == {}


def test_the_log_hides_the_secret_path_of_a_url(life):
    assert any(URL_SECRET in path for _, path, _, _ in life.gateway.requests)
    said = b"".join(path.read_bytes() for path in life.listened if path.suffix == ".said")
    log = [line for line in said.splitlines() if line.startswith(canaries.DEBUG)]
    assert b"url=%s/s/" % life.gateway.origin.encode() in b"".join(log)
    assert canaries.found(b"".join(log), {URL_SECRET}) == []


def test_no_secret_is_in_a_log_file_and_neither_is_the_secret_path_of_a_url(life):
    logs = b"".join(data for name, data in life.left["after the logout"].items() if name.startswith("log/"))
    events = {json.loads(line).get("event") for line in logs.splitlines()}
    assert {"started", "relay.starts", "mcp", "mcp.refused", "credentials", "session.opened", "oauth"} <= events
    assert b"%s/s/" % life.gateway.origin.encode() in logs
    assert canaries.found(logs, set().union(*secrets_of(life).values()) | {URL_SECRET}) == []


@pytest.mark.parametrize("when", ["while signed in", "after the logout"])
def test_no_secret_is_left_in_a_file(life, when):
    left = life.left[when]
    assert any(name.endswith(".sealed") for name in left) == (when == "while signed in")
    secrets = set().union(*secrets_of(life).values())
    assert {name: told for name, data in left.items() if (told := canaries.found(data, secrets))} == {}
