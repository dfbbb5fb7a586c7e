"""An answer that is neither a result nor a refusal of credentials: what is wrong with it, by its most certain sign.

Software whose words are recognised is named beside them.
"""

import re
from collections.abc import Callable, Mapping

from mcp_auth_bridge.doctor.finding import sign
from mcp_auth_bridge.doctor.server.answer import Answer
from mcp_auth_bridge.doctor.server.gateways import gateway
from mcp_auth_bridge.doctor.server.misdirection import misdirection
from mcp_auth_bridge.doctor.server.trouble import Trouble
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import TRY_AGAIN, TheirProtocolError, quoted
from mcp_auth_bridge.http_syntax import retry_after
from mcp_auth_bridge.oauth.error_text import saying
from mcp_auth_bridge.shell.net.response_errors import Http2Only, NotHttp
from mcp_auth_bridge.urls import Url

_HTTPS_PORT = re.compile(
    r"plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|plain HTTP to an SSL-enabled|"
    r"request was sent to a TLS port|requires TLS",
    re.IGNORECASE,
)
"""nginx, Go's net/http, Apache httpd, and the usual words of others."""

_CLIENT_CERTIFICATE = re.compile(r"no required SSL certificate was sent", re.IGNORECASE)
"""nginx finishes the handshake with a client that has no certificate, and then says it with HTTP 400."""

_HOST_REFUSED = re.compile(r"invalid host|host (?:header )?(?:is )?not allowed|disallowed ?host", re.IGNORECASE)
"""The MCP SDKs (DNS rebinding protection), Django, Vite."""

_SIGN_IN = re.compile(r"\b(?:sign|log)[ -]?(?:in|on)\b|authenticat|single sign|wi-?fi|captive|hotspot", re.IGNORECASE)
"""Titles of pages on which people sign in, to a single sign-on or to a network."""

_LARGE_HEADERS = re.compile(r"header (?:or cookie )?(?:fields? )?too large", re.IGNORECASE)
"""nginx says it with HTTP 400."""


def misbehaviour(answer: Answer, url: Url) -> Trouble | None:
    """What is wrong with `answer` to an opening at `url`; None if it is a result or a refusal of credentials.

    None too if no request could be sent: that is a fault of the way.
    """
    if answer.result is not None or answer.refusal is not None or answer.is_unsent:
        return None
    if answer.status == 0:
        return _without_response(answer)
    return misdirection(answer, url) or _by_words(answer, url) or _by_status(answer) or _unsuccessful(answer)


def words(answer: Answer) -> str:
    """The server's own sentence as a clause: `, saying “…”`; "" if there is none."""
    return saying(answer.said)


def is_page(answer: Answer) -> bool:
    """Whether the body is a web page."""
    return answer.kind in ("text/html", "application/xhtml+xml") and answer.text.lstrip()[:1] == "<"


def _without_response(answer: Answer) -> Trouble:
    if answer.is_silence:
        seconds = f"{answer.milliseconds / 1000:.0f}"
        return Trouble(
            sign(Symptom.SERVER_SILENT, seconds=seconds),
            f"it takes the request, and does not answer within {seconds} seconds",
            "try again in a minute, because some servers need time to wake up",
        )
    if answer.is_cut:
        return Trouble(
            sign(Symptom.CUT_OFF), "the connection ends without a response once the request is sent", TRY_AGAIN
        )
    match answer.error:
        case NotHttp():
            told = f"the program that answers there does not speak HTTP: {answer.error.message}"
            return Trouble(sign(Symptom.NOT_HTTP), told, "check the port in the url")
        case Http2Only():
            return Trouble(sign(Symptom.HTTP_2_ANSWER), answer.error.message, answer.error.hint)
    return broken_http(answer)


def broken_http(answer: Answer) -> Trouble:
    """What is wrong with an `answer` that begins as HTTP, or that is not HTTP where other requests get HTTP."""
    told = _error_in(answer)
    broken = sign(Symptom.BROKEN_HTTP, error=told)
    return Trouble(broken, f"its response to a POST is not valid in HTTP: {told}", "contact its operator")


def _error_in(answer: Answer) -> str:
    return answer.error.message if answer.error is not None else ""


def _by_words(answer: Answer, url: Url) -> Trouble | None:
    """Faults that the words of an error name with more certainty than its status."""
    if answer.status < 400:
        return None
    if answer.status == 400 and _HTTPS_PORT.search(answer.text):
        return Trouble(
            sign(Symptom.HTTPS_PORT), "it speaks https at this port, and the URL says http", "write https:// in the url"
        )
    if answer.status == 400 and _CLIENT_CERTIFICATE.search(answer.text):
        return Trouble(
            sign(Symptom.CLIENT_CERTIFICATE_WANTED, host=url.host),
            "it wants a client certificate (TLS)",
            'write client_certificate = "…" into the server\'s network table',
        )
    if answer.status == 421 or (answer.status in (400, 403) and _HOST_REFUSED.search(answer.text)):
        return Trouble(
            sign(Symptom.HOST_REFUSED, says=words(answer)),
            f"it does not answer to this host name (HTTP {answer.status}){words(answer)}",
            "its operator has to allow the host name (MCP servers check it against DNS rebinding)",
        )
    if answer.status == 431 or (answer.status == 400 and _LARGE_HEADERS.search(answer.text)):
        return Trouble(
            sign(Symptom.HEADERS_TOO_LARGE, status=str(answer.status)),
            f"the headers of the request are too large for it (HTTP {answer.status})",
            "check the headers in the configuration, or ask its operator to raise the limit",
        )
    return None


