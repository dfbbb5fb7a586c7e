"""A client of MCP 2026-07-28 by script: its requests, and the checks of the messages that it may get."""

from relaying import request

VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
INFO_KEY = "io.modelcontextprotocol/clientInfo"
LEVEL_KEY = "io.modelcontextprotocol/logLevel"
SERVER_KEY = "io.modelcontextprotocol/serverInfo"
TAG = "io.modelcontextprotocol/subscriptionId"

FAR = {"name": "far", "version": "1"}
EVERYTHING = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}


def meta(capabilities=None, level=None, **others):
    """The `_meta` of a request. `others` are keys without the prefix of the specification."""
    known = {VERSION_KEY: "2026-07-28", CAPABILITIES_KEY: {} if capabilities is None else capabilities, **others}
    return known if level is None else {**known, LEVEL_KEY: level}


def modern(id_, method="tools/call", capabilities=None, level=None, token=None, **params):
    """A request of 2026-07-28."""
    tokens = {} if token is None else {"progressToken": token}
    return request(id_, method, **params, _meta=meta(capabilities, level, **tokens))
