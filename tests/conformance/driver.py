"""The client that the conformance suite starts: an IDE in front of the installed `mcp-auth-bridge run`.

python driver.py URL        # with tests/e2e on the path; the suite sets MCP_CONFORMANCE_SCENARIO, _CONTEXT and
                            # _PROTOCOL_VERSION

The IDE speaks the era of the scenario and uses everything that the server offers: it calls every tool, reads every
resource, gets every prompt, and answers every elicitation with its defaults. The suite then judges the requests on the
wire, and thereby the bridge.
"""

import json
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from installed import Bridge, RawClient

SERVER = "suite"
LEGACY, MODERN = "2025-11-25", "2026-07-28"
META = "io.modelcontextprotocol/"
CAPABILITIES = {"roots": {}, "sampling": {}, "elicitation": {"form": {"applyDefaults": True}}}
INFO = {"name": "conformance driver", "version": "1"}
UNSUPPORTED_VERSION = -32022
LOGIN_REQUIRED = 3  # the command's exit code
METADATA_DOCUMENT = "https://conformance-test.local/client-metadata.json"  # the suite knows its content
ECHO = "json_schema_echo"  # takes the schema of the previous tool as the client has received it


class Ide:
    """The client's side of a session with the bridge. Every request of the modern era carries `_meta`."""

    def __init__(self, client: RawClient, version: str) -> None:
        self._client = client
        self._last = 0
        self._modern = version >= MODERN
        self._version = version

    def open(self) -> dict[str, Any]:
        """Performs the era's handshake and returns the server's capabilities."""
        if self._modern:
            return self._discover().get("result", {}).get("capabilities", {})
        params = {"protocolVersion": self._version, "capabilities": CAPABILITIES, "clientInfo": INFO}
        welcome = self.ask("initialize", params)
        self._send({"method": "notifications/initialized"})
        return welcome["result"]["capabilities"]

    def _discover(self) -> dict[str, Any]:
        answer = self.ask("server/discover", {})
        error = answer.get("error", {})
        if error.get("code") == UNSUPPORTED_VERSION:
            self._version = error["data"]["supported"][0]
            answer = self.ask("server/discover", {})
        return answer

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Sends a request and returns its reply; answers the server's requests that arrive before it."""
        self._last += 1
        self._send({"id": self._last, "method": method, "params": {**params, **self._meta()}})
        while line := self._client.read():
            message = json.loads(line)
            if "method" not in message and message["id"] == self._last:
                return message
            if "method" in message and "id" in message:
                self._send({"id": message["id"], "result": response(message["method"], message.get("params", {}))})
        raise SystemExit(f"the bridge ended instead of answering {method}:\n{self._client.stderr}")

    def all(self, method: str, member: str) -> Iterator[dict[str, Any]]:
        """All items of a list, over all its pages."""
        page: dict[str, Any] = {}
        while True:
            listed = self.ask(method, {"cursor": page["nextCursor"]} if page else {})
            page = listed.get("result", {})
            yield from page.get(member, ())
            if "nextCursor" not in page:
                return

    def _meta(self) -> dict[str, Any]:
        if not self._modern:
            return {}
        own = {"protocolVersion": self._version, "clientCapabilities": CAPABILITIES, "clientInfo": INFO}
        return {"_meta": {META + key: value for key, value in own.items()}}

    def _send(self, members: dict[str, Any]) -> None:
        self._client.send(json.dumps({"jsonrpc": "2.0", **members}).encode())


def use_everything(ide: Ide, wanted: dict[str, Any], log_in: Callable[[], None]) -> None:
    """`wanted` maps names of tools to arguments, from the scenario's context.

    If a call says that a login is needed, the user logs in once and calls again.
    """
    offered = ide.open()
    tools = list(ide.all("tools/list", "tools"))
    if tools:
        wanted = {ECHO: {"schema": tools[0].get("inputSchema")}, **wanted}
    calls = [
        {"name": tool["name"], "arguments": wanted.get(tool["name"], filled(tool.get("inputSchema", {})))}
        for tool in tools
    ]
    while calls:  # round by round: the requests of one tool must not reach another
        answers = [(call, ide.ask("tools/call", call)) for call in calls]
        if any(asks_for_a_login(answer) for _, answer in answers):
            log_in()
            answers = [
                (call, ide.ask("tools/call", call) if asks_for_a_login(answer) else answer) for call, answer in answers
            ]
        calls = [again for call, answer in answers if (again := answered(call, answer.get("result", {})))]
    if "resources" in offered:
        for resource in ide.all("resources/list", "resources"):
            ide.ask("resources/read", {"uri": resource["uri"]})
    if "prompts" in offered:
        for prompt in ide.all("prompts/list", "prompts"):
            ide.ask("prompts/get", {"name": prompt["name"]})


