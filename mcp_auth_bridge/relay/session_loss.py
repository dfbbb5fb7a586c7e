"""Which refusals mean that the server has forgotten the MCP session: the dialects of servers, as a table.

MCP knows one sign, HTTP 404 for a request with a session id ("Session Management"). Servers have many more. The table
says of each refusal of a request with a session id whether the session may be lost, and whether the server may have
carried the request out before it refused. The first row that matches decides.
"""

import enum
import re
from collections.abc import Collection, Container

import msgspec

from mcp_auth_bridge.errors import BridgeError, Sent, SessionDoubted, SessionLost
from mcp_auth_bridge.relay.base import REQUEST, Message
from mcp_auth_bridge.relay.http_semantics import FORGOTTEN


class Loss(enum.Enum):
    LOST = "the session is lost, and the request was not carried out"
    DOUBTFUL = "the session may be lost, and the request was not carried out"
    UNCLEAR = "the session may be lost, and the request may have been carried out"
    NONE = "the refusal is about something else"


class RefusedRequest(msgspec.Struct, frozen=True):
    """A request or notification in a session, which the server refused."""

    # The HTTP status: a success too, if the body is an error.
    status: int
    # The session id of the request, "" if it has another place than a header.
    session_id: str
    # The text of the refusal; foreign text, "" if there is none.
    words: str
    # The code of the JSON-RPC error in the body, None if there is no such error.
    code: int | None = None
    # Whether that error has the id of the request: another id, null or none says that the request was not read.
    own_id: bool = False


class _Id(enum.Enum):
    ANY = "a JSON-RPC error with any id, or no JSON-RPC error"
    OWN = "a JSON-RPC error with the id of the request"
    OTHER = "a JSON-RPC error with another id or without one, or no JSON-RPC error"


class _Words(enum.Enum):
    ANY = "any text, or none"
    SESSION = "text about a session that is unknown, or has yet to begin"


class _Dialect(msgspec.Struct, frozen=True):
    """A row of the table."""

    # The meaning of the refusal.
    loss: Loss
    # The HTTP statuses.
    statuses: Container[int]
    # The id of the JSON-RPC error.
    id: _Id
    # The codes of the JSON-RPC error, None for any code and for no such error.
    codes: Collection[int] | None
    # The text.
    words: _Words
    # The servers that need the row, or the reports about them.
    seen: str


_ALL = range(600)
_UNSPECIFIED = frozenset(_ALL) - {404, 410}
_SUCCESS = range(200, 300)
_NOT_DONE = frozenset({*range(400, 500), 503})  # the server refuses the request (RFC 9110 section 15.5), or is not up
_FAULT = range(500, 600)

_BY_TRANSPORTS = (-32600, -32000, -32001, -32002, -32005, -32006)
"""Codes with which transports refuse a message that they hand to no method.

In this order: InvalidRequest (JSON-RPC 2.0), "Bad Request" and "Session not found" of the TypeScript SDK, "Server not
initialized" (anubis-mcp #89), SessionNotFound and SessionRequired (tower-mcp #65).
"""

_ABOUT_THE_REQUEST = (-32601, -32602, -32002)  # no such method, bad parameters, no such resource

DIALECTS = (
    _Dialect(
        Loss.LOST,
        _NOT_DONE,
        _Id.OTHER,
        None,
        _Words.SESSION,
        "400: python-sdk #1727, mcp-go #689, OmniRoute #5169; 401: rust-sdk #559, #689, mcp-proxy #108; 403: breeze"
        " #3744; 503: neotoma #1923",
    ),
    _Dialect(
        Loss.DOUBTFUL,
        _UNSPECIFIED,
        _Id.OWN,
        _BY_TRANSPORTS,
        _Words.SESSION,
        "kimi-code #2380, agent-wiki #158, anubis-mcp #89: with HTTP 200",
    ),
    _Dialect(Loss.UNCLEAR, _ALL, _Id.OWN, (-32603,), _Words.SESSION, "aap-mcp-server #111: thrown by its handlers"),
    _Dialect(Loss.NONE, _ALL, _Id.OWN, _ABOUT_THE_REQUEST, _Words.ANY, "MCP 2026-07-28: 404 for an unknown method"),
    _Dialect(
        Loss.LOST, (404,), _Id.ANY, None, _Words.ANY, "MCP “Session Management”; helidon-mcp #152: no error in it"
    ),
    _Dialect(Loss.LOST, (410,), _Id.ANY, None, _Words.ANY, "typescript-sdk #1402"),
    _Dialect(Loss.DOUBTFUL, (400,), _Id.OTHER, (-32000,), _Words.ANY, "the TypeScript SDK's “Bad Request”"),
    _Dialect(Loss.DOUBTFUL, _ALL, _Id.OTHER, (-32600,), _Words.ANY, "zilla #2525: “Invalid Request” with HTTP 200"),
    _Dialect(Loss.DOUBTFUL, _SUCCESS, _Id.OTHER, None, _Words.SESSION, "zilla #2525, with a code that says more"),
    _Dialect(Loss.UNCLEAR, _FAULT, _Id.OTHER, None, _Words.SESSION, "fastmcp #121: 500 around the 400 of a backend"),
)
"""The first row that matches decides. 404 and 410 count without words, and two codes of refusals under no id."""

