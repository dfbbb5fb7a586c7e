"""A legacy server's requests to its client, as the input that a result of MCP 2026-07-28 asks for, and the way back.

Source: specification 2026-07-28, basic/patterns/mrtr; client/elicitation, client/sampling, client/roots.
"""

import hashlib
import json
from typing import Any

import msgspec

from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Malformed, Message, decoded
from mcp_auth_bridge.relay.rewriting import REMOVED, rewrite

ELICITATION = "elicitation/create"
_SAMPLING = "sampling/createMessage"
_ROOTS = "roots/list"
_CAPABILITIES = {ELICITATION: "elicitation", _SAMPLING: "sampling", _ROOTS: "roots"}

METHOD_NOT_FOUND = -32601
_INVALID_PARAMS = -32602

# Members without a meaning outside the request's own envelope, and members that a modern client does not know.
_LEFT_OUT = (
    ("jsonrpc",),
    ("id",),
    ("params", "elicitationId"),
    ("params", "task"),
    ("params", "_meta", "progressToken"),
    ("params", "_meta", "io.modelcontextprotocol/related-task"),
)


_OF_A_ROUND = ("_meta", "inputResponses", "requestState")


def refusal_code(request: Message, capabilities: dict[str, Any]) -> int | None:
    """The code with which a client of these `capabilities` refuses the server's `request`, None if it takes it.

    Any: a client's capabilities are any JSON.
    """
    declared = capabilities.get(_CAPABILITIES.get(request.method or "", ""))
    if not isinstance(declared, dict):
        return METHOD_NOT_FOUND
    params = request.params
    if request.method == ELICITATION:
        mode = params.get("mode", "form")
        # `elicitation: {}` means forms only.
        is_taken = "url" in declared if mode == "url" else mode == "form" and _takes_forms(declared)
    else:
        is_taken = request.method == _ROOTS or "tools" in declared or not {"tools", "toolChoice"} & params.keys()
    return None if is_taken else _INVALID_PARAMS


def _takes_forms(elicitation: dict[str, Any]) -> bool:
    return "form" in elicitation or "url" not in elicitation


def input_request(request: Message) -> msgspec.Raw:
    """The server's `request` as an entry of `inputRequests`: its method and its parameters."""
    return msgspec.Raw(rewrite(request, dict.fromkeys(_LEFT_OUT, REMOVED)).raw)


def refused(request: Message, code: int) -> Message:
    """The reply with which the server's `request` is refused."""
    texts = {METHOD_NOT_FOUND: "the client does not support this request here"}
    text = texts.get(code, "the client does not support this form of the request")
    return replies.malformed(Malformed(code, text, request.id or b"null"))


def responses_in(retry: Message) -> dict[str, dict[str, Any]]:
    """The client's responses in a retry, by the keys of the inputs. Any: each is any JSON object."""
    responses = retry.params.get("inputResponses")
    given = responses.items() if isinstance(responses, dict) else ()
    return {key: response for key, response in given if isinstance(response, dict)}


def visits_in(error: Message) -> list[dict[str, Any]]:
    """The URLs that the user has to visit according to the `error` -32042, each as an entry of `inputRequests`.

    It is empty if the error names none. Any: JSON.
    """
    data = decoded(error.raw)["error"].get("data")
    elicitations = data.get("elicitations") if isinstance(data, dict) else None
    given = elicitations if isinstance(elicitations, list) else []
    return [
        {
            "method": ELICITATION,
            "params": {"mode": "url", "url": visit["url"], "message": str(visit.get("message", ""))},
        }
        for visit in given
        if isinstance(visit, dict) and isinstance(visit.get("url"), str)
    ]


def takes_urls(capabilities: dict[str, Any]) -> bool:
    """Whether a client of these `capabilities` shows URLs to its user. Any: any JSON."""
    declared = capabilities.get("elicitation")
    return isinstance(declared, dict) and "url" in declared


def digest_of(request: Message) -> bytes:
    """A digest of all that a request shares with its retries: the method, and the parameters but for the input."""
    own = {name: value for name, value in request.params.items() if name not in _OF_A_ROUND}
    return hashlib.sha256(json.dumps([request.method, own], sort_keys=True).encode()).digest()
