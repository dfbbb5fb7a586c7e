"""OAuth's plane: the only module that knows `httpx2`. Its redirect policy, its limits, its errors in our words.

Only httpx2's transport is used: its client would keep cookies, follow the environment and write its own headers.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin

from mcp_auth_bridge import __version__
from mcp_auth_bridge.effects import Fetch, Response
from mcp_auth_bridge.errors import LimitExceeded, OutcomeUnknown, TheirProtocolError, UrlRefused
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell import log
from mcp_auth_bridge.shell.network import Network
from mcp_auth_bridge.shell.proxies import Proxy
from mcp_auth_bridge.shell.unreachable import explained
from mcp_auth_bridge.urls import Purpose, Url, gate

if TYPE_CHECKING:
    import httpx2

_LARGEST = 256 * 1024
_DISCOVERY_TIMEOUT = 10.0
_TOKEN_TIMEOUT = 90.0
"""Seconds for a token request. To give up early loses the login: the server goes on and spends the refresh token."""

_MOST_REDIRECTS = 3
_LATER = "try again; if it stays so, its operator has to look"


class Http:
    """Performs `Fetch`. `aclose` ends its connections."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._transports: dict[str, httpx2.AsyncHTTPTransport] = {}

    async def fetch(self, effect: Fetch) -> Response:
        """Raises `Unreachable`, `OutcomeUnknown`, `LimitExceeded`, `TheirProtocolError`; any status is a result."""
        timeout = _DISCOVERY_TIMEOUT if effect.form is None else _TOKEN_TIMEOUT
        try:
            async with asyncio.timeout(timeout):
                return await self._follow(effect)
        except TimeoutError:
            raise OutcomeUnknown(f"{effect.url.origin} did not answer within {timeout:g} seconds", _LATER) from None

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()

    async def _follow(self, effect: Fetch) -> Response:
        """Redirects stay within the origin, and a POST keeps its method and body (RFC 9110 section 15.4).

        A form holds credentials that are meant for one endpoint: it is never redirected. Neither is a DELETE.
        """
        url = effect.url
        followed = (307, 308) if effect.document is not None else (301, 302, 303, 307, 308)
        for _ in range(_MOST_REDIRECTS + 1):
            response = await self._exchange(url, effect)
            if effect.form is not None or effect.method != "GET" or response.status not in followed:
                return response
            url = _redirected(url, response.header("location"))
        raise TheirProtocolError(f"{effect.url.origin} redirects in circles")

    async def _exchange(self, url: Url, effect: Fetch) -> Response:
        import httpx2

        method, headers, content = _request(effect)
        transport = self._transport(url)
        with log.timed("oauth", verb=method, url=f"{url.origin}{url.path}") as line, _translated(url):
            request = httpx2.Request(method, str(url), headers=headers, content=content)
            answer = await transport.handle_async_request(request)
            line.add(status=answer.status_code)
            try:
                body = await _body(answer, url)
            finally:
                await answer.aclose()
        return Response(answer.status_code, _headers(answer), body, time.time())

    def _transport(self, url: Url) -> "httpx2.AsyncHTTPTransport":
        """The transport for the proxy that `url` needs, made when it is first needed."""
        import httpx2

        proxy = self._network.proxy(url)
        name = str(proxy.url) if proxy else ""
        if name not in self._transports:
            self._transports[name] = httpx2.AsyncHTTPTransport(
                verify=self._network.tls,
                trust_env=False,
                proxy=_proxy(proxy),
                local_address="0.0.0.0" if self._network.settings.ipv4_only else None,  # noqa: S104 - the source address
            )
        return self._transports[name]


def _proxy(proxy: Proxy | None) -> "httpx2.Proxy | None":
    import httpx2

    if proxy is None:
        return None
    login = {"proxy-authorization": proxy.authorization.reveal()} if proxy.authorization else {}
    return httpx2.Proxy(str(proxy.url), headers=login)


def _request(effect: Fetch) -> tuple[str, dict[str, str], bytes | None]:
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


def _headers(answer: "httpx2.Response") -> Mapping[str, tuple[str, ...]]:
    headers: dict[str, tuple[str, ...]] = {}
    for name, value in answer.headers.multi_items():
        headers[name.lower()] = (*headers.get(name.lower(), ()), value)
    return headers


async def _body(answer: "httpx2.Response", url: Url) -> bytes:
    parts, size = [], 0
    async for part in answer.aiter_bytes():
        size += len(part)
        if size > _LARGEST:
            raise LimitExceeded(f"{url.origin} answered with more than {_LARGEST // 1024} KiB")
        parts.append(part)
    return b"".join(parts)


def _redirected(url: Url, location: str) -> Url:
    try:
        joined = urljoin(str(url), location)
    except ValueError:
        raise UrlRefused(f"{url.origin} redirects to what is no URL") from None
    target = gate(joined, Purpose.LOCATION)
    if target.origin != url.origin:
        raise TheirProtocolError(
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
    except httpx2.DecodingError:
        raise TheirProtocolError(f"{url.origin} answered in an encoding that was not asked for") from None
    except httpx2.TransportError as error:
        raise OutcomeUnknown(f"the answer of {url.origin} was cut off ({type(error).__name__})", _LATER) from None


def _cause(error: BaseException) -> OSError:
    """The operating system's error that httpx2's stands for."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError):
            return link
        link = link.__cause__ or link.__context__
    return ConnectionError(str(error))