def asks_for_a_login(answer: dict[str, Any]) -> bool:
    result = answer.get("result", {})
    return result.get("isError", False) and "mcp-auth-bridge login" in result["content"][0].get("text", "")


def answered(call: dict[str, Any], result: dict[str, Any]) -> dict[str, Any] | None:
    """The call with its requested input (MCP 2026-07-28, "Multi Round-Trip Requests"), None if it is complete."""
    if result.get("resultType") != "input_required":
        return None
    wishes = result.get("inputRequests", {})
    given = {key: response(wish["method"], wish.get("params", {})) for key, wish in wishes.items()}
    state = {"requestState": result["requestState"]} if "requestState" in result else {}
    return {**call, "inputResponses": given, **state}


def response(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method != "elicitation/create":
        return {}
    return {"action": "accept", "content": filled(params.get("requestedSchema", {}))}


def filled(schema: dict[str, Any]) -> dict[str, Any]:
    """An object that fits the schema, with each property's default or a value of its type."""
    some = {"string": "x", "integer": 3, "number": 3, "boolean": True, "array": [], "object": {}}
    properties = schema.get("properties", {})
    return {
        name: about.get("default", some.get(about.get("type"), "x"))
        for name, about in properties.items()
        if "default" in about or name in schema.get("required", ())
    }


def main(url: str) -> None:
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    version = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION") or LEGACY  # the latest version in the stable suite
    with tempfile.TemporaryDirectory() as home:
        bridge = Bridge(Path(home))
        bridge.add_server(SERVER, url, **authentication(scenario, context, url))
        if scenario.startswith("auth/") and scenario not in MACHINES:
            log_in(bridge)
        with bridge.stdio(SERVER) as client:
            wanted = {call["name"]: call["arguments"] for call in context.get("toolCalls", ())}
            use_everything(Ide(client, version), wanted, lambda: log_in(bridge))


def log_in(bridge: Bridge) -> None:
    """Logs in as a user does, who follows the hint if the server needs a second login or a consent."""
    done = bridge.run("login", SERVER)
    if done.returncode == LOGIN_REQUIRED:
        done = bridge.run(*hinted(done.stderr))
    assert done.returncode == 0, done.stderr


def hinted(said: str) -> list[str]:
    """The arguments of the command in the hint; without a hint, those of the same login again."""
    found = re.search(r"run: mcp-auth-bridge (login .*)", said)
    return shlex.split(found[1]) if found else ["login", SERVER]


def authentication(scenario: str, context: dict[str, Any], url: str) -> dict[str, Any]:
    """The `auth` table of the server's configuration."""
    if not scenario.startswith("auth/"):
        return {"auth.kind": "none"}
    if scenario in MACHINES:
        return {f"auth.{key}": value for key, value in MACHINES[scenario](context, issuer(url)).items()}
    if "client_id" not in context:
        return {"auth.kind": "browser", "auth.client_metadata_url": METADATA_DOCUMENT}
    client = {"auth.client_id": context["client_id"], "auth.client_secret": context["client_secret"]}
    return {"auth.kind": "browser", **client, "auth.issuer": issuer(url)}


def client_credentials(context: dict[str, Any], server: str) -> dict[str, Any]:
    known = {"kind": "client_credentials", "client_id": context["client_id"], "issuer": server}
    if "client_secret" in context:
        return {**known, "client_secret": context["client_secret"]}
    return {**known, "private_key": context["private_key_pem"], "algorithm": context["signing_algorithm"]}


def enterprise(context: dict[str, Any], server: str) -> dict[str, Any]:
    return {
        "kind": "enterprise",
        "issuer": server,
        "client_id": context["client_id"],
        "client_secret": context["client_secret"],
        "identity_assertion": context["idp_id_token"],
        "idp.client_id": context["idp_client_id"],
        "idp.issuer": context["idp_issuer"],
    }


def jwt_bearer(context: dict[str, Any], server: str) -> dict[str, Any]:
    return {"kind": "jwt_bearer", "issuer": server, "assertion": context["valid_jwt"]}


MACHINES = {
    "auth/client-credentials-basic": client_credentials,
    "auth/client-credentials-jwt": client_credentials,
    "auth/enterprise-managed-authorization": enterprise,
    "auth/wif-jwt-bearer": jwt_bearer,
}


def issuer(url: str) -> str:
    """The issuer that knows a preregistered client: in the suite, the server's only authorization server."""
    server = urlsplit(url)
    metadata = server._replace(path=f"/.well-known/oauth-protected-resource{server.path}").geturl()
    with build_opener(ProxyHandler({})).open(metadata) as answer:
        return json.load(answer)["authorization_servers"][0]


if __name__ == "__main__":
    main(sys.argv[1])
