"""Messages that the bridge itself makes; the one place where a `BridgeError` becomes JSON-RPC."""

from typing import Any

import msgspec

from mcp_auth_bridge.errors import BridgeError, LoginRequired
from mcp_auth_bridge.relay.base import Kind, Malformed, Message


def result(request: Message, value: Any) -> Message:
    """The answer to `request`. Any: a result is any JSON."""
    return _response(request.id or b"null", b"result", msgspec.json.encode(value))


def raw_result(request: Message, value: bytes) -> Message:
    """The answer to `request` with a result that is JSON already."""
    return _response(request.id or b"null", b"result", value)


def malformed(error: Malformed) -> Message:
    """The answer to a line that was no message (JSON-RPC 2.0 section 5.1)."""
    return _response(error.id, b"error", msgspec.json.encode({"code": error.code, "message": error.message}))


def notification(method: str) -> Message:
    """A notification without parameters."""
    raw = msgspec.json.encode({"jsonrpc": "2.0", "method": method})
    return Message(Kind.NOTIFICATION, raw, method=method)


def request(method: str, params: Any) -> Message:
    """A request of the bridge's own. Its id is a string: some clients take any number for the answer to theirs."""
    id_ = msgspec.json.encode(f"mcp-auth-bridge/{method}")
    raw = msgspec.json.encode({"jsonrpc": "2.0", "id": msgspec.Raw(id_), "method": method, "params": params})
    return Message(Kind.REQUEST, raw, id=id_, method=method)


def failure(request: Message, error: BridgeError) -> Message:
    """The answer to `request` when `error` came between.

    A missing login on a tool call becomes a tool result: models read those, while many clients drop a protocol error.
    """
    if isinstance(error, LoginRequired) and request.method == "tools/call":
        return tool_text(request, sign_in_text(error), is_error=True)
    data: dict[str, Any] = {
        "bridge": True,
        "code": error.reason,
        "sent": error.sent.value,
        "retry_safe": error.retry_safe,
    }
    if error.hint:
        data["action"] = error.hint
    text = f"mcp-auth-bridge: {error.message}{f'; hint: {error.hint}' if error.hint else ''}"
    body = {"code": error.rpc_code, "message": text, "data": data}
    return _response(request.id or b"null", b"error", msgspec.json.encode(body))


def sign_in_text(error: BridgeError) -> str:
    """For a model to pass on to a person."""
    sentence, hint = (f"{text[:1].upper()}{text[1:]}" for text in (error.message, error.hint))
    return f"{sentence}.\n{hint}\nThen call this tool again."


def tool_text(request: Message, text: str, *, is_error: bool) -> Message:
    """A `CallToolResult` with one text."""
    return result(request, {"content": [{"type": "text", "text": text}], "isError": is_error})


def _response(id_: bytes, member: bytes, value: bytes) -> Message:
    raw = b'{"jsonrpc":"2.0","id":%b,"%b":%b}' % (id_, member, value)
    return Message(Kind.RESPONSE, raw, id=id_)


def members(raw: bytes | None) -> dict[str, Any]:
    """The members of a result that was kept raw. Any: they may be anything.

    {} where it is no object, or holds what could not be written again: a lone surrogate, a number out of range.
    """
    try:
        value = msgspec.json.decode(raw or b"{}")
    except (msgspec.DecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
