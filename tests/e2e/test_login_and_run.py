"""The bridge works, end to end: the installed command, real peers, one login."""

import asyncio
import json
from contextlib import ExitStack
from typing import Any

import pytest
from mcp.types import ElicitResult
from place import ORGANISATION

SERVERS = ["protected_server", "everything_server"]


@pytest.fixture
def logged_in(bridge, authorization_server, protected_server):
    """The bridge, logged in to the SDK's server as `acme`."""
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    return bridge


@pytest.fixture
def expired(bridge, authorization_server, protected_server):
    """As `logged_in`, but the access token has a lifetime of 0 seconds, and no token request is counted yet."""
    authorization_server.control({"expiresIn": 0})
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    authorization_server.reset()
    return bridge


@pytest.fixture
def refused(bridge, authorization_server, protected_server):
    """As `logged_in`, but the access token came without a lifetime, and the server no longer accepts it."""
    authorization_server.control({"expiresIn": None})
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    protected_server.control(["refuse_seen_tokens"])
    authorization_server.reset()
    return bridge


def text(answer: dict[str, Any]) -> str:
    """The text of a raw `tools/call` reply."""
    return answer["result"]["content"][0]["text"]


def says_to_log_in(answer: dict[str, Any]) -> bool:
    return answer["result"]["isError"] and "mcp-auth-bridge login acme" in text(answer)


# The official clients


@pytest.mark.parametrize("server", SERVERS)
def test_the_sdks_client_lists_and_calls_tools(bridge, request, server) -> None:
    bridge.add_server("acme", request.getfixturevalue(server).url)
    bridge.login("acme")

    async def story() -> tuple[set[str], str]:
        async with bridge.sdk_client("acme") as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            said = await client.call_tool("echo", {"message": "hi", "text": "hi"})
            return tools, said.content[0].text

    tools, said = asyncio.run(story())
    assert "echo" in tools
    assert said.endswith("hi")
    assert [launch["status"] for launch in bridge.launches] == [200]


@pytest.mark.parametrize("server", SERVERS)
def test_the_inspector_lists_and_calls_tools(bridge, request, server) -> None:
    bridge.add_server("acme", request.getfixturevalue(server).url)
    bridge.login("acme")
    tools = bridge.inspector("acme", "--method", "tools/list")["tools"]
    assert "echo" in {tool["name"] for tool in tools}
    call = ["--method", "tools/call", "--tool-name", "echo", "--tool-arg"]
    said = bridge.inspector("acme", *call, "text=hi" if server == "protected_server" else "message=hi")
    assert said["content"][0]["text"].endswith("hi")


def test_progress_elicitation_and_new_tools_reach_the_client(logged_in) -> None:
    steps: list[float] = []
    questions: list[str] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        steps.append(progress)

    async def on_question(context: Any, params: Any) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action="accept", content={"answer": "blue"})

    async def story() -> tuple[str, set[str]]:
        changed = asyncio.Event()

        async def on_message(message: Any) -> None:
            if getattr(message, "method", "") == "notifications/tools/list_changed":
                changed.set()

        # The tool asks in a session, which the SDK's client would not open at a server of both eras.
        client_options = {"elicitation_callback": on_question, "message_handler": on_message, "mode": "legacy"}
        async with logged_in.sdk_client("acme", **client_options) as client:
            await client.call_tool("slow", {"steps": 3}, progress_callback=on_progress)
            answer = (await client.call_tool("ask", {"question": "which colour?"})).content[0].text
            await client.call_tool("grow", {"name": "grown"})
            await changed.wait()
            return answer, {tool.name for tool in (await client.list_tools()).tools}

    answer, tools = asyncio.run(story())
    assert steps == [1, 2, 3]
    assert (questions, answer) == (["which colour?"], "blue")
    assert "grown" in tools


def test_a_large_reply_arrives_whole(logged_in) -> None:
    with logged_in.stdio("acme") as client:
        client.initialize()
        assert len(text(client.call("big", {"size": 3_000_000}))) == 3_000_000


