"""The rules of the streamable HTTP transport: message → headers; status and media type → verdict (MCP "Transports")."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

from mcp_auth_bridge.errors import (
    TRY_AGAIN,
    BridgeError,
    SessionLost,
    TheirProtocolError,
    UpstreamFailed,
    quoted,
    unclear,
)
from mcp_auth_bridge.http_syntax import USER_AGENT, first_value, media_type, retry_after
from mcp_auth_bridge.relay.redirects import leads_to_login

SUPPORTED = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
LATEST = SUPPORTED[-1]

FORGOTTEN = "the server no longer knows the MCP session"

_ACCEPT_POST = "application/json, text/event-stream"
_ACCEPT_GET = "text/event-stream"


def _encoded(fields: Mapping[str, str]) -> dict[str, tuple[bytes, bytes]]:
    return {name: (name.encode(), value.encode()) for name, value in fields.items()}


# The transport's own fields by verb, encoded once.
_OWN_OTHER = _encoded({"accept": _ACCEPT_POST, "accept-encoding": "identity", "user-agent": USER_AGENT})
_OWN_GET = {**_OWN_OTHER, **_encoded({"accept": _ACCEPT_GET})}
_OWN_POST = {**_OWN_OTHER, **_encoded({"content-type": "application/json"})}

_PORTAL = 511
"""Network Authentication Required (RFC 6585 section 6), which the network sends, and not the server."""


def version_headers(negotiated: Any) -> Mapping[str, str]:
    """`MCP-Protocol-Version`, which exists since 2025-06-18. Any: the server's `protocolVersion` is any JSON."""
    if isinstance(negotiated, str) and negotiated in SUPPORTED[2:]:
        return {"mcp-protocol-version": negotiated}
    return {}


