"""A read-only home, as in a container image: stored logins work, and nothing is lost.

The bridge runs in a mount namespace with a read-only home, because file modes would not keep root out.
"""

import shlex
import sys

import pytest
from namespaces import in_namespace
from place import Place, at_oidc_provider
from program import command
from words import complaint, error, text

pytestmark = pytest.mark.slow

ADD = {"a": 1, "b": 2}


@pytest.fixture
def place(authorization_server, protected_server) -> Place:
    return at_oidc_provider(authorization_server, protected_server)


@pytest.fixture
def frozen(bridge, place, tmp_path, monkeypatch):
    """Logged in as `acme`; every later command finds the home read-only."""
    namespace = shlex.join(in_namespace())
    bridge.add_server("acme", place.url)
    bridge.login("acme")
    home = shlex.quote(str(bridge.home))
    wrapper = tmp_path / "frozen"
    mounts = f"mount --bind {home} {home} && mount -o remount,bind,ro {home}"
    wrapper.write_text(f'#!/bin/sh\n{namespace} sh -c \'{mounts} && exec "$@"\' - {command()} "$@"\n')
    wrapper.chmod(0o700)
    monkeypatch.setenv("MCP_AUTH_BRIDGE_COMMAND", str(wrapper))
    return bridge


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
def test_a_login_works_until_it_needs_a_refresh_and_then_no_token_is_spent(frozen, place) -> None:
    with frozen.stdio("acme") as process:
        process.initialize()
        assert text(process.call("add", ADD)) == "3"
        place.refuse_tokens()
        failed = error(process.call("add", ADD))
        assert failed["code"] == -32010
        assert "is on a read-only file system" in failed["message"]
        assert "MCP_AUTH_BRIDGE_HOME" in failed["message"]
    assert place.server.refreshes == {}


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
@pytest.mark.parametrize("arguments", [["login", "acme"], ["key"], ["logout", "acme"]])
def test_every_command_that_writes_says_that_it_cannot(frozen, arguments) -> None:
    done = frozen.run(*arguments)
    assert done.returncode == 5, done.stderr
    sentence, hint = complaint(done.stderr)
    assert sentence.endswith("is on a read-only file system")
    assert "MCP_AUTH_BRIDGE_HOME" in hint
    assert len(frozen.launches) == 1
