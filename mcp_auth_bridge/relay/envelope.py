"""Bytes → `Message`, without decoding more than the envelope and without losing a byte."""

import codecs
import json
import math
import re
from collections.abc import Iterator
from typing import NoReturn

import msgspec

from mcp_auth_bridge.relay.base import BATCH, NOTIFICATION, REPLY, REQUEST, Excessive, Malformed, Message
from mcp_auth_bridge.relay.json_limits import TOO_SHORT, exceeded_limit

_BOM = b"\xef\xbb\xbf"
_ID_LIMIT = 1000  # bytes
_INVALID = -32600
_UNPARSABLE = -32700
_SLICE = 1 << 20  # bytes
_utf8_decoder = codecs.getincrementaldecoder("utf-8")


class _Envelope(msgspec.Struct):
    """The members of JSON-RPC 2.0 that tell the kinds of messages apart. The others are skipped, not decoded."""

    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    method: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Usual(msgspec.Struct):
    """The same members of nearly all messages: the method is a text that msgspec reads."""

    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    method: str | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decoder = msgspec.json.Decoder(_Envelope)
_usual_decoder = msgspec.json.Decoder(_Usual)
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])


def peek(line: bytes) -> Message:
    """The message in `line`. Its bytes lose a byte order mark (RFC 8259 section 8.1), and nothing else.

    Raises `Malformed`, and `Excessive` for JSON that MCP clients may be unable to read.
    """
    if not line.isascii():
        line = line.removeprefix(_BOM)
        _check_utf8(line)
    if len(line) > TOO_SHORT and (exceeded := exceeded_limit(line)) is not None:
        raise _excessive_error(line, exceeded)
    return _within_limits(line)


def _within_limits(line: bytes) -> Message:
    try:
        found = _usual_decoder.decode(line)
    except msgspec.DecodeError:
        return _unusual(line)
    method, raw_id = found.method, found.id
    if method is msgspec.UNSET:
        return _reply(line, found)
    if raw_id is msgspec.UNSET:
        return Message(NOTIFICATION, line, method=method)
    id_ = bytes(raw_id)
    return Message(REQUEST, line, id_ if id_.isdigit() and len(id_) <= _ID_LIMIT else _id(raw_id), method)


def _unusual(line: bytes) -> Message:
    """The same for a batch, for an escape that msgspec refuses, and for all that is not a message."""
    start = line.lstrip(b" \t\r\n")[:1]
    if start == b"[":
        return Message(BATCH, line)
    try:
        envelope = _decoder.decode(line)
    except msgspec.ValidationError:
        raise Malformed(_INVALID, "a JSON-RPC message is an object") from None
    except msgspec.DecodeError:
        envelope = _with_lone_surrogates(line)
    if envelope.method is msgspec.UNSET:
        return _reply(line, envelope)
    method = bytes(envelope.method)
    if method[:1] != b'"':
        raise Malformed(_INVALID, "the method is not a string", _id(envelope.id, b"null"))
    if envelope.id is msgspec.UNSET:
        return Message(NOTIFICATION, line, method=json.loads(method))
    return Message(REQUEST, line, _id(envelope.id), json.loads(method))


def _reply(line: bytes, envelope: _Envelope | _Usual) -> Message:
    is_result = envelope.error is msgspec.UNSET
    if is_result and envelope.result is msgspec.UNSET:
        # Without its id: it may be a broken reply, and an error with that id would seem to answer another request.
        raise Malformed(_INVALID, "neither a request nor a response")
    return Message(REPLY, line, _id(envelope.id, b"null"), None, is_result)


def split_batch(batch: Message) -> list[Message]:
    """The messages of a batch (MCP 2025-03-26). Raises `Malformed`."""
    try:
        parts = _list_decoder.decode(batch.raw)
    except msgspec.DecodeError:
        raise Malformed(_UNPARSABLE, "the batch is not valid JSON") from None
    messages = [_within_limits(bytes(part)) for part in parts]
    if any(message.kind is BATCH for message in messages):
        raise Malformed(_INVALID, "a batch must not contain a batch")
    return messages


def result_of(reply: Message) -> bytes | None:
    """The raw JSON of the `result` in `reply`, None for an error."""
    try:
        result = _decoder.decode(reply.raw).result
    except msgspec.DecodeError:
        result = _with_lone_surrogates(reply.raw).result
    return None if result is msgspec.UNSET else bytes(result)


def _check_utf8(line: bytes) -> None:
    decoder = _utf8_decoder()
    try:
        for start in range(0, len(line), _SLICE):  # decoded as a whole, a message may take four times its size
            decoder.decode(line[start : start + _SLICE], final=start + _SLICE >= len(line))
    except UnicodeDecodeError:
        raise Malformed(_UNPARSABLE, "the message is not valid UTF-8") from None


def _id(id_: msgspec.Raw | msgspec.UnsetType, missing: bytes = b"") -> bytes:
    """The raw id: a string or a number. MCP allows null in one place: an error for a message that could not be read."""
    raw = missing if id_ is msgspec.UNSET else bytes(id_)
    if len(raw) <= _ID_LIMIT and (raw.isdigit() or raw == missing or raw[:1] == b'"' or _is_finite(raw)):
        return raw
    raise Malformed(_INVALID, f"the id is neither a string nor a number, or is longer than {_ID_LIMIT} bytes")


def _is_finite(raw: bytes) -> bool:
    """Whether the JSON `raw` is a number that readers can tell from others: `1e400` is infinity to all of them."""
    return raw[:1] in b"-0123456789" and (raw[1:].isdigit() or math.isfinite(float(raw)))


def _excessive_error(line: bytes, exceeded: str) -> Excessive:
    """The error for `line`, with the id of `line` if that can be read and belongs to a request.

    The id of a reply was chosen by the other side: an error with it would look like the reply to another request.
    """
    try:
        envelope = _decoder.decode(line)
        id_ = b"null" if envelope.method is msgspec.UNSET else _id(envelope.id, b"null")
    except (msgspec.DecodeError, RecursionError):
        return Excessive(_UNPARSABLE, exceeded)
    except Malformed:
        return Excessive(_INVALID, exceeded)
    return Excessive(_INVALID, exceeded, id_)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


_scanner = json.JSONDecoder(parse_constant=_refuse)
_SPACE = re.compile(r"[ \t\r\n]*")


def _with_lone_surrogates(line: bytes) -> _Envelope:
    """Decode escapes of lone surrogates, slowly: they are legal JSON, but only Python's parser accepts them."""
    text = line.decode()
    try:
        value = _scanner.decode(text)
    except ValueError:
        raise Malformed(_UNPARSABLE, "the message is not valid JSON") from None
    if not isinstance(value, dict):
        raise Malformed(_INVALID, "a JSON-RPC message is an object")
    members = dict(_members(text))
    return _Envelope(**{name: members[name] for name in _Envelope.__struct_fields__ if name in members})


def _members(document: str) -> Iterator[tuple[str, msgspec.Raw]]:
    """The members of `document`, a JSON object that is valid and not empty. Each value keeps its characters."""
    end = document.index("{")
    while document[end] != "}":
        name, end = _scanner.raw_decode(document, _token(document, end + 1))
        start = _token(document, _token(document, end) + 1)
        _, end = _scanner.raw_decode(document, start)
        yield name, msgspec.Raw(document[start:end].encode())
        end = _token(document, end)


def _token(document: str, position: int) -> int:
    """The position of the next token, at or after `position`."""
    space = _SPACE.match(document, position)
    return space.end() if space else position
