"""The client that the conformance suite starts: an IDE in front of the installed `mcp-auth-bridge run`.

python driver.py ERA LOGIN URL    # with tests/support and tests/e2e on the path; the suite sets
                                  # MCP_CONFORMANCE_SCENARIO, _CONTEXT and _PROTOCOL_VERSION

ERA is that of the IDE: `legacy` or `modern`, whatever the scenario's is. LOGIN is `before` (the user logs in on the
command line first) or `on-demand` (the first tool call opens the browser).

The IDE uses everything that the server offers: it calls every tool, reads every resource, gets every prompt, and
answers every elicitation with its defaults. The suite then judges the requests on the wire, and thereby the bridge.
"""

import argparse
import json
import os
import re
import shlex
import tempfile
import time
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
RESUMPTION = "sse-retry"  # it takes any GET after the call for the resumption: that of the server's own stream, too
ECHO = "json_schema_echo"  # takes the schema of the first tool as the client has received it


class Ide:
    """The client's side of a session with the bridge, in one era."""

    def __init__(self, client: RawClient) -> None:
        self._client = client
        self._last = 0

    def open(self) -> dict[str, Any]:
        """Performs the era's handshake and returns the server's capabilities."""
        raise NotImplementedError

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Sends a request and returns its reply; answers the server's requests that arrive before it."""
        self._last += 1
        self._send({"id": self._last, "method": method, "params": {**params, **self._meta()}})
        while line := self._client.read():
            message = json.loads(line)
            if "method" not in message and message["id"] == self._last:
                return message
            if "method" in message and "id" in message:
                self._asked(message)
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

    def call(self, call: dict[str, Any]) -> dict[str, Any]:
        """Calls a tool and returns the complete reply."""
        raise NotImplementedError

    def _meta(self) -> dict[str, Any]:
        """The parameter `_meta` of every request."""
        raise NotImplementedError

    def _asked(self, request: dict[str, Any]) -> None:
        """Answers a request of the server."""
        raise NotImplementedError

    def _send(self, members: dict[str, Any]) -> None:
        self._client.send(json.dumps({"jsonrpc": "2.0", **members}).encode())


class LegacyIde(Ide):
    """Opens a session with `version` and answers the requests that the server sends in it."""

    def __init__(self, client: RawClient, version: str) -> None:
        super().__init__(client)
        self._version = version

    def open(self) -> dict[str, Any]:
        params = {"protocolVersion": self._version, "capabilities": CAPABILITIES, "clientInfo": INFO}
        welcome = self.ask("initialize", params)
        self._send({"method": "notifications/initialized"})
        return welcome["result"]["capabilities"]

    def call(self, call: dict[str, Any]) -> dict[str, Any]:
        return self.ask("tools/call", call)

    def _meta(self) -> dict[str, Any]:
        return {}

    def _asked(self, request: dict[str, Any]) -> None:
        self._send({"id": request["id"], "result": response(request["method"], request.get("params", {}))})


class ModernIde(Ide):
    """Names its version in every request, and follows `input_required` with a new request."""

    def __init__(self, client: RawClient) -> None:
        super().__init__(client)
        self._version = MODERN

    def open(self) -> dict[str, Any]:
        return self._discover().get("result", {}).get("capabilities", {})

    def _discover(self) -> dict[str, Any]:
        answer = self.ask("server/discover", {})
        error = answer.get("error", {})
        if error.get("code") == UNSUPPORTED_VERSION:
            self._version = error["data"]["supported"][0]
            answer = self.ask("server/discover", {})
        return answer

    def call(self, call: dict[str, Any]) -> dict[str, Any]:
        answer = self.ask("tools/call", call)
        while again := answered(call, answer.get("result", {})):
            answer = self.ask("tools/call", again)
        return answer

    def _meta(self) -> dict[str, Any]:
        own = {"protocolVersion": self._version, "clientCapabilities": CAPABILITIES, "clientInfo": INFO}
        return {"_meta": {META + key: value for key, value in own.items()}}

    def _asked(self, request: dict[str, Any]) -> None:
        raise SystemExit(f"a client of this era was asked {request['method']}")


def use_everything(ide: Ide, offered: dict[str, Any], wanted: dict[str, Any], log_in: Callable[[], None]) -> None:
    """`offered` are the server's capabilities; `wanted` maps names of tools to arguments."""
    use_tools(ide, wanted, log_in)
    if "resources" in offered:
        for resource in ide.all("resources/list", "resources"):
            ide.ask("resources/read", {"uri": resource["uri"]})
    if "prompts" in offered:
        for prompt in ide.all("prompts/list", "prompts"):
            ide.ask("prompts/get", {"name": prompt["name"]})


def use_tools(ide: Ide, wanted: dict[str, Any], log_in: Callable[[], None]) -> None:
    """Calls every tool, and then those that appear only after a login.

    If a call says that the user has to log in on the command line, the user does so once, and the call is repeated.
    """
    called: set[str] = set()
    while tools := [tool for tool in ide.all("tools/list", "tools") if tool["name"] not in called]:
        wanted = {ECHO: {"schema": tools[0].get("inputSchema")}, **wanted}
        for tool in tools:
            called.add(tool["name"])
            call = {"name": tool["name"], "arguments": wanted.get(tool["name"], filled(tool.get("inputSchema", {})))}
            if asks_for_a_login(ide.call(call)):
                log_in()
                ide.call(call)


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
    """The client's result for a request of the server."""
    match method:
        case "elicitation/create":
            return {"action": "accept", "content": filled(params.get("requestedSchema", {}))}
        case "sampling/createMessage":
            return {"role": "assistant", "content": {"type": "text", "text": "x"}, "model": "x"}
        case "roots/list":
            return {"roots": []}
    return {}


def filled(schema: dict[str, Any]) -> dict[str, Any]:
    """An object that fits the schema, with each property's default or a value of its type."""
    some = {"string": "x", "integer": 3, "number": 3, "boolean": True, "array": [], "object": {}}
    properties = schema.get("properties", {})
    return {
        name: about.get("default", some.get(about.get("type"), "x"))
        for name, about in properties.items()
        if "default" in about or name in schema.get("required", ())
    }


def main(era: str, login: str, url: str) -> None:
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    version = os.environ["MCP_CONFORMANCE_PROTOCOL_VERSION"]
    with tempfile.TemporaryDirectory() as home:
        bridge = Bridge(Path(home))
        on_demand = {"login": "auto"} if login == "on-demand" else {}
        bridge.add_server(SERVER, url, **on_demand, **authentication(scenario, context, url))
        if scenario.startswith("auth/") and scenario not in MACHINES and not on_demand:
            log_in(bridge)
        with bridge.stdio(SERVER, *(["--debug"] if scenario == RESUMPTION else [])) as client:
            wanted = {call["name"]: call["arguments"] for call in context.get("toolCalls", ())}
            ide = LegacyIde(client, min(version, LEGACY)) if era == "legacy" else ModernIde(client)
            offered = ide.open()
            if scenario == RESUMPTION:
                await_stream(client)
            use_everything(ide, offered, wanted, lambda: log_in(bridge))


def await_stream(client: RawClient) -> None:
    """Returns when the server's own stream is open. The suite ends the driver if that never happens."""
    while "stream.listens" not in client.stderr:
        time.sleep(0.01)


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


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("era", choices=["legacy", "modern"])
    parser.add_argument("login", choices=["before", "on-demand"])
    parser.add_argument("url")
    return parser


if __name__ == "__main__":
    main(**vars(parser().parse_args()))
