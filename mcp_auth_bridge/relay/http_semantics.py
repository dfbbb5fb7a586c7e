"""The rules of the streamable HTTP transport: message → headers; status and media type → verdict (MCP "Transports")."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from mcp_auth_bridge.errors import TRY_AGAIN, BridgeError, SessionLost, TheirProtocolError, UpstreamFailed, quoted
from mcp_auth_bridge.http_syntax import USER_AGENT, first_value, media_type, retry_after
from mcp_auth_bridge.relay.redirects import leads_to_login

SUPPORTED = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
LATEST = SUPPORTED[-1]

_ACCEPT_POST = "application/json, text/event-stream"
_ACCEPT_GET = "text/event-stream"

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
    own = {"accept": _ACCEPT_GET if verb == "GET" else _ACCEPT_POST, "accept-encoding": "identity"}
    own["user-agent"] = USER_AGENT
    if verb == "POST":
        own["content-type"] = "application/json"
    fields = {name.lower(): value for group in (own, *groups) for name, value in group.items()}
    return [(name.encode(), value.encode()) for name, value in fields.items()]


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


Verdict: TypeAlias = Accepted | SingleMessage | EventStream | Unauthorized | Failure


def judge(status: int, headers: Mapping[str, Iterable[str]], *, expects_reply: bool, in_session: bool) -> Verdict:
    """The verdict on the response to a POST.

    `expects_reply`: the message is a request. `in_session`: it was sent with a session id.
    """
    kind = media_type(first_value(headers, "content-type"))
    if 200 <= status < 300:
        return _success(status, kind, expects_reply=expects_reply)
    challenges = tuple(headers.get("www-authenticate", ()))
    if _asks_for_credentials(status, challenges, first_value(headers, "location")):
        return Unauthorized(status, challenges)
    if status == 404 and in_session:
        return Failure(session_lost_error())
    return Failure(_failure_error(status, kind, headers), body_may_reply=kind == "application/json")


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

_LONGEST_REFUSAL = 65536  # bytes; a longer message is not a refusal, and is not decoded to find that out


def refusal_in_reply(message: bytes) -> Unauthorized | None:
    """The refusal of credentials in the JSON-RPC `message`, None if it is anything else.

    In MCP a refusal is an HTTP status. But servers that check the token while they dispatch the method send HTTP 200,
    `error.code` 401, and the challenge in `error.data.www_authenticate`. They have not executed the method either, so
    the request may be sent again with other credentials.
    """
    if len(message) > _LONGEST_REFUSAL or b"401" not in message:  # nearly all messages
        return None
    try:
        error = _error_response.decode(message).error
    except (msgspec.DecodeError, RecursionError):
        return None
    if error.code != 401:
        return None
    return Unauthorized(401, _challenges(error.data), message.decode(errors="replace"), "JSON-RPC")


def _challenges(data: msgspec.Raw) -> tuple[str, ...]:
    try:
        fields = _data.decode(data).www_authenticate
    except (msgspec.DecodeError, RecursionError):
        return ()
    return (fields,) if isinstance(fields, str) else tuple(fields)


def session_lost_error() -> SessionLost:
    """The error that makes the relay open a new session."""
    return SessionLost("the server no longer knows the MCP session")


def _success(status: int, kind: str, *, expects_reply: bool) -> Verdict:
    if kind == "text/event-stream":
        return EventStream()
    if not expects_reply:
        return Accepted()
    if kind == "application/json" and status == 200:
        return SingleMessage()
    if kind == "text/html":
        return Failure(_web_page_error(status))
    found = f"HTTP {status} and {f'content of type {quoted(kind, 60)}' if kind else 'no content type'}"
    return Failure(TheirProtocolError(f"the server answered a request with {found} instead of a message"))


def _failure_error(status: int, kind: str, headers: Mapping[str, Iterable[str]]) -> BridgeError:
    if status == _PORTAL:
        return _web_page_error(status)
    if 300 <= status < 400:
        return UpstreamFailed(
            f"the server answered with a redirect (HTTP {status}) that this request does not follow",
            "put the URL that it leads to into the configuration",
            status=status,
        )
    if status in (404, 405):
        hint = "check the path of the URL: many servers speak MCP below /mcp or /sse only"
        return UpstreamFailed(f"there is no MCP endpoint at this URL (HTTP {status})", hint, status=status)
    if status == 403:
        hint = (
            "check whether your account has access, whether an organisation header is missing, or whether a network"
            " rule blocks you"
        )
        if kind == "text/html":
            hint = (
                "it is a web page: a firewall or a single sign-on proxy may have answered in the server's place; sign"
                " in there first, or ask your network's or the server's operator to let this request through"
            )
        return UpstreamFailed("the server refuses this request (HTTP 403)", hint, status=status)
    wait = retry_after(headers)
    hint = f"the server asks clients to wait {wait:g} s" if wait is not None else TRY_AGAIN
    return UpstreamFailed(f"the server answered with HTTP {status}", hint, status=status, retry_after=wait)


def _web_page_error(status: int) -> UpstreamFailed:
    return UpstreamFailed(
        f"the server answered with a web page (HTTP {status}) instead of a message",
        "check the URL; behind a captive portal or a single sign-on proxy, sign in there first",
        status=status,
    )