# The login and its later life


def test_a_login_is_verified_before_the_browser_reports_success(
    logged_in, authorization_server, protected_server
) -> None:
    assert [launch["title"] for launch in logged_in.launches] == ["Signed in"]
    assert authorization_server.counters["token"] == {"authorization_code": {"success": 1}}
    proof = [request for request in protected_server.mcp_requests() if "authorization" in request["headers"]]
    assert "tools/list" in [request["method"] for request in proof]
    assert {request["status"] for request in proof} <= {200, 202}


def test_a_login_fails_if_the_mcp_server_refuses_the_token(bridge, authorization_server, protected_server) -> None:
    authorization_server.control({"audience": "https://another.example/mcp"})
    bridge.add_server("acme", protected_server.url)
    done = bridge.run("login", "acme")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert [launch["title"] for launch in bridge.launches] == ["The login did not succeed"]


def test_status_names_the_server_and_shows_no_secret(logged_in) -> None:
    done = logged_in.run("status", "--json")
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)
    assert "acme" in done.stdout
    assert "eyJ" not in done.stdout + done.stderr  # how every JWT begins


def test_a_new_process_needs_no_login_and_no_token_request(logged_in, authorization_server) -> None:
    authorization_server.reset()
    with logged_in.stdio("acme") as client:
        client.initialize()
        assert text(client.call("add", {"a": 1, "b": 2})) == "3"
    assert authorization_server.counters["tokenRequests"] == 0
    assert len(logged_in.launches) == 1


def test_a_new_process_refreshes_an_expired_token_silently(expired, authorization_server) -> None:
    for _ in range(2):  # the second one finds the token that the first one refreshed
        with expired.stdio("acme") as client:
            client.initialize()
            assert text(client.call("whoami")) == authorization_server.about["account"]
    assert authorization_server.refreshes == {"success": 1}
    assert authorization_server.counters["tokenRequests"] == 1
    assert len(expired.launches) == 1


@pytest.mark.parametrize("situation", ["expired", "refused"])
def test_eight_processes_at_once_make_one_token_request(request, authorization_server, situation) -> None:
    bridge = request.getfixturevalue(situation)
    authorization_server.control({"tokenDelayMs": 500})  # so that the others come while the first one waits
    with ExitStack() as stack:
        clients = [stack.enter_context(bridge.stdio("acme")) for _ in range(8)]
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
        for client in clients:
            client.send(json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}).encode())
            client.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        assert [text(client.call("add", {"a": 20, "b": 22})) for client in clients] == ["42"] * 8
    assert authorization_server.refreshes == {"success": 1}
    assert authorization_server.counters["tokenRequests"] == 1
    assert authorization_server.counters["reuseDetections"] == 0
    assert len(bridge.launches) == 1


@pytest.mark.parametrize("failure", ["503", "html"])
def test_a_failing_token_endpoint_costs_no_login(expired, authorization_server, failure) -> None:
    with expired.stdio("acme") as client:
        authorization_server.control({"tokenFailure": failure})
        client.initialize()
        answer = client.call("add", {"a": 1, "b": 2})
        assert "error" in answer or answer["result"]["isError"]
        authorization_server.control({"tokenFailure": None})
        assert text(client.call("add", {"a": 1, "b": 2})) == "3"
    assert authorization_server.refreshes["success"] == 1
    assert len(expired.launches) == 1


def test_a_server_that_forgets_its_client_does_not_cost_the_login_at_once(refused, authorization_server) -> None:
    authorization_server.control({"forgetClients": True})
    with refused.stdio("acme") as client:
        client.initialize()
        for _ in range(2):
            error = client.call("add", {"a": 1, "b": 2})["error"]
            assert "run: mcp-auth-bridge login acme" in error["data"]["action"]
        refused.login("acme")
        assert text(client.call("add", {"a": 1, "b": 2})) == "3"
    assert authorization_server.refreshes == {"invalid_client": 1}


