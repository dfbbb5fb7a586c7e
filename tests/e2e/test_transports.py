"""npm's server-everything without a login, over both HTTP transports, through the installed command."""

import json
import subprocess
import threading
from collections.abc import Iterator

import pytest
from installed import Bridge
from peer import ENVIRONMENT, PEERS, TESTS, install_node_modules, node

EVERYTHING = TESTS / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"


@pytest.fixture(params=["streamableHttp", "sse"])
def everything(request: pytest.FixtureRequest, bridge: Bridge) -> Iterator[subprocess.Popen[bytes]]:
    """The running server, configured in `bridge` as `everything`. It ends when its stdin closes."""
    install_node_modules()
    command = [node(), "--import", str(PEERS / "loopback_only.mjs"), str(EVERYTHING), request.param]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    ) as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        path = "sse" if request.param == "sse" else "mcp"
        add_open_server(bridge, f"http://127.0.0.1:{port}/{path}")
        yield process
        assert process.stdin is not None
        process.stdin.close()
        drain.join()


def add_open_server(bridge: Bridge, url: str) -> None:
    bridge.add_server("everything", url)
    with (bridge.home / "config.toml").open("a") as file:
        file.write('auth = { kind = "none" }\n')


def test_each_transport_is_detected_from_the_url_alone(everything: object, bridge: Bridge) -> None:
    with bridge.stdio("everything") as client:
        assert client.initialize()["result"]["serverInfo"]["name"] == "mcp-servers/everything"
        tools = [tool["name"] for tool in client.request("tools/list")["result"]["tools"]]
        assert "echo" in tools
        assert client.call("echo", {"message": "hi"}, "two")["result"]["content"][0]["text"] == "Echo: hi"
        assert client.call("get-sum", {"a": 1, "b": 2}, 3)["result"]["content"][0]["text"] == "The sum of 1 and 2 is 3."
        assert client.request("no/such", request_id=4)["error"]["code"] == -32601
        assert client.close() == 0
        assert client.stderr == ""


def test_progress_arrives_before_the_reply_that_it_belongs_to(everything: object, bridge: Bridge) -> None:
    with bridge.stdio("everything") as client:
        client.initialize()
        params = {
            "name": "trigger-long-running-operation",
            "arguments": {"duration": 0.1, "steps": 4},
            "_meta": {"progressToken": "p"},
        }
        client.send(json.dumps({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params}).encode())
        seen = []
        while not seen or seen[-1].get("id") != 5:
            seen.append(json.loads(client.read()))
        progress = [each["params"]["progress"] for each in seen if each.get("method") == "notifications/progress"]
        assert progress == [1, 2, 3, 4]
