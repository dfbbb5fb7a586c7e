"""Bytes → `Message`, without decoding more than the envelope and without losing a byte."""

import json
from typing import Any, NoReturn

import msgspec

from mcp_auth_bridge.relay.base import Kind, Malformed, Message

_ID_LIMIT = 1024
_INVALID = -32600
_UNPARSABLE = -32700


class _Envelope(msgspec.Struct):
    """The members of JSON-RPC 2.0 that tell the kinds apart; everything else is skipped, not decoded."""

    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    method: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decoder = msgspec.json.Decoder(_Envelope)
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])


def peek(line: bytes) -> Message:
    """The message in `line`. Raises `Malformed`."""
    _check_utf8(line)
    start = line.lstrip(b" \t\r\n")[:1]
    if start == b"[":
        return Message(Kind.BATCH, line)
    try:
        envelope = _decoder.decode(line)
    except msgspec.ValidationError:
        raise Malformed(_INVALID, "a JSON-RPC message is an object") from None
    except RecursionError:
        raise Malformed(_UNPARSABLE, "the message is nested too deeply") from None
    except msgspec.DecodeError:
        envelope = _with_lone_surrogates(line)
    return _message(line, envelope)


def split(batch: Message) -> list[Message]:
    """The messages of a batch (MCP 2025-03-26). Raises `Malformed`."""
    try:
        parts = _list_decoder.decode(batch.raw)
    except (msgspec.DecodeError, RecursionError):
        raise Malformed(_UNPARSABLE, "the batch is not valid JSON") from None
    return [peek(bytes(part)) for part in parts]


def result_of(response: Message) -> bytes | None:
    """The raw JSON of a response's `result`, None for an error response."""
    try:
        result = _decoder.decode(response.raw).result
    except msgspec.DecodeError:
        result = _with_lone_surrogates(response.raw).result
    return None if result is msgspec.UNSET else bytes(result)


def _check_utf8(line: bytes) -> None:
    if line.isascii():
        return
    try:
        line.decode()
    except UnicodeDecodeError:
        raise Malformed(_UNPARSABLE, "the message is not valid UTF-8") from None


def _message(line: bytes, envelope: _Envelope) -> Message:
    answers = envelope.result is not msgspec.UNSET or envelope.error is not msgspec.UNSET
    if envelope.method is msgspec.UNSET:
        if not answers:
            raise Malformed(_INVALID, "neither a request nor a response", _id(envelope, b"null"))
        return Message(Kind.RESPONSE, line, id=_id(envelope, b"null"))
    method = _method(envelope.method)
    if envelope.id is msgspec.UNSET:
        return Message(Kind.NOTIFICATION, line, method=method)
    return Message(Kind.REQUEST, line, id=_id(envelope), method=method)


def _method(raw: msgspec.Raw) -> str:
    method = json.loads(bytes(raw))
    if not isinstance(method, str):
        raise Malformed(_INVALID, "the method is not a string")
    return method


def _id(envelope: _Envelope, missing: bytes = b"") -> bytes:
    """The raw id: a string or a number (MCP forbids null, except where an error answers what could not be read)."""
    raw = missing if envelope.id is msgspec.UNSET else bytes(envelope.id)
    if raw == missing or (raw[:1] in b'"-0123456789' and len(raw) <= _ID_LIMIT):
        return raw
    raise Malformed(_INVALID, "the id is neither a string nor a number")


class _Number(str):
    """A number's own spelling: `1.0` stays `1.0`."""

    __slots__ = ()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _with_lone_surrogates(line: bytes) -> _Envelope:
    """The slow path for escapes of lone surrogates: legal JSON that msgspec refuses and Python's parser takes."""
    try:
        document: Any = json.loads(line, parse_int=_Number, parse_float=_Number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Malformed(_UNPARSABLE, "the message is not valid JSON") from None
    members = {name: _raw(document[name]) for name in _Envelope.__struct_fields__ if name in document}
    return _Envelope(**members)


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(value.encode() if isinstance(value, _Number) else json.dumps(value).encode())