def test_after_a_lost_grant_run_asks_for_a_login_and_goes_on_after_it(refused, authorization_server) -> None:
    authorization_server.control({"revokeAll": True})
    with refused.stdio("acme") as client:
        assert "result" in client.initialize()
        assert says_to_log_in(client.call("add", {"a": 1, "b": 2}))
        assert len(refused.launches) == 1  # nothing opens by itself
        refused.login("acme")
        assert text(client.call("add", {"a": 1, "b": 2})) == "3"
    assert len(refused.launches) == 2


def test_run_does_not_exit_without_a_login(bridge, protected_server) -> None:
    bridge.add_server("acme", protected_server.url)
    with bridge.stdio("acme") as client:
        assert "result" in client.initialize()
        assert says_to_log_in(client.call("add", {"a": 1, "b": 2}))
        bridge.login("acme")
        assert text(client.call("add", {"a": 1, "b": 2})) == "3"
    assert len(bridge.launches) == 1


def test_logout_revokes_and_deletes_the_login(logged_in, authorization_server) -> None:
    done = logged_in.run("logout", "acme")
    assert done.returncode == 0, done.stderr
    assert authorization_server.counters["revocations"] >= 1
    with logged_in.stdio("acme") as client:
        client.initialize()
        assert says_to_log_in(client.call("add", {"a": 1, "b": 2}))


def test_a_denied_consent_is_one_sentence_and_a_hint(bridge, authorization_server, protected_server) -> None:
    authorization_server.control({"consent": "deny"})
    bridge.add_server("acme", protected_server.url)
    done = bridge.run("login", "acme")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "declined" in done.stderr
    assert "hint: " in done.stderr
    assert authorization_server.counters["tokenRequests"] == 0


# Headers and messages on the wire


def test_the_organisations_header_is_only_on_mcp_requests_and_on_each_of_them(
    bridge, authorization_server, organisation_server
) -> None:
    bridge.add_server("acme", organisation_server.url, headers=dict([ORGANISATION]))
    bridge.login("acme")
    with bridge.stdio("acme") as client:
        client.initialize()
        assert text(client.call("add", {"a": 1, "b": 2})) == "3"
    name, value = ORGANISATION[0].lower(), ORGANISATION[1]
    assert {request["headers"].get(name) for request in organisation_server.mcp_requests()} == {value}
    assert {request["headers"].get(name) for request in organisation_server.requests if request["path"] != "/mcp"} <= {
        None
    }
    assert name not in authorization_server.counters["requestHeaders"]


def test_a_bare_url_with_a_header_needs_no_configuration(bridge, organisation_server) -> None:
    target = [organisation_server.url, "--header", ": ".join(ORGANISATION)]
    bridge.add_server("unused", "http://127.0.0.1:9/mcp")  # only for its [store]
    done = bridge.run("login", *target, "--browser-command", bridge.browser_command)
    assert done.returncode == 0, done.stderr
    with bridge.stdio(*target) as client:
        client.initialize()
        assert text(client.call("echo", {"text": "hi"})) == "hi"


def test_a_session_that_the_server_forgot_is_silently_opened_anew(logged_in, protected_server) -> None:
    with logged_in.stdio("acme") as client:
        client.initialize()
        assert text(client.call("echo", {"text": "one"})) == "one"
        protected_server.control(["lose_sessions"])
        assert text(client.call("echo", {"text": "two"})) == "two"
    opened = [request for request in protected_server.mcp_requests() if request["method"] == "initialize"]
    assert [request["status"] for request in opened if request["session"]][-2:] == [200, 200]


def test_the_end_of_stdin_ends_the_process_and_the_session(logged_in, protected_server) -> None:
    client = logged_in.stdio("acme")
    client.initialize()
    client.call("echo", {"text": "hi"})
    assert client.close() == 0
    assert "Traceback" not in client.stderr
    last = protected_server.mcp_requests()[-1]
    assert (last["http"], last["status"]) == ("DELETE", 200)
