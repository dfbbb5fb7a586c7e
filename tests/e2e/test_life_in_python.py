"""A login's whole life at authorization servers in Python, each as packaged, in its own environment.

The MCP SDK's own in both its versions (python-sdk #3545, #1315), FastMCP's in memory, FastMCP's OAuthProxy in front of
oidc-provider, and one built from Authlib's parts.
"""

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from life import ADD, lives
from peer import AuthorizationServer, McpServer, PythonServer
from peers.environments import python_with
from place import Place
from words import complaint, error, text

SDK_1 = ("mcp<2", "uvicorn")
FASTMCP = ("fastmcp>=4,<5", "uvicorn")
CANAILLE = ("canaille[front,oidc]<0.4", "a2wsgi", "uvicorn", "authlib<1.9")
CANAILLE_TODAY = ("canaille[front,oidc]<0.4", "a2wsgi", "uvicorn", "authlib>=1.9")  # it cannot delete a registration
AUTHLIB = ("authlib>=1.9,<2", "flask", "sqlalchemy", "a2wsgi", "uvicorn")


class Peers:
    """The peers of one test, which end with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()

    def serve(self, python: str, script: str, *arguments: str) -> PythonServer:
        """Starts an authorization server of tests/support/peers with `python`."""
        server = PythonServer(python, script, self._folder / f"{script}.log", *arguments)
        self._stack.callback(server.stop)
        return server

    def protect(self, server: PythonServer) -> McpServer:
        """Starts the SDK's MCP server, which accepts the JWTs of `server`."""
        protected = McpServer("protected_server.py", server.about["issuer"], self._folder / "mcp-server.log")
        self._stack.callback(protected.stop)
        return protected

    def stop(self) -> None:
        self._stack.close()


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[Peers]:
    peers = Peers(tmp_path)
    yield peers
    peers.stop()


def at(server: PythonServer) -> Place:
    return Place(server, server.url, lambda: server.control({"refuseTokens": True}))


def forgets_everything(place: Place) -> None:
    place.server.control({"revokeAll": True, "forgetClients": True})


def configure(bridge, place, method="") -> None:
    auth = {"auth.kind": "browser", "auth.auth_method": method} if method else {}
    bridge.add_server("acme", place.url, **auth)


# Authorization servers that are part of an MCP server


@pytest.fixture(params=["mcp 2", "mcp 1", "fastmcp"])
def own(request, peers) -> Place:
    match request.param:
        case "mcp 2":
            return at(peers.serve(sys.executable, "sdk_provider.py"))
        case "mcp 1":
            return at(peers.serve(python_with(*SDK_1), "sdk_provider_1.py"))
        case _:
            return at(peers.serve(python_with(*FASTMCP), "fastmcp_in_memory.py"))


OTHERS = ["none", "client_secret_post", "client_secret_basic_with_id"]


@pytest.mark.parametrize("method", ["", *(pytest.param(method, marks=pytest.mark.slow) for method in OTHERS)])
def test_a_whole_life_at_an_mcp_servers_own_authorization_server(own, bridge, method) -> None:
    configure(bridge, own, method)
    lives(own, bridge)
    assert not method or set(own.counters["authMethods"]) == {method.removesuffix("_with_id")}
    assert own.server.control()["live"] == 0


def test_a_whole_life_over_the_transport_of_2024_11_05(peers, bridge) -> None:
    """The SDK's server answers POST with 405 before it checks credentials, and requires them at the event stream."""
    server = peers.serve(python_with(*SDK_1), "sdk_provider_1.py", "--sse")
    place = Place(server, f"{server.about['origin']}/sse", lambda: server.control({"refuseTokens": True}))
    configure(bridge, place)
    lives(place, bridge)


@pytest.mark.slow
def test_a_client_authentication_method_that_the_server_does_not_accept_as_specified_is_named(own, bridge) -> None:
    configure(bridge, own, "client_secret_basic")
    done = bridge.run("login", "acme")
    assert done.returncode == 7
    assert 'remove auth_method = "client_secret_basic"' in complaint(done.stderr)[1]


def test_a_life_by_url_alone(peers, bridge) -> None:
    """The way users begin: no server is configured, and the browser opens only for `login`."""
    place = at(peers.serve(sys.executable, "sdk_provider.py"))
    (bridge.home / "config.toml").write_text(f"{bridge.store}\n")
    bridge.environment["CI"] = "true"
    sign_in = ("login", place.url, "--browser-command", bridge.browser_command)
    assert bridge.run(*sign_in).returncode == 0
    with bridge.stdio(place.url) as process:
        process.initialize()
        assert text(process.call("add", ADD)) == "3"
        place.refuse_tokens()
        assert text(process.call("add", ADD)) == "3"
        place.end_grants()
        assert f"mcp-auth-bridge login {place.url}" in text(process.call("add", ADD))
        assert bridge.run(*sign_in).returncode == 0
        assert text(process.call("add", ADD)) == "3"
    assert bridge.run("logout", place.url).returncode == 0
    assert place.counters["registrations"] == 1
    assert place.counters["token"] == {
        "authorization_code": {"success": 2},
        "refresh_token": {"success": 1, "invalid_grant": 1},
    }
    assert place.server.control()["live"] == 0


def test_a_restarted_server_costs_one_login_and_one_registration(own, bridge) -> None:
    """The server keeps everything in memory: after each restart it does not know the bridge."""
    configure(bridge, own)
    bridge.login("acme")
    with bridge.stdio("acme") as process:
        process.initialize()
        assert text(process.call("add", ADD)) == "3"
        forgets_everything(own)
        assert "mcp-auth-bridge login acme" in json.dumps(process.call("add", ADD))
        bridge.login("acme")
        assert text(process.call("add", ADD)) == "3"
    assert own.counters["registrations"] == 2
    assert own.counters["token"]["authorization_code"] == {"success": 2}


