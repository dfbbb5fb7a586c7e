"""The JSON documents of OAuth servers, and the errors for their refusals."""

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from mcp_auth_bridge import http_syntax
from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import (
    TRY_AGAIN,
    OAuthRefused,
    ProtocolError,
    TheirProtocolError,
    UpstreamFailed,
    quoted,
    unclear,
)
from mcp_auth_bridge.oauth.dpop import CLOCK_HINT, INVALID_PROOF, USE_NONCE
from mcp_auth_bridge.oauth.error_text import saying, sentence
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Url

T = TypeVar("T")

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 3.1, RFC 7591 3.2.2, RFC 8628 3.5, RFC 8707 2, RFC 9449 5 and 8: only
# these are repeated to the user.
_KNOWN_ERRORS = frozenset(
    {
        "access_denied",
        "account_selection_required",
        "authorization_pending",
        "consent_required",
        "expired_token",
        "insufficient_scope",
        "interaction_required",
        "invalid_client",
        "invalid_client_metadata",
        INVALID_PROOF,
        "invalid_grant",
        "invalid_redirect_uri",
        "invalid_request",
        "invalid_scope",
        "invalid_software_statement",
        "invalid_target",
        "invalid_token",
        "login_required",
        "server_error",
        "slow_down",
        "temporarily_unavailable",
        "unapproved_software_statement",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
        "unsupported_token_type",
        USE_NONCE,
    }
)

_SECRETS = (
    "access_token",
    "client_secret",
    "device_code",
    "id_token",
    "refresh_token",
    "registration_access_token",
)

_LONGEST_CODE = 100


def known_error(code: str) -> str:
    """`code` if a specification defines it, else words that repeat nothing that the server sent."""
    return code if code in _KNOWN_ERRORS else "an unknown error"


def _media_type(response: Response) -> str:
    """The media type of the body, without parameters, in lower case."""
    return http_syntax.media_type(response.header("content-type"))


def read(response: Response, shape: type[T], url: Url, what: str) -> T:
    """The JSON document of a 2xx response as `shape`. Raises `TheirProtocolError`, which names `what` and `url`."""
    try:
        return msgspec.json.decode(response.body, type=shape)
    except msgspec.ValidationError as error:
        raise TheirProtocolError(f"{what} at {url.origin}{url.path} is not as specified: {error}") from None
    except _UNREADABLE:
        raise TheirProtocolError(f"{what} at {url.origin}{url.path} is not JSON but {_kind(response)}") from None


_PAGE = "a web page"
_IN_BETWEEN = (
    "a firewall or a proxy may stand in between; if this goes on, the server's operator, or your network's, has to let"
    " requests to that address through: a browser cannot open it"
)


def refusal_error(response: Response, url: Url, what: str) -> ProtocolError:
    """The error for a status that is not 2xx: the OAuth error if the body holds one, else the bare HTTP status."""
    if response.status == 429:
        return _too_many_requests_error(response, url, what)
    code = error_code(response)
    if code:
        return OAuthRefused(
            f"{url.origin} refused {what}: {known_error(code)} (HTTP {response.status}){said(response)}",
            CLOCK_HINT if code == INVALID_PROOF else TRY_AGAIN,
            error=code,
            status=response.status,
            said=said(response),
        )
    kind = _kind(response)
    answered = f"{url.origin} answered {what} with HTTP {response.status} and {kind} instead of a JSON error"
    failed = UpstreamFailed(f"{answered}{said(response)}", TRY_AGAIN, status=response.status)
    if kind == _PAGE and response.status < 500:
        failed.hint = _IN_BETWEEN
        return unclear(failed)
    return failed


def said(response: Response) -> str:
    """The sentence for people in a refusal, as the end of a message (`error_text.saying`); "" if it is a known code."""
    text = sentence(_media_type(response), response.body)
    return "" if text in _KNOWN_ERRORS else saying(text, (*response.secrets, *_issued(response)))


def _issued(response: Response) -> Iterator[Secret]:
    """The values of members that hold secrets: a server might repeat them in its sentence."""
    try:
        document: Any = msgspec.json.decode(response.body)  # Any: as below
    except _UNREADABLE:
        return
    yield from _secrets_in(document)


def _secrets_in(value: Any) -> Iterator[Secret]:  # Any: JSON; the decoder limits its depth
    """The secrets in `value`, at any depth: Slack, for one, nests tokens."""
    members = value.items() if isinstance(value, dict) else ()
    yield from (Secret(member) for name, member in members if name in _SECRETS and isinstance(member, str))
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _secrets_in(inner)


def error_code(response: Response) -> str:
    """The OAuth error in any response, or "". It is stored (`Strikes`), so its length is limited."""
    try:
        document: Any = msgspec.json.decode(response.body)  # Any: an error document may hold anything
    except _UNREADABLE:
        return ""
    code = document.get("error") if isinstance(document, dict) else None
    return code[:_LONGEST_CODE] if isinstance(code, str) else ""


def _too_many_requests_error(response: Response, url: Url, what: str) -> UpstreamFailed:
    """The error for a 429 (RFC 6585 section 4): whatever the body says, the server did not process the request."""
    wait = http_syntax.retry_after(response.headers)
    hint = "try again later" if wait is None else f"try again in {wait:g} s"
    return UpstreamFailed(
        f"{url.origin} has had too many requests and refused {what} (HTTP 429)", hint, status=429, retry_after=wait
    )


def is_page(response: Response) -> bool:
    """Whether the body is a web page, whatever its media type says."""
    return _media_type(response) == "text/html" or response.body[:256].lstrip()[:1] == b"<"


def _kind(response: Response) -> str:
    if not response.body:
        return "an empty body"
    if is_page(response):
        return _PAGE
    media_type = _media_type(response)
    return f"content of type {quoted(media_type, 60)}" if media_type else "content of no named type"