_SESSION = r"\b(?:mcp[-_ ]?)?session(?:[-_ ]?ids?)?\b(?!://)"
_GONE = (
    r"(?:\b(?:unknown|unrecogni[sz]ed|expired|stale|missing|invalid|terminated|closed|deleted|destroyed|evicted|ended"
    r"|inactive|mismatch|required|lost|gone|timed out|no longer)\b"
    r"|(?:\bnot|n't|\bnever) (?:be |been |an? |yet )*(?:found|find|valid|exist|active|known|recogni[sz]ed|open"
    r"|initiali[sz]ed|established|available|belong)"
    r"|\bno (?:[a-z]+ ){0,3}found\b)"
)
_NEAR = r"[^.!?\r\n]{0,40}?"
# Compiled when it is first needed: that takes as long as to import ten modules, and few servers refuse a session.
_SPEAKS_OF_SESSION = (
    rf"{_SESSION}{_NEAR}{_GONE}|{_GONE}{_NEAR}{_SESSION}|\b(?:no|without an?) (?:[a-z]+ ){{0,2}}{_SESSION}"
    r"|\b(?:should|must|please|has to|have to|needs? to|client) re-?initiali[sz]e\b"
    r"|\b(?:server|client|connection|transport)(?: is| was| has)? not (?:yet |been )*initiali[sz]ed\b"
    r"|\bexpect(?:s|ed)? (?:an? )?initialize\b|\bbefore initialization\b"
)
_LONGEST = 2000  # characters; a longer text is not a refusal


def loss_of(refused: RefusedRequest) -> Loss:
    """The meaning of the refusal for the session."""
    about_session = _speaks_of_session(refused)
    for dialect in DIALECTS:
        if (
            refused.status in dialect.statuses
            and (dialect.id is _Id.ANY or (dialect.id is _Id.OWN) == refused.own_id)
            and (dialect.codes is None or refused.code in dialect.codes)
            and (dialect.words is _Words.ANY or about_session)
        ):
            return dialect.loss
    return Loss.NONE


def lost_session(refused: RefusedRequest, answer: bytes | BridgeError | None = None) -> SessionLost | None:
    """The error that makes the relay open a new session, None if the refusal is about something else.

    `answer`: see `SessionLost`.
    """
    loss = loss_of(refused)
    if loss is Loss.NONE:
        return None
    error = (SessionLost if loss is Loss.LOST else SessionDoubted)(FORGOTTEN, answer=answer)
    if loss is Loss.UNCLEAR:
        error.sent = Sent.UNKNOWN
    return error


class _Error(msgspec.Struct):
    code: int
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


class _ErrorReply(msgspec.Struct):
    error: _Error


_decoder = msgspec.json.Decoder(_ErrorReply)


def refused_by_reply(reply: Message, request: Message, status: int, session_id: str) -> RefusedRequest:
    """The refusal of `request` by `reply`, which has an `error` and came with the HTTP `status`."""
    own_id = request.kind is REQUEST and reply.key == request.key
    try:
        error = _decoder.decode(reply.raw).error
    except (msgspec.DecodeError, RecursionError):
        return RefusedRequest(status, session_id, reply.raw.decode(errors="replace"), None, own_id)
    data = bytes(error.data)
    words = f"{error.message}. {data.decode()}" if data[:1] == b'"' else error.message
    return RefusedRequest(status, session_id, words, error.code, own_id)


def _speaks_of_session(refused: RefusedRequest) -> bool:
    text = refused.words[: _LONGEST + 1]
    if len(text) > _LONGEST:
        return False
    if refused.session_id:
        text = text.replace(refused.session_id, "")
    return re.search(_SPEAKS_OF_SESSION, text, re.IGNORECASE) is not None