# An authorization server in front of another one


class Behind(Place):
    """A place with a proxy, and the server behind the proxy."""

    def __init__(self, proxy: PythonServer, behind: AuthorizationServer) -> None:
        super().__init__(proxy, proxy.url, lambda: proxy.control({"refuseTokens": True}))
        self.behind = behind

    def end_grants(self) -> None:
        self.behind.control({"revokeAll": True})
        self.refuse_tokens()


@pytest.fixture
def proxied(peers, authorization_server) -> Behind:
    about = authorization_server.about
    places = [about["issuer"], about["registration"], about["jwks"]]
    proxy = peers.serve(python_with(*FASTMCP), "fastmcp_proxy.py", *places)
    authorization_server.reset()
    return Behind(proxy, authorization_server)


def test_a_whole_life_at_a_proxy_that_ends_logins_with_those_of_the_server_behind_it(proxied, bridge) -> None:
    configure(bridge, proxied)
    lives(proxied, bridge)
    assert proxied.behind.refreshes == {"success": 1, "invalid_grant": 1}
    assert proxied.behind.counters["revocations"] >= 1


@pytest.mark.slow
def test_a_denied_consent_at_the_proxy_or_behind_it_is_reported_in_the_same_words(proxied, bridge) -> None:
    allowing = bridge.browser_command
    bridge.browser_command += " --fill=action=deny"
    configure(bridge, proxied)
    at_the_proxy = bridge.run("login", "acme")
    bridge.browser_command = allowing
    configure(bridge, proxied)
    proxied.behind.control({"consent": "deny"})
    behind_it = bridge.run("login", "acme")
    assert at_the_proxy.returncode == behind_it.returncode == 4
    assert complaint(at_the_proxy.stderr) == complaint(behind_it.stderr)
    assert "declined" in complaint(behind_it.stderr)[0]


@pytest.mark.slow
def test_a_failing_server_behind_the_proxy_costs_one_call_and_no_login(proxied, bridge) -> None:
    configure(bridge, proxied)
    bridge.login("acme")
    with bridge.stdio("acme") as process:
        process.initialize()
        proxied.behind.control({"tokenFailure": "503"})
        proxied.refuse_tokens()
        assert "500" in error(process.call("add", ADD))["message"]  # the proxy passes the error on in this form
        proxied.behind.control({"tokenFailure": None})
        assert text(process.call("add", ADD)) == "3"
    assert len(bridge.launches) == 1


# An authorization server that a developer builds from a library's parts


def authlib(peers: Peers, *methods: str) -> Place:
    server = peers.serve(python_with(*AUTHLIB), "authlib_server.py", *methods)
    protected = peers.protect(server)
    return Place(server, protected.url, lambda: protected.control(["refuse_seen_tokens"]))


@pytest.mark.parametrize(
    "method", ["none", *(pytest.param(f"client_secret_{way}", marks=pytest.mark.slow) for way in ("post", "basic"))]
)
def test_a_whole_life_at_a_server_built_from_authlib(peers, bridge, method) -> None:
    place = authlib(peers, method)
    configure(bridge, place)
    lives(place, bridge)
    assert set(place.counters["authMethods"]) == {method}
    assert place.counters["deletions"] == 1


def test_a_server_built_from_authlib_that_forgot_the_bridge_costs_one_registration(peers, bridge) -> None:
    place = authlib(peers, "none")
    configure(bridge, place)
    bridge.login("acme")
    forgets_everything(place)
    bridge.login("acme")
    assert place.counters["registrations"] == 2


# An identity server with its own login page

WHO = ("mia", "correct horse battery staple")


@pytest.fixture(params=[CANAILLE])
def identity(request, peers, bridge) -> Place:
    """canaille in front of a FastMCP server, and a browser that signs in at canaille."""
    server = peers.serve(python_with(*request.param), "canaille_server.py", *WHO)
    server.about["scope"] = "profile"
    issuer = server.about["issuer"]
    scopes = ("openid", "profile")
    guarded = peers.serve(python_with(*FASTMCP), "fastmcp_guarded.py", issuer, f"{issuer}/oauth/jwks.json", *scopes)
    typed = zip(("login", "password", "answer"), (*WHO, "accept"), strict=True)
    bridge.browser_command += f" {shlex.join(f'--fill={field}={value}' for field, value in typed)}"
    return Place(server, guarded.url, lambda: guarded.control({"refuseTokens": True}))


@pytest.mark.slow
def test_a_whole_life_at_canaille(identity, bridge) -> None:
    configure(bridge, identity)
    lives(identity, bridge)
    assert identity.counters["deletions"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("identity", [CANAILLE_TODAY], indirect=True)
def test_a_registration_that_cannot_be_deleted_is_reported_and_reused_by_the_next_login(identity, bridge) -> None:
    configure(bridge, identity)
    bridge.login("acme")
    done = bridge.run("logout", "acme")
    assert done.returncode == 0
    assert "refused to delete the registration of this bridge" in done.stderr
    assert done.stderr.endswith("signed out of acme\n")
    bridge.login("acme")
    assert identity.counters["registrations"] == 1


def test_a_registration_that_canaille_forgot_costs_one_login(identity, bridge) -> None:
    configure(bridge, identity)
    bridge.login("acme")
    forgets_everything(identity)
    bridge.login("acme")
    assert identity.counters["registrations"] == 2
    assert [launch["title"] for launch in bridge.launches] == ["Signed in"] * 2
