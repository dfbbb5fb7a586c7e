"""From a URL to a connection that is ready for a request: name, TCP, proxy, TLS. No part of a request is sent here."""

import asyncio
import errno
import socket
from collections.abc import Callable

from mcp_auth_bridge.errors import BridgeError, TimedOut, unclear
from mcp_auth_bridge.http_syntax import USER_AGENT
from mcp_auth_bridge.shell.net.connect_errors import ConnectFailed, Fault
from mcp_auth_bridge.shell.net.connection import Connection
from mcp_auth_bridge.shell.net.error_translation import translate_errors
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.proxies import Proxy, parse_address
from mcp_auth_bridge.shell.net.request_head import request_head
from mcp_auth_bridge.urls import Url

_HEAD_START = 0.25  # seconds for one address before the next is tried beside it (RFC 8305 section 5)

# Seconds and counts; an operating system may lack some of the names.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}


async def connect(network: Network, url: Url, proxy: Proxy | None, make: Callable[[], Connection]) -> Connection:
    """A connection for requests to `url`. Raises `Unreachable`, and `ConfigError` for an unusable certificate file."""
    seconds = network.settings.connect_timeout
    try:
        async with asyncio.timeout(seconds):
            if proxy is None:
                return await _dial(network, url, url.authority, make)
            if url.scheme == "http":
                return await _dial(network, proxy.url, str(proxy), make)
            return await _tunnel(network, proxy, url, make)
    except TimeoutError:
        via = f" through {proxy}" if proxy else ""
        hint = "check the network, or raise connect_timeout in the server's network table"
        raise unclear(TimedOut(f"no connection to {url.authority}{via} within {seconds:g} s", hint)) from None


async def _dial(network: Network, url: Url, place: str, make: Callable[[], Connection]) -> Connection:
    context = network.tls if url.scheme == "https" else None
    with translate_errors(place):
        _, connection = await asyncio.get_running_loop().create_connection(
            make,
            url.host,
            url.port,
            ssl=context,
            server_hostname=_server_name(url) if context else None,
            family=socket.AF_INET if network.settings.ipv4_only else socket.AF_UNSPEC,
            # A single address needs no race, and asyncio's leaks the winner's socket if it is cancelled as it ends.
            happy_eyeballs_delay=None if parse_address(url.host) else _HEAD_START,
        )
        _enable_keep_alive(connection.transport)
    return connection


async def _tunnel(network: Network, proxy: Proxy, url: Url, make: Callable[[], Connection]) -> Connection:
    outer = await _dial(network, proxy.url, str(proxy), make)
    try:
        await _ask_for_tunnel(outer, proxy, url)
        return await _start_tls(network, outer, url, make)
    except BaseException:
        outer.abort()
        raise


async def _ask_for_tunnel(outer: Connection, proxy: Proxy, url: Url) -> None:
    """CONNECT (RFC 9110 section 9.3.6)."""
    target = (f"[{url.host}]" if ":" in url.host else url.host) + f":{url.port}"
    headers = [(b"Host", target.encode()), (b"User-Agent", USER_AGENT.encode())]  # proxies filter by it too
    if proxy.authorization:
        headers.append((b"Proxy-Authorization", proxy.authorization.reveal().encode()))
    outer.write(request_head("CONNECT", target, headers), b"")
    try:
        status = (await outer.read_head()).status
    except BridgeError as error:
        sentence = f"{proxy} opened no way to {target}: {error.message}"
        raise ConnectFailed(sentence, fault=Fault.PROXY_FAILS) from None
    if status // 100 != 2:
        raise proxy_refusal_error(proxy, target, status)


async def _start_tls(network: Network, outer: Connection, url: Url, make: Callable[[], Connection]) -> Connection:
    inner = make()
    with translate_errors(url.authority):
        transport = await asyncio.get_running_loop().start_tls(
            outer.transport, inner, network.tls, server_hostname=_server_name(url)
        )
        if transport is None:  # the connection ended with the handshake
            raise ConnectionAbortedError(errno.ECONNABORTED, "")
    inner.connection_made(transport)
    return inner


def proxy_refusal_error(proxy: Proxy, target: str, status: int) -> ConnectFailed:
    """The error for a proxy's own response: the request has gone no further than to the proxy."""
    if status == 407:
        hint = "put the user and password into the proxy's URL: http://USER:PASSWORD@HOST:PORT"
        wrong = "refused its user and password" if proxy.authorization else "wants a user and password"
        return ConnectFailed(f"{proxy} {wrong} (407)", hint, fault=Fault.PROXY_WANTS_LOGIN)
    hint = "ask the proxy's operator, or name the host in NO_PROXY if it can be reached directly"
    fault = Fault.PROXY_FAILS if status // 100 == 5 else Fault.PROXY_REFUSES
    return ConnectFailed(f"{proxy} opened no way to {target} ({status})", hint, fault=fault)


def _server_name(url: Url) -> str:
    return url.host.rstrip(".")  # the root's dot is in no certificate


def _enable_keep_alive(transport: asyncio.Transport) -> None:
    # asyncio has set TCP_NODELAY. Keep-alive notices within a minute that the peer is gone without an end.
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
