"""Checks messages against the models of one revision of MCP (`mcp_types`, the Python SDK's)."""

import json

from mcp_types import methods
from pydantic import TypeAdapter

LEGACY, MODERN = "2025-11-25", "2026-07-28"
_PREFIX = "io.modelcontextprotocol/"
_STATELESS = ("protocolVersion", "clientInfo", "clientCapabilities", "logLevel")


def check_for_modern_client(raw, method=None):
    """Fail unless a client of 2026-07-28 may get `raw`; a reply is one to its request `method`."""
    told = json.loads(raw)
    assert "id" not in told or "method" not in told, "a modern client gets no requests"
    if "method" in told:
        _check(methods.SERVER_NOTIFICATIONS, told["method"], MODERN, told)
    elif "result" in told:
        _check(methods.SERVER_RESULTS, method, MODERN, told["result"])
        assert told["result"]["resultType"] == "complete" or method in methods.INPUT_REQUIRED_METHODS
    else:
        code = told["error"]["code"]
        assert code not in (-32002, -32042)
        assert code in (-32021, -32022) or not -32099 <= code <= -32020


def check_for_legacy_server(raw):
    """Fail unless a server of 2025-11-25 may get `raw`. Replies are not checked: they depend on the request."""
    sent = json.loads(raw)
    if "method" not in sent:
        return
    if not sent["method"].startswith("tasks/"):  # which the models leave out
        _check(methods.CLIENT_REQUESTS if "id" in sent else methods.CLIENT_NOTIFICATIONS, sent["method"], LEGACY, sent)
    params = sent.get("params", {})
    assert not {_PREFIX + key for key in _STATELESS} & params.get("_meta", {}).keys()
    assert not {"inputResponses", "requestState"} & params.keys()


def _check(surface, method, version, value):
    TypeAdapter(surface[method, version]).validate_python(value)
