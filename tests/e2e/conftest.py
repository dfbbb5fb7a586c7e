"""Real peers for a real command: each starts once per session and is reset before every test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from installed import Bridge
from peer import AuthorizationServer, McpServer, install_node_modules, node
from place import ORGANISATION, Place, at_oidc_provider, at_worker

pytest.register_assert_rewrite("life")


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("peers")


@pytest.fixture(scope="session")
def running_authorization_server(logs: Path) -> Iterator[AuthorizationServer]:
    install_node_modules()
    peer = AuthorizationServer("oidc/server.mjs", logs / "oidc.log")
    yield peer
    peer.stop()


@pytest.fixture(scope="session")
def running_worker(logs: Path) -> Iterator[AuthorizationServer]:
    install_node_modules()
    peer = AuthorizationServer("workers/server.mjs", logs / "worker.log")
    yield peer
    peer.stop()


@pytest.fixture(scope="session")
def running(running_authorization_server: AuthorizationServer, logs: Path) -> Iterator[Callable[..., McpServer]]:
    """Starts an MCP server, or returns the one that already runs with the same arguments."""
    peers: dict[tuple[str, ...], McpServer] = {}

    def start(script: str, *options: str) -> McpServer:
        key = (script, *options)
        if key not in peers:
            log = logs / f"mcp-{len(peers)}.log"
            peers[key] = McpServer(script, running_authorization_server.about["issuer"], log, *options)
        peers[key].control(["reset"])
        return peers[key]

    yield start
    for peer in peers.values():
        peer.stop()


@pytest.fixture
def authorization_server(running_authorization_server: AuthorizationServer) -> AuthorizationServer:
    """oidc-provider with its default settings and all counters at zero."""
    running_authorization_server.reset()
    return running_authorization_server


@pytest.fixture
def worker(running_worker: AuthorizationServer) -> AuthorizationServer:
    """Cloudflare's authorization server and the MCP server that it guards, with all counters at zero."""
    running_worker.reset()
    return running_worker


@pytest.fixture
def protected_server(authorization_server: AuthorizationServer, running: Callable[..., McpServer]) -> McpServer:
    """The SDK's server, which requires a bearer token."""
    return running("protected_server.py")


@pytest.fixture
def organisation_server(authorization_server: AuthorizationServer, running: Callable[..., McpServer]) -> McpServer:
    """The SDK's server, which answers in plain JSON, behind a gateway that also requires the organisation's header."""
    return running("protected_server.py", "--json", "--require-header", ": ".join(ORGANISATION))


@pytest.fixture
def everything_server(authorization_server: AuthorizationServer, running: Callable[..., McpServer]) -> McpServer:
    """npm's server-everything, which requires a bearer token."""
    return running("guarded_proxy.py", "--node", node())


@pytest.fixture(params=["oidc-provider", "workers-oauth-provider"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each of the two third-party authorization servers, with an MCP server behind it."""
    if request.param == "workers-oauth-provider":
        return at_worker(request.getfixturevalue("worker"))
    protected = request.getfixturevalue("protected_server")
    return at_oidc_provider(request.getfixturevalue("authorization_server"), protected)


@pytest.fixture
def bridge(tmp_path: Path) -> Bridge:
    home = tmp_path / "home"
    home.mkdir(0o700)
    return Bridge(home)
