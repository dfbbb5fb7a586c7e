"""The messages that the bridge itself makes. Only here does a `BridgeError` become JSON-RPC."""

import json
from typing import Any

import msgspec

from mcp_auth_bridge.errors import BridgeError, LimitExceeded, LoginRequired, error_data
from mcp_auth_bridge.relay.base import Kind, Malformed, Message, decoded
from mcp_auth_bridge.relay.mcp_headers import version_of
from mcp_auth_bridge.relay.rewriting import as_json


class _Error(msgspec.Struct):
    code: int


class _ErrorReply(msgspec.Struct):
    error: _Error | msgspec.UnsetType = msgspec.UNSET


class _Result(msgspec.Struct, rename="camel"):
    result_type: Any = "complete"


class _ResultReply(msgspec.Struct):
    result: _Result | msgspec.UnsetType = msgspec.UNSET


_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_error_decoder = msgspec.json.Decoder(_ErrorReply)
_result_decoder = msgspec.json.Decoder(_ResultReply)


def result(request: Message, value: Any) -> Message:
    """The reply to `request` with the result `value`. Any: a result is any JSON."""
    return _reply(request.id or b"null", b"result", as_json(value))


def raw_result(request: Message, value: bytes) -> Message:
    """The reply to `request` with the result `value`, which is JSON already."""
    return _reply(request.id or b"null", b"result", value)


def error(request: Message, value: Any) -> Message:
    """The reply to `request` with the JSON-RPC error `value` of a server. Any: any JSON."""
    return _reply(request.id or b"null", b"error", as_json(value))


def malformed(error: Malformed) -> Message:
    """The reply to a line that is not a message (JSON-RPC 2.0 section 5.1)."""
    return _reply(error.id, b"error", as_json({"code": error.code, "message": error.message}))


def notification(method: str, params: Any = None) -> Message:
    """A notification, without `params` if they are None. Any: any JSON."""
    members = {"jsonrpc": "2.0", "method": method}
    raw = as_json(members if params is None else {**members, "params": params})
    return Message(Kind.NOTIFICATION, raw, method=method)


def request(method: str, params: Any, number: int = 0) -> Message:
    """A request of the bridge's own, the `number`th of its kind. Any: any JSON.

    Its id is a string: some clients take any number for the id of one of their own requests.
    """
    id_ = f"mcp-auth-bridge/{method}/{number}"
    raw = as_json({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})
    return Message(Kind.REQUEST, raw, id=as_json(id_), method=method)


def with_id(message: Message, id_: bytes) -> Message:
    """`message` under another id, which is raw JSON. Its other members keep their bytes."""
    try:
        raw = msgspec.json.encode({**_members_decoder.decode(message.raw), "id": msgspec.Raw(id_)})
    except msgspec.DecodeError:  # an escape of a lone surrogate, which msgspec refuses and Python's parser takes
        raw = json.dumps({**decoded(message.raw), "id": json.loads(id_)}).encode()
    return msgspec.structs.replace(message, raw=raw, id=id_)


def failure(request: Message, error: BridgeError) -> Message:
    """The reply to `request` that tells the client of `error`.

    For a tool call a missing login becomes a tool result: models read those, while many clients drop a protocol error.
    """
    if isinstance(error, LoginRequired) and request.method == "tools/call":
        return tool_text(request, sign_in_text(error), is_error=True)
    if isinstance(error, LimitExceeded) and request.method == "tools/call":
        return tool_text(request, _sentences(error), is_error=True)
    return protocol_error(request, error)


def protocol_error(request: Message, error: BridgeError) -> Message:
    """The reply to `request` with `error` as a JSON-RPC error, also for a tool call: for programs."""
    data = {"bridge": True, **error_data(error)}
    text = f"mcp-auth-bridge: {error.message}{f'; hint: {error.hint}' if error.hint else ''}"
    body = {"code": error.rpc_code, "message": text, "data": data}
    return _reply(request.id or b"null", b"error", as_json(body))


def error_code(reply: Message) -> int | None:
    """The code of an error reply, None for a result."""
    if reply.is_result:
        return None
    try:
        error = _error_decoder.decode(reply.raw).error
    except (msgspec.DecodeError, RecursionError):
        return None  # the bridge makes no decision on such a reply
    return error.code if error is not msgspec.UNSET else None


def result_type(reply: Message) -> Any:
    """The type of the result in `reply` (MCP 2026-07-28), "complete" if it names none or is not an object.

    None for an error. Any: the server's `resultType` is any JSON.
    """
    try:
        result = _result_decoder.decode(reply.raw).result
    except (msgspec.DecodeError, RecursionError):  # also for an escape of a lone surrogate, which msgspec refuses
        value = decoded(reply.raw)
        if "result" not in value:
            return None
        return value["result"].get("resultType", "complete") if isinstance(value["result"], dict) else "complete"
    return result.result_type if result is not msgspec.UNSET else None


def _sentences(error: BridgeError) -> str:
    hint = f" {error.hint[:1].upper()}{error.hint[1:]}." if error.hint else ""
    return f"{error.message[:1].upper()}{error.message[1:]}.{hint}"


def sign_in_text(error: BridgeError) -> str:
    """The text of `error` for a model to pass on to the user."""
    sentence, hint = (f"{text[:1].upper()}{text[1:]}" for text in (error.message, error.hint))
    if isinstance(error, LoginRequired) and error.address:
        hint = f"To sign in, open this address in a browser on this machine:\n{error.address}\nOr {error.hint}"
    return f"{sentence}.\n{hint}\nThen call this tool again."


def tool_text(request: Message, text: str, *, is_error: bool) -> Message:
    """The reply with a `CallToolResult` of one text. `resultType` is required since 2026-07-28, and unknown before."""
    modern = {"resultType": "complete"} if version_of(request) else {}
    return result(request, {**modern, "content": [{"type": "text", "text": text}], "isError": is_error})


def _reply(id_: bytes, member: bytes, value: bytes) -> Message:
    raw = b'{"jsonrpc":"2.0","id":%b,"%b":%b}' % (id_, member, value)
    return Message(Kind.REPLY, raw, id=id_, is_result=member == b"result")


def members(raw: bytes | None) -> dict[str, Any]:
    """The members of a result that was kept raw. Any: any JSON.

    {} if it is not an object, or holds a value that cannot be written again: a lone surrogate, a number out of range.
    """
    try:
        value = msgspec.json.decode(raw or b"{}")
    except (msgspec.DecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
