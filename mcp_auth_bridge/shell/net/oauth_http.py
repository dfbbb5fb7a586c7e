"""OAuth's plane: the only module that knows `httpx2`. Its redirect policy, its limits, its errors in our words.

Only httpx2's transport is used: its client would keep cookies, follow the environment and write its own headers.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

import msgspec

from mcp_auth_bridge import __version__
from mcp_auth_bridge.effects import Fetch, Response
from mcp_auth_bridge.errors import (
    TRY_AGAIN,
    BridgeError,
    LimitExceeded,
    OutcomeUnknown,
    Overdue,
    RedirectRefused,
    UrlRefused,
)
from mcp_auth_bridge.http_syntax import media_type
from mcp_auth_bridge.oauth.address_zones import Address
from mcp_auth_bridge.oauth.error_text import hidden, sentence
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.console.silence import watched
from mcp_auth_bridge.shell.net.connect_errors import explained
from mcp_auth_bridge.shell.net.content_encoding import decoder
from mcp_auth_bridge.shell.net.dns import Resolver
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.proxies import Proxy
from mcp_auth_bridge.urls import Purpose, Url, gate

if TYPE_CHECKING:
    import httpx2

_LARGEST_DOCUMENT = 256 * 1024
LARGEST_ANSWER = 64 * 1024
_LARGEST_HEAD = 64 * 1024
_TIMEOUT = 10.0
_FORM_TIMEOUT = 30.0
_TOKEN_TIMEOUT = 90.0
"""Seconds for a token request. To give up early loses the login: the server goes on and spends the refresh token."""

_LAST_LOOK = 0.5
"""Seconds for an answer that has arrived while this process was stopped: its clock went on, and the socket holds it."""

_ATTEMPT = 2.0
"""Seconds for one of several addresses."""


class OAuthHttp:
    """Performs `Fetch`. `aclose` ends its connections."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._names = Resolver(network)
        self._transports: dict[tuple[str, str], httpx2.AsyncHTTPTransport] = {}

    async def fetch(self, effect: Fetch) -> Response:
        """Raises `Unreachable`, `OutcomeUnknown`, `LimitExceeded`, `TheirProtocolError`; any status is a result."""
        return await in_time(effect, self._follow(effect))

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()

    async def _follow(self, effect: Fetch) -> Response:
        """Redirects stay within the origin, and a POST keeps its method and body (RFC 9110 section 15.4).

        A form holds credentials that are meant for one endpoint: it is never redirected. Neither is a DELETE.
        """
        url, followed = effect.url, _followed(effect)
        for _ in range(effect.redirects + 1):
            response = await self._exchange(url, effect)
            if response.status not in followed:
                return response
            url = _redirected(url, response.header("location"))
        raise RedirectRefused(f"{effect.url.origin} redirects in circles")

    async def _exchange(self, url: Url, effect: Fetch) -> Response:
        method, headers, content = request_of(effect)
        with debug_log.timed("oauth", verb=method, url=f"{url.origin}{url.path}") as line, _translated(url):
            answer = await self._send(url, effect.led_by, _Message(method, {"host": url.authority, **headers}, content))
            line.add(status=answer.status_code)
            try:
                body = await _body(answer, url, _LARGEST_DOCUMENT if content is None else LARGEST_ANSWER)
            finally:
                await answer.aclose()
            line.add(said=said(answer.status_code, answer.headers.get("content-type", ""), body, effect))
        return Response(answer.status_code, _headers(answer, url), body, time.time(), effect.secrets)

    async def _send(self, url: Url, led_by: Url | None, message: "_Message") -> "httpx2.Response":
        """To the proxy, else to the first of the allowed addresses that takes the connection."""
        import httpx2

        if (proxy := self._network.proxy(url)) is not None:
            await self._names.check_for_proxy(url, led_by)
            return await self._transport(proxy, "").handle_async_request(message.to(str(url), {}))
        transport = self._transport(None, url.origin)
        addresses = await self._names.addresses(url, led_by)
        for address in addresses[:-1]:
            try:
                answer = await transport.handle_async_request(message.at(url, address, _ATTEMPT))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue  # nothing was sent
            self._names.prefer(url, address)
            return answer
        return await transport.handle_async_request(message.at(url, addresses[-1], None))

    def _transport(self, proxy: Proxy | None, origin: str) -> "httpx2.AsyncHTTPTransport":
        """The transport for `proxy` or, without one, for `origin`, made when it is first needed.

        Each origin has its own: a pool tells connections apart by address, and two names at one address must not share
        a connection that was authenticated as one of them.
        """
        import httpx2

        key = (str(proxy.url) if proxy else "", origin)
        if key not in self._transports:
            self._transports[key] = httpx2.AsyncHTTPTransport(
                verify=self._network.tls, trust_env=False, proxy=_proxy(proxy)
            )
        return self._transports[key]


