"""Unusual callbacks, with the installed program: by POST, to a preregistered path, and without offline_access."""

import socket
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from peers.gateway import Gateway
from starlette.responses import HTMLResponse, RedirectResponse
from words import text

from mcp_auth_bridge.demo.grants import Grants
from mcp_auth_bridge.demo.rules import RegisteredClient


@pytest.fixture
def gateway():
    with Gateway() as gateway:
        yield gateway


def works(bridge) -> bool:
    with bridge.stdio("acme") as client:
        client.initialize()
        return text(client.call("add", {"a": 1, "b": 2})) == "3"


def titles(bridge):
    return [launch["title"] for launch in bridge.launches]


def answering_consent(gateway, change):
    """The demo's consent; `change` turns its redirect to the callback into another response."""

    async def app(scope, receive, send):
        sent = []

        async def hold(message):
            sent.append(message)

        await gateway._app(scope, receive, hold)
        location = dict(sent[0]["headers"]).get(b"location")
        if location is None:
            for message in sent:
                await send(message)
        else:
            await change(location.decode())(scope, receive, send)

    return app


def kept_method(location):
    """claude-ai-mcp #250: 307, with which the browser posts the consent to the callback."""
    return RedirectResponse(location, 307)


def posted_page(location):
    """`form_post` (OAuth 2.0 Form Post Response Mode), which the bridge did not request."""
    parts = urlsplit(location)
    fields = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in parse_qsl(parts.query))
    return HTMLResponse(f'<form method="post" action="{parts._replace(query="").geturl()}">{fields}</form>')


@pytest.mark.parametrize("change", [kept_method, posted_page])
def test_a_callback_by_post_signs_in(bridge, gateway, change) -> None:
    gateway.instead["/consent"] = answering_consent(gateway, change)
    bridge.add_server("acme", gateway.url)
    bridge.login("acme")
    assert titles(bridge) == ["Signed in"]
    assert bridge.launches[0]["url"].rpartition("/")[0].endswith("/login")  # without the code
    assert works(bridge)
    assert gateway.seen("/token") == 1


def by_hand(grants: Grants, uri: str) -> None:
    grants._clients["by-hand"] = RegisteredClient("by-hand", "Acme", (uri,), ("authorization_code", "refresh_token"))


@pytest.mark.parametrize("path", ["/", "/oauth/callback"])
def test_an_app_that_was_registered_with_another_path_signs_in(bridge, gateway, path) -> None:
    """claude-code #53290 (Microsoft's agent365 client), #58595; opencode #5940."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    by_hand(gateway.grants, f"http://localhost:{port}{path}")
    auth = {"kind": "browser", "client_id": "by-hand", "issuer": gateway.origin}
    callback = {"callback_host": "localhost", "callback_port": port, "callback_path": path}
    bridge.add_server("acme", gateway.url, **{f"auth.{key}": value for key, value in {**auth, **callback}.items()})
    bridge.login("acme")
    assert works(bridge)
    assert gateway.seen("/register") == 0


def test_a_path_on_the_command_line_works_like_the_configuration_key(bridge, gateway) -> None:
    bridge.add_server("acme", gateway.url)
    done = bridge.run("login", "acme", "--auth", "kind = 'browser', callback_path = '/back'")
    assert done.returncode == 0, done.stderr
    assert any(b'/back"' in body for _, path, _, body in gateway.requests if path == "/register")


def refusing_offline_access(gateway):
    """NyxID #1217: the metadata list the scope, but the server refuses it to every client."""

    async def app(scope, receive, send):
        asked = dict(parse_qsl(scope["query_string"].decode()))
        if "offline_access" not in asked["scope"].split():
            await gateway._app(scope, receive, send)
            return
        answer = {"error": "invalid_scope", "state": asked["state"], "iss": gateway.origin}
        await RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 302)(scope, receive, send)

    return app


def test_a_refused_offline_access_costs_a_second_tab_only_once(bridge, gateway) -> None:
    gateway.instead["/authorize"] = refusing_offline_access(gateway)
    bridge.add_server("acme", gateway.url)
    done = bridge.run("login", "acme")
    assert done.returncode == 0, done.stderr
    assert "once more without offline_access" in done.stderr
    assert len(titles(bridge)) == 2
    assert works(bridge)
    bridge.login("acme")
    assert titles(bridge)[2:] == ["Signed in"]
    del gateway.instead["/authorize"]
    bridge.add_server("acme", gateway.url, **{"auth.kind": "browser", "auth.callback_host": "localhost"})
    bridge.login("acme")  # with another configuration the bridge requests it again
    assert titles(bridge)[3:] == ["Signed in"]
    assert "offline_access" in bridge.run("status").stdout


def test_a_profile_without_offline_access_never_requests_it(bridge, gateway) -> None:
    gateway.instead["/authorize"] = refusing_offline_access(gateway)
    bridge.add_server("acme", gateway.url, **{"auth.kind": "browser", "auth.offline_access": "never"})
    bridge.login("acme")
    assert titles(bridge) == ["Signed in"]
    assert not any(b"offline_access" in body for _, path, _, body in gateway.requests if path == "/register")