def _by_status(answer: Answer) -> Trouble | None:
    """Faults that the status alone names. Some proxies send a page with each of them."""
    if (find := _BY_STATUS.get(answer.status)) is not None:
        return find(answer)
    return _failed(answer) if answer.status >= 500 else None


def _nothing_there(answer: Answer) -> Trouble | None:
    if answer.reply is not None:
        return None
    return Trouble(
        sign(Symptom.NOT_MCP, status=str(answer.status)),
        f"there is no MCP endpoint at this URL (HTTP {answer.status})",
        "check the path of the URL: many servers speak MCP below /mcp or /sse only",
    )


def _unpaid(answer: Answer) -> Trouble:
    return Trouble(
        sign(Symptom.WANTS_PAYMENT, says=words(answer)),
        f"it wants to be paid (HTTP 402){words(answer)}",
        "check the plan and the limits of your account there",
    )


def _too_large(answer: Answer) -> Trouble:
    return Trouble(
        sign(Symptom.BODY_TOO_LARGE, gateway=gateway(answer)),
        "even the first message of MCP is too large for it (HTTP 413)",
        "ask its operator to raise the limit for the size of a request",
    )


def _limited(answer: Answer) -> Trouble:
    wait = retry_after(answer.fields)
    asks = f", and asks to wait {wait:g} seconds" if wait is not None else ""
    says = f"it limits how often it is asked (HTTP 429){asks}"
    return Trouble(sign(Symptom.RATE_LIMITED, asks=asks), says, "wait a while, then try again")


def _portal(_: Answer) -> Trouble:
    """RFC 6585 section 6: the network sends this, and never the server."""
    return Trouble(
        sign(Symptom.PORTAL),
        "your network wants you to sign in before it lets anything through (HTTP 511)",
        "open any page in a browser, and sign in to the network there",
    )


def _forbidden(answer: Answer) -> Trouble:
    if is_page(answer):
        return Trouble(
            sign(Symptom.FORBIDDEN_BY_PAGE, says=words(answer), gateway=gateway(answer)),
            f"a web page refuses the request (HTTP 403){words(answer)}",
            "a firewall or a single sign-on may have answered: ask its operator to let MCP clients through",
        )
    return Trouble(
        sign(Symptom.FORBIDDEN, says=words(answer)),
        f"it refuses the request (HTTP 403){words(answer)}",
        "check whether your account has access, and whether a header of your organisation is missing",
    )


_BY_STATUS: Mapping[int, Callable[[Answer], Trouble | None]] = {
    402: _unpaid,
    403: _forbidden,
    404: _nothing_there,
    405: _nothing_there,
    410: _nothing_there,
    413: _too_large,
    429: _limited,
    501: _nothing_there,
    511: _portal,
}


def _failed(answer: Answer) -> Trouble:
    """A status of 500 and above: a proxy's without the server (52x are Cloudflare's), or the server's own."""
    status, by = str(answer.status), gateway(answer)
    if answer.status in (502, 521, 523):
        return Trouble(
            sign(Symptom.BAD_GATEWAY, status=status, gateway=by),
            f"{by} in front of it got no valid response from it (HTTP {status})",
            TRY_AGAIN,
        )
    if answer.status in (504, 522, 524):
        return Trouble(
            sign(Symptom.GATEWAY_TIMEOUT, status=status, gateway=by),
            f"{by} in front of it got no response from it in time (HTTP {status})",
            TRY_AGAIN,
        )
    if answer.status == 503:
        return Trouble(
            sign(Symptom.UNAVAILABLE, says=words(answer)),
            f"it is not ready, or is overloaded (HTTP 503){words(answer)}",
            TRY_AGAIN,
        )
    return Trouble(
        sign(Symptom.SERVER_ERROR, status=status, says=words(answer)),
        f"it fails with a fault of its own (HTTP {status}){words(answer)}",
        TRY_AGAIN,
    )


def _unsuccessful(answer: Answer) -> Trouble:
    """The rest: a success without a message, and other refusals in the server's own words."""
    if answer.reply is None and 200 <= answer.status < 300:
        if is_page(answer) and _SIGN_IN.search(answer.said):
            return Trouble(
                sign(Symptom.LOGIN_PAGE, says=words(answer)),
                f"a page on which people sign in answers instead of an MCP server{words(answer)}",
                "sign in there in a browser first, or ask its operator to let MCP clients through",
            )
        if is_page(answer):
            return Trouble(
                sign(Symptom.WEB_PAGE, says=words(answer)),
                f"a web page answers instead of an MCP server{words(answer)}",
                "check the path of the URL: many servers speak MCP below /mcp or /sse only",
            )
        found = _found(answer)
        return Trouble(
            sign(Symptom.NOT_A_MESSAGE, found=found),
            f"it answers a request with {found} instead of a message",
            "contact its operator: this is not MCP over HTTP",
        )
    status = str(answer.status)
    return Trouble(
        sign(Symptom.REFUSES_OPENING, status=status, says=words(answer)),
        f"it refuses to begin (HTTP {status}){words(answer)}",
        "its words may help; otherwise contact its operator",
    )


def _found(answer: Answer) -> str:
    """What came instead of a message."""
    if isinstance(answer.error, TheirProtocolError) and answer.kind in ("application/json", "text/event-stream"):
        return "broken JSON" if answer.text.strip() else "an empty body"
    if answer.error is not None and answer.kind == "text/event-stream":
        return "a stream of events that brings no reply"
    kind = f"content of type {quoted(answer.kind, 60)}" if answer.kind else "no content"
    return f"HTTP {answer.status} and {kind}"
