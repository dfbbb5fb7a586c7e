"""The HTTP client of the OAuth plane: its redirect policy, its limits, and httpx2's errors as the bridge's own.

This is the only module that knows `httpx2`. Only its transport is used: its client would keep cookies, follow the
environment and write its own headers.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import msgspec

from mcp_auth_bridge.effects import Fetch, Response
from mcp_auth_bridge.errors import TRY_AGAIN, LimitExceeded, OutcomeUnknown, RedirectRefused, UrlRefused
from mcp_auth_bridge.http_syntax import USER_AGENT
from mcp_auth_bridge.oauth.address_zones import Address
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.net.content_encoding import choose_decoder
from mcp_auth_bridge.shell.net.dns import Resolver
from mcp_auth_bridge.shell.net.error_translation import translate_errors
from mcp_auth_bridge.shell.net.fetch import LARGEST_RESPONSE, build_request, refusal_text, wait_for_response
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.proxies import Proxy
from mcp_auth_bridge.urls import Purpose, Url, gate

if TYPE_CHECKING:
    import httpx2

_LARGEST_DOCUMENT = 256 * 1024  # bytes of the body in a response to a GET
_LARGEST_HEAD = 64 * 1024  # bytes of all header names and values

_ATTEMPT = 2.0
"""Seconds for the connection to one of several addresses."""


class OAuthHttp:
    """Performs `Fetch`. `aclose` ends its connections."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._resolver = Resolver(network)
        self._transports: dict[tuple[str, str], httpx2.AsyncHTTPTransport] = {}

    async def fetch(self, effect: Fetch) -> Response:
        """Raises `Unreachable`, `OutcomeUnknown`, `LimitExceeded`, `TheirProtocolError`; any status is a result."""
        return await wait_for_response(effect, self._follow(effect))

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()

    async def _follow(self, effect: Fetch) -> Response:
        """Redirects stay within the origin, and a POST keeps its method and body (RFC 9110 section 15.4).

        A form holds credentials that are meant for one endpoint: it is never redirected. Neither is a DELETE.
        """
        url, followed = effect.url, _followed_statuses(effect)
        for _ in range(effect.redirects + 1):
            response = await self._exchange(url, effect)
            if response.status not in followed:
                return response
            url = _redirect_target(url, response.header("location"))
        raise RedirectRefused(f"{effect.url.origin} redirects in a loop")

    async def _exchange(self, url: Url, effect: Fetch) -> Response:
        method, headers, content = build_request(effect)
        message = _Message(method, {"host": url.authority, **headers}, content)
        with debug_log.timed("oauth", verb=method, url=f"{url.origin}{url.path}") as line, _translate_errors(url):
            response = await self._request(url, effect.led_by, message)
            line.add(status=response.status_code)
            try:
                body = await _read_body(response, url, _LARGEST_DOCUMENT if content is None else LARGEST_RESPONSE)
            finally:
                await response.aclose()
            said = refusal_text(response.status_code, response.headers.get("content-type", ""), body, effect)
            line.add(said=said)
        return Response(response.status_code, _headers(response, url), body, time.time(), effect.secrets)

    async def _request(self, url: Url, led_by: Url | None, message: "_Message") -> "httpx2.Response":
        """Send to the proxy, else to the first of the allowed addresses that takes the connection."""
        import httpx2

        if (proxy := self._network.proxy(url)) is not None:
            await self._resolver.check_for_proxy(url, led_by)
            return await self._transport(proxy, "").handle_async_request(message.to(str(url), {}))
        transport = self._transport(None, url.origin)
        addresses = await self._resolver.addresses(url, led_by)
        for address in addresses[:-1]:
            try:
                response = await transport.handle_async_request(message.at(url, address, _ATTEMPT))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue  # nothing was sent
            self._resolver.prefer(url, address)
            return response
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
                verify=self._network.tls, trust_env=False, proxy=_httpx2_proxy(proxy)
            )
        return self._transports[key]


class _Message(msgspec.Struct, frozen=True):
    """A request without its address."""

    method: str
    headers: Mapping[str, str]
    content: bytes | None

    def at(self, url: Url, address: Address, seconds: float | None) -> "httpx2.Request":
        """The request to `url` at `address`, which was checked; `Host` and SNI keep the name.

        `seconds` is for the connection, None for as long as the whole exchange may take.
        """
        place = msgspec.structs.replace(url, host=str(address))
        name = url.host.rstrip(".")  # the root's dot is in no certificate
        return self.to(str(place), {"sni_hostname": name, "timeout": {"connect": seconds}})

    def to(self, url: str, extensions: dict[str, Any]) -> "httpx2.Request":
        import httpx2

        return httpx2.Request(self.method, url, headers=self.headers, content=self.content, extensions=extensions)


def _httpx2_proxy(proxy: Proxy | None) -> "httpx2.Proxy | None":
    import httpx2

    if proxy is None:
        return None
    login = {"proxy-authorization": proxy.authorization.reveal()} if proxy.authorization else {}
    return httpx2.Proxy(str(proxy.url), headers={"user-agent": USER_AGENT, **login})


def _followed_statuses(effect: Fetch) -> tuple[int, ...]:
    if effect.form is not None or effect.method != "GET" or not effect.redirects:
        return ()
    return (307, 308) if effect.document is not None else (301, 302, 303, 307, 308)


def _headers(response: "httpx2.Response", url: Url) -> Mapping[str, tuple[str, ...]]:
    headers: dict[str, tuple[str, ...]] = {}
    size = 0
    for name, value in response.headers.multi_items():
        headers[name.lower()] = (*headers.get(name.lower(), ()), value)
        size += len(name) + len(value)
    if size > _LARGEST_HEAD:
        raise LimitExceeded(f"{url.origin} answered with more than {_LARGEST_HEAD // 1024} KiB of headers")
    return headers


async def _read_body(response: "httpx2.Response", url: Url, largest: int) -> bytes:
    parts, size = [], 0
    decoder = choose_decoder(url.origin, response.headers.get_list("content-encoding"))
    async for piece in response.aiter_raw():
        for part in decoder.feed(piece) if decoder else (piece,):
            size += len(part)
            if size > largest:
                raise LimitExceeded(f"{url.origin} answered with more than {largest // 1024} KiB")
            parts.append(part)
    if decoder is not None:
        decoder.finish()
    return b"".join(parts)


def _redirect_target(url: Url, location: str) -> Url:
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
def _translate_errors(url: Url) -> Iterator[None]:
    """Raise httpx2's errors as the bridge's: with the system's own reason where nothing was sent."""
    import httpx2

    try:
        yield
    except httpx2.InvalidURL:
        raise UrlRefused(f"{url.origin} is not an address that can be reached", "check its host name") from None
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
        with translate_errors(url.origin):
            raise _system_error(error) from None
    except httpx2.TransportError as error:
        raise OutcomeUnknown(f"the response of {url.origin} was cut off ({type(error).__name__})", TRY_AGAIN) from None


def _system_error(error: BaseException) -> OSError:
    """The operating system's error that caused httpx2's."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError):
            return link
        link = link.__cause__ or link.__context__
    return ConnectionError(str(error))
