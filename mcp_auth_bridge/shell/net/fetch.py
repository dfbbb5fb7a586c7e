"""A `Fetch` as an HTTP request, the time-out for its response, and the text of a refusal for the log.

Both ways of performing one share this: `oauth_http.py`, and `run_refresh.py`, which starts without httpx2.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from urllib.parse import urlencode

from mcp_auth_bridge.effects import Fetch, Response
from mcp_auth_bridge.errors import TRY_AGAIN, BridgeError, Overdue
from mcp_auth_bridge.http_syntax import USER_AGENT, media_type
from mcp_auth_bridge.oauth.error_text import redacted, sentence
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.console.silence_notice import announce_wait

LARGEST_RESPONSE = 64 * 1024
"""Bytes of the body in a response to a form or a document."""

_TIMEOUT = 10.0
_FORM_TIMEOUT = 30.0
_TOKEN_TIMEOUT = 90.0
"""Seconds for a token request. To give up early loses the login: the server goes on and spends the refresh token."""

_LAST_LOOK = 0.5
"""Seconds for a response that arrived while this process was stopped: its clock went on, and the socket holds it."""


def build_request(effect: Fetch) -> tuple[str, dict[str, str], bytes | None]:
    """Method, headers and content: the one place where the secrets of a request are written out."""
    headers = {"user-agent": USER_AGENT, "accept-encoding": "identity", **_reveal(effect.headers)}
    if effect.form is not None:
        headers["content-type"] = "application/x-www-form-urlencoded"
        return "POST", headers, urlencode(_reveal(effect.form)).encode()
    if effect.document is not None:
        headers["content-type"] = "application/json"
        return "POST", headers, effect.document
    return effect.method, headers, None


async def wait_for_response(effect: Fetch, exchange: Coroutine[None, None, Response]) -> Response:
    """The response of `exchange`, which performs `effect`. Raises `Overdue` once the time for it is over."""
    timeout = _timeout(effect)
    answering = asyncio.ensure_future(exchange)
    try:
        with announce_wait(effect.url.origin):
            await asyncio.wait((answering,), timeout=timeout)
        for seconds in (0, _LAST_LOOK):
            await asyncio.wait((answering,), timeout=seconds)
            if answering.done():
                return answering.result()
        raise Overdue(f"{effect.url.origin} did not answer within {timeout:g} seconds", TRY_AGAIN)
    except BridgeError as error:
        error.facts["host"] = effect.url.authority
        raise
    finally:
        answering.cancel()  # does nothing to a task that is done


def refusal_text(status: int, content_type: str, body: bytes, effect: Fetch) -> str:
    """The sentence in a refusal, for the log; "" for any other response."""
    if status < 400 or not debug_log.on:
        return ""
    return redacted(sentence(media_type(content_type), body), effect.secrets)


def _timeout(effect: Fetch) -> float:
    """Seconds for the whole exchange, however slowly its bytes arrive."""
    if effect.form is None:
        return _TIMEOUT
    return _TOKEN_TIMEOUT if "grant_type" in effect.form else _FORM_TIMEOUT


def _reveal(values: Mapping[str, Secret | str]) -> dict[str, str]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in values.items()}