def request_headers(verb: str, *groups: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """The headers of a request: the transport's own for `verb`, then those of each group (MCP's, cookies, credentials).

    This is the one place where they are built. Of two groups with the same header, the later one counts: a
    configuration may name another `User-Agent`.
    """
    fields = (_OWN_POST if verb == "POST" else _OWN_GET if verb == "GET" else _OWN_OTHER).copy()
    for group in groups:
        for name, value in group.items():
            lower = name.lower()
            fields[lower] = (lower.encode(), value.encode())
    return list(fields.values())


class Accepted(msgspec.Struct, frozen=True):
    """The server took a notification or a reply. There is no body to read."""


class SingleMessage(msgspec.Struct, frozen=True):
    """The body is one JSON message, or a batch of 2025-03-26."""


class EventStream(msgspec.Struct, frozen=True):
    """The body is a stream of events."""


class Unauthorized(msgspec.Struct, frozen=True):
    """The server refused the credentials, with a `status` of that `protocol` ("HTTP" or "JSON-RPC").

    `fields` are the `WWW-Authenticate` fields. `words` is the text of the refusal, "" if it has yet to be read.
    """

    status: int
    fields: tuple[str, ...]
    words: str = ""
    protocol: str = "HTTP"


class Failure(msgspec.Struct, frozen=True):
    """The response is not what MCP prescribes. `body_may_reply`: if its body is a JSON-RPC error, that error counts."""

    error: BridgeError
    body_may_reply: bool = False


_ACCEPTED, _SINGLE_MESSAGE, _EVENT_STREAM = Accepted(), SingleMessage(), EventStream()

Verdict: TypeAlias = Accepted | SingleMessage | EventStream | Unauthorized | Failure


def judge(status: int, headers: Mapping[str, Iterable[str]], *, expects_reply: bool, in_session: bool) -> Verdict:
    """The verdict on the response to a POST.

    `expects_reply`: the message is a request. `in_session`: it was sent with a session id.
    """
    kind = _media_type(first_value(headers, "content-type"))
    if 200 <= status < 300:
        return _success(status, kind, expects_reply=expects_reply)
    challenges = tuple(headers.get("www-authenticate", ()))
    if _asks_for_credentials(status, challenges, first_value(headers, "location")):
        return Unauthorized(status, challenges)
    may_reply = kind in ("application/json", "text/event-stream")
    if status in (404, 410) and in_session:
        return Failure(SessionLost(FORGOTTEN), body_may_reply=may_reply)
    return Failure(_failure_error(status, kind, headers), body_may_reply=may_reply)


@lru_cache(maxsize=16)
def _media_type(field: str) -> str:
    return media_type(field)  # a server has two or three of them, and sends one with each response


def _asks_for_credentials(status: int, challenges: tuple[str, ...], location: str) -> bool:
    """Whether it is a 401, names a missing scope, or redirects to a login page.

    Some proxies redirect programs as well as people (Cloudflare Access: junior #832).
    """
    if status == 403:
        return any("insufficient_scope" in field for field in challenges)
    if status in (302, 303, 307):
        return leads_to_login(location) or any("resource_metadata" in field for field in challenges)
    return status == 401


class _RefusalError(msgspec.Struct):
    code: int
    data: msgspec.Raw = msgspec.Raw(b"null")


class _RefusalBody(msgspec.Struct):
    error: _RefusalError


class _Data(msgspec.Struct):
    www_authenticate: str | list[str] = []


_error_response = msgspec.json.Decoder(_RefusalBody)
_data = msgspec.json.Decoder(_Data)

LONGEST_REFUSAL = 65536
"""Bytes of the longest message that is decoded to find out whether it is a refusal."""


def refusal_in_reply(message: bytes) -> Unauthorized | None:
    """The refusal of credentials in the JSON-RPC `message`, None if it is anything else.

    In MCP a refusal is an HTTP status. But servers that check the token while they dispatch the method send HTTP 200,
    `error.code` 401, and the challenge in `error.data.www_authenticate`. They have not executed the method either, so
    the request may be sent again with other credentials.
    """
    if len(message) > LONGEST_REFUSAL or message.find(b"401") < 0:  # nearly all messages
        return None
    try:
        error = _error_response.decode(message).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if error.code != 401:
        return None
    return Unauthorized(401, _challenges(error.data), message.decode(errors="replace"), "JSON-RPC")


def _challenges(data: msgspec.Raw) -> tuple[str, ...]:
    try:
        fields = _data.decode(data).www_authenticate
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return (fields,) if isinstance(fields, str) else tuple(fields)


def _success(status: int, kind: str, *, expects_reply: bool) -> Verdict:
    if kind == "text/event-stream":
        return _EVENT_STREAM
    if not expects_reply:
        return _ACCEPTED
    if kind == "application/json":
        return _SINGLE_MESSAGE  # NestJS answers a POST with 201
    if kind == "text/html":
        return Failure(_web_page_error(status))
    found = f"HTTP {status} and {f'content of type {quoted(kind, 60)}' if kind else 'no content type'}"
    return Failure(TheirProtocolError(f"the server answered a request with {found} instead of a message"))


_HINTS = {
    404: "check the path of the URL: many servers speak MCP below /mcp or /sse only",
    406: "it may not speak MCP over HTTP at this URL: check the path",
    413: "the message is too large for the server, or for a proxy in front of it: send less at a time, or ask the"
    " server's operator to raise the limit",
    415: "it may not speak MCP over HTTP at this URL: check the path",
    421: "the server does not answer to this host name: its operator has to allow it (MCP servers check it against DNS"
    " rebinding)",
    429: "the server limits how often it is asked: wait a while, then try again",
    431: "the headers are too large for the server, or for a proxy in front of it: check the headers in the"
    " configuration",
    502: f"a proxy in front of the server got no valid response from it: {TRY_AGAIN}",
    503: f"the server is not ready, or has too much to do: {TRY_AGAIN}",
    504: f"a proxy in front of the server got no response from it in time: {TRY_AGAIN}",
}
"""What to do about an HTTP status (RFC 9110 section 15; RFC 6585)."""

_FORBIDDEN = (
    "check whether your account has access, whether an organisation header is missing, or whether a network rule blocks"
    " you"
)
_FORBIDDEN_BY_PAGE = (
    "it is a web page: a firewall or a single sign-on proxy may have answered in the server's place; sign in there"
    " first, or ask your network's or the server's operator to let this request through"
)


def _failure_error(status: int, kind: str, headers: Mapping[str, Iterable[str]]) -> BridgeError:
    """The error for a failure. Its status outranks the type of its body: proxies send a page with any status."""
    if status == _PORTAL:
        return _web_page_error(status)
    wait = retry_after(headers)
    hint = f"the server asks clients to wait {wait:g} s" if wait is not None else _HINTS.get(status, TRY_AGAIN)
    message = f"the server answered with HTTP {status}"
    if 300 <= status < 400:
        message = f"the server answered with a redirect (HTTP {status}) that leads nowhere"
        hint = "check the URL"
    elif status in (404, 405, 501):  # 501: Python's http.server, which knows no POST
        message, hint = f"there is no MCP endpoint at this URL (HTTP {status})", _HINTS[404]
    elif status == 403:
        hint = _FORBIDDEN_BY_PAGE if kind == "text/html" else _FORBIDDEN
        message = "the server refuses this request (HTTP 403)"
        return unclear(UpstreamFailed(message, hint, status=status, retry_after=wait))
    return UpstreamFailed(message, hint, status=status, retry_after=wait)


def _web_page_error(status: int) -> UpstreamFailed:
    page = UpstreamFailed(
        f"the server answered with a web page (HTTP {status}) instead of a message",
        "check the URL; behind a captive portal or a single sign-on proxy, sign in there first",
        status=status,
    )
    return unclear(page)