class _Message(msgspec.Struct, frozen=True):
    """A request without its place."""

    method: str
    headers: Mapping[str, str]
    content: bytes | None

    def at(self, url: Url, address: Address, seconds: float | None) -> "httpx2.Request":
        """For `url` at `address`: what was checked is what is connected to. `Host` and SNI stay the name's.

        `seconds` is for the connection, None for as long as the whole exchange may take.
        """
        place = msgspec.structs.replace(url, host=str(address))
        name = url.host.rstrip(".")  # the root's dot is in no certificate
        return self.to(str(place), {"sni_hostname": name, "timeout": {"connect": seconds}})

    def to(self, url: str, extensions: dict[str, Any]) -> "httpx2.Request":
        import httpx2

        return httpx2.Request(self.method, url, headers=self.headers, content=self.content, extensions=extensions)


async def in_time(effect: Fetch, exchange: Coroutine[None, None, Response]) -> Response:
    """The response of `exchange`, which performs `effect`. Raises `Overdue` once the time for it is over."""
    timeout = _patience(effect)
    answering = asyncio.ensure_future(exchange)
    try:
        with watched(effect.url.origin):
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


def said(status: int, content_type: str, body: bytes, effect: Fetch) -> str:
    """The sentence in a refusal, for the log; "" in any other answer."""
    if status < 400 or not debug_log.on:
        return ""
    return hidden(sentence(media_type(content_type), body), effect.secrets)


def _patience(effect: Fetch) -> float:
    """Seconds for the whole exchange, however slowly its bytes arrive."""
    if effect.form is None:
        return _TIMEOUT
    return _TOKEN_TIMEOUT if "grant_type" in effect.form else _FORM_TIMEOUT


def _proxy(proxy: Proxy | None) -> "httpx2.Proxy | None":
    import httpx2

    if proxy is None:
        return None
    login = {"proxy-authorization": proxy.authorization.reveal()} if proxy.authorization else {}
    return httpx2.Proxy(str(proxy.url), headers=login)


def _followed(effect: Fetch) -> tuple[int, ...]:
    """The statuses that lead on."""
    if effect.form is not None or effect.method != "GET" or not effect.redirects:
        return ()
    return (307, 308) if effect.document is not None else (301, 302, 303, 307, 308)


def request_of(effect: Fetch) -> tuple[str, dict[str, str], bytes | None]:
    """Method, headers and content: the one place where the secrets of a request are written out."""
    headers = {"user-agent": f"mcp-auth-bridge/{__version__}", "accept-encoding": "identity", **_plain(effect.headers)}
    if effect.form is not None:
        headers["content-type"] = "application/x-www-form-urlencoded"
        return "POST", headers, urlencode(_plain(effect.form)).encode()
    if effect.document is not None:
        headers["content-type"] = "application/json"
        return "POST", headers, effect.document
    return effect.method, headers, None


def _plain(values: Mapping[str, Secret | str]) -> dict[str, str]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in values.items()}


def _headers(answer: "httpx2.Response", url: Url) -> Mapping[str, tuple[str, ...]]:
    headers: dict[str, tuple[str, ...]] = {}
    size = 0
    for name, value in answer.headers.multi_items():
        headers[name.lower()] = (*headers.get(name.lower(), ()), value)
        size += len(name) + len(value)
    if size > _LARGEST_HEAD:
        raise LimitExceeded(f"{url.origin} answered with more than {_LARGEST_HEAD // 1024} KiB of headers")
    return headers


async def _body(answer: "httpx2.Response", url: Url, largest: int) -> bytes:
    parts, size = [], 0
    coding = decoder(url.origin, answer.headers.get_list("content-encoding"))
    async for piece in answer.aiter_raw():
        for part in coding.feed(piece) if coding else (piece,):
            size += len(part)
            if size > largest:
                raise LimitExceeded(f"{url.origin} answered with more than {largest // 1024} KiB")
            parts.append(part)
    if coding is not None:
        coding.finish()
    return b"".join(parts)


def _redirected(url: Url, location: str) -> Url:
    try:
        target = gate(urljoin(str(url), location), Purpose.LOCATION, url)
    except ValueError:
        raise RedirectRefused(f"{url.origin} redirects to something that is not a URL") from None
    except UrlRefused as refused:
        raise RedirectRefused(refused.message, refused.hint) from None
    if target.origin != url.origin:
        raise RedirectRefused(
            f"{url.origin} redirects to another origin, {target.origin}, which is not followed",
            "if that is right, configure the URL that it leads to",
        )
    return target


@contextmanager
def _translated(url: Url) -> Iterator[None]:
    """httpx2's errors in our words: the system's own reason where nothing was sent, else what is uncertain."""
    import httpx2

    try:
        yield
    except httpx2.InvalidURL:
        raise UrlRefused(f"{url.origin} is no address that can be reached", "check its host name") from None
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
        with explained(url.origin):
            raise _cause(error) from None
    except httpx2.TransportError as error:
        raise OutcomeUnknown(f"the answer of {url.origin} was cut off ({type(error).__name__})", TRY_AGAIN) from None


def _cause(error: BaseException) -> OSError:
    """The operating system's error that httpx2's stands for."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError):
            return link
        link = link.__cause__ or link.__context__
    return ConnectionError(str(error))
