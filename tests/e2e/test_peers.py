"""The peers behave as the login tests assume."""

import asyncio
import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from peer import PEERS, AuthorizationServer, McpServer
from place import ORGANISATION

VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def callback() -> Iterator[Any]:
    """A loopback redirect URI: `.url`, and `.queries` that arrived there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.queries.append(dict(parse_qsl(urlsplit(self.path).query)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<title>Logged in</title>")

        def log_message(self, *_: object) -> None:
            pass

    server: Any = HTTPServer(("127.0.0.1", 0), Handler)
    server.queries = []
    server.url = f"http://127.0.0.1:{server.server_port}/callback"
    thread = Thread(target=server.serve_forever, args=(0.01,))  # checks every 10 ms whether to end
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def browse(url: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, str(PEERS / "browser.py"), url], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


class Login:
    """A client written with httpx2 alone: it registers, sends the browser and requests tokens."""

    def __init__(self, http: httpx2.Client, server: AuthorizationServer, callback: Any, resource: str) -> None:
        self.http, self.resource, self.callback = http, resource, callback
        self.metadata = http.get(f"{server.url}/.well-known/openid-configuration").json()
        registration = {
            "redirect_uris": [callback.url],
            "application_type": "native",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }
        answer = http.post(self.metadata["registration_endpoint"], json=registration)
        assert answer.status_code == 201, answer.text
        self.client_id = answer.json()["client_id"]

    def authorize(self, **changes: str) -> dict[str, Any]:
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.callback.url,
            "scope": "mcp offline_access",
            "state": "s",
            "resource": self.resource,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        } | changes
        sent = {name: value for name, value in parameters.items() if value}
        return browse(f"{self.metadata['authorization_endpoint']}?{urlencode(sent)}")

    def token(self, **form: str) -> httpx2.Response:
        data = {"client_id": self.client_id, "resource": self.resource, **form}
        return self.http.post(self.metadata["token_endpoint"], data=data)

    def tokens(self) -> dict[str, Any]:
        assert self.authorize() == {"status": 200, "title": "Logged in", "url": self.callback.url}
        answer = self.token(
            grant_type="authorization_code",
            code=self.callback.queries[-1]["code"],
            redirect_uri=self.callback.url,
            code_verifier=VERIFIER,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refresh(self, token: str) -> httpx2.Response:
        return self.token(grant_type="refresh_token", refresh_token=token)


@pytest.fixture
def login(
    http: httpx2.Client, authorization_server: AuthorizationServer, callback: Any, protected_server: McpServer
) -> Login:
    return Login(http, authorization_server, callback, protected_server.url)


def ask(http: httpx2.Client, server: McpServer, token: str | None, **headers: str) -> httpx2.Response:
    """`initialize` with `token`."""
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    headers = {"Accept": "application/json, text/event-stream", **headers}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return http.post(server.url, json=message, headers=headers)


def test_a_login_ends_in_a_jwt_that_the_server_accepts(login, http, protected_server, authorization_server) -> None:
    tokens = login.tokens()
    assert login.callback.queries[-1]["iss"] == authorization_server.about["issuer"]
    assert tokens["expires_in"] == 3600
    assert ask(http, protected_server, tokens["access_token"]).status_code == 200
    assert authorization_server.counters["token"] == {"authorization_code": {"success": 1}}
    assert authorization_server.counters["registrations"] == authorization_server.counters["authorizations"] == 1


def test_pkce_is_required(login) -> None:
    assert login.authorize(code_challenge="", code_challenge_method="")["status"] == 200
    assert login.callback.queries[-1]["error"] == "invalid_request"


def test_a_denied_consent_comes_back_as_access_denied(login, authorization_server) -> None:
    authorization_server.control({"consent": "deny"})
    login.authorize()
    assert login.callback.queries[-1]["error"] == "access_denied"


def test_a_refresh_token_works_once_and_its_reuse_ends_the_family(login, authorization_server) -> None:
    first = login.tokens()["refresh_token"]
    second = login.refresh(first)
    assert second.status_code == 200
    assert login.refresh(first).json()["error"] == "invalid_grant"
    assert login.refresh(second.json()["refresh_token"]).json()["error"] == "invalid_grant"
    assert authorization_server.counters["reuseDetections"] == 1
    assert authorization_server.refreshes == {"success": 1, "invalid_grant": 2}


def test_a_revocation_works_and_is_counted(login, http, authorization_server) -> None:
    token = login.tokens()["refresh_token"]
    form = {"token": token, "client_id": login.client_id}
    assert http.post(login.metadata["revocation_endpoint"], data=form).status_code == 200
    assert authorization_server.counters["revocations"] == 1
    assert login.refresh(token).json()["error"] == "invalid_grant"


def test_the_authorization_server_can_forget_everything(login, authorization_server) -> None:
    token = login.tokens()["refresh_token"]
    authorization_server.control({"revokeAll": True})
    assert login.refresh(token).json()["error"] == "invalid_grant"
    authorization_server.control({"forgetClients": True})
    assert login.refresh(token).json()["error"] == "invalid_client"


def test_the_token_endpoint_can_fail_without_lasting_harm(login, authorization_server) -> None:
    token = login.tokens()["refresh_token"]
    authorization_server.control({"tokenFailure": "503"})
    assert login.refresh(token).status_code == 503
    authorization_server.control({"tokenFailure": "html"})
    assert (login.refresh(token).status_code, authorization_server.refreshes) == (403, {"503": 1, "403": 1})
    authorization_server.control({"tokenFailure": None})
    assert login.refresh(token).status_code == 200


@pytest.mark.parametrize(("setting", "said"), [(None, None), (1, 1), ("real", 3600)])
def test_the_token_response_follows_the_settings(login, authorization_server, setting, said) -> None:
    authorization_server.control({"expiresIn": setting})
    assert login.tokens().get("expires_in") == said


def test_a_server_refuses_a_missing_a_foreign_and_an_old_token(
    login, http, protected_server, everything_server
) -> None:
    nothing = ask(http, protected_server, None)
    assert nothing.status_code == 401
    metadata = f"{protected_server.about['origin']}/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{metadata}"' in nothing.headers["www-authenticate"]
    assert http.get(metadata).json()["resource"] == protected_server.url
    token = login.tokens()["access_token"]
    assert ask(http, everything_server, token).status_code == 401
    assert ask(http, protected_server, token).status_code == 200
    protected_server.control(["refuse_seen_tokens"])
    assert ask(http, protected_server, token).status_code == 401


def test_a_gateway_requires_the_organisations_header(http, authorization_server, callback, organisation_server) -> None:
    token = Login(http, authorization_server, callback, organisation_server.url).tokens()["access_token"]
    assert ask(http, organisation_server, token).status_code == 403
    answer = ask(http, organisation_server, token, **dict([ORGANISATION]))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    seen = organisation_server.mcp_requests()[-1]
    assert (seen["method"], seen["status"], seen["headers"]["authorization"]) == ("initialize", 200, "Bearer …")


def test_lost_sessions_are_answered_with_404(login, http, protected_server) -> None:
    token = login.tokens()["access_token"]
    session = ask(http, protected_server, token).headers["mcp-session-id"]
    protected_server.control(["lose_sessions"])
    assert ask(http, protected_server, token, **{"Mcp-Session-Id": session}).status_code == 404


@pytest.mark.parametrize("server_name", ["protected_server", "everything_server"])
def test_the_sdks_client_works_with_each_server_over_http(
    http, authorization_server, callback, request, server_name
) -> None:
    server = request.getfixturevalue(server_name)
    token = Login(http, authorization_server, callback, server.url).tokens()["access_token"]

    async def story() -> tuple[set[str], str]:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as plane,
            Client(streamable_http_client(server.url, http_client=plane)) as client,
        ):
            tools = {tool.name for tool in (await client.list_tools()).tools}
            said = await client.call_tool("echo", {"message": "hi", "text": "hi"})
            return tools, said.content[0].text

    tools, said = asyncio.run(story())
    assert "echo" in tools
    assert said.endswith("hi")
