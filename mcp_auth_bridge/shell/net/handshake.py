"""The TLS handshake with a server, and the certificates that it sends, whether they can be trusted or not."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

import msgspec

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.http_syntax import USER_AGENT
from mcp_auth_bridge.shell.net.connect_errors import OF_CERTIFICATES, ConnectFailed, Fault
from mcp_auth_bridge.shell.net.connection import READ_SIZE, Connection
from mcp_auth_bridge.shell.net.dial import connect
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.proxies import Proxy
from mcp_auth_bridge.shell.net.request_head import request_head
from mcp_auth_bridge.urls import Url

LIMIT = 4.0
"""Seconds for one connection."""

_ALERT_PATIENCE = 0.25  # seconds, besides one round trip, for an alert that follows the handshake

_ANSWER_PATIENCE = 2.0  # seconds for a response that may explain a failure
_DER = 2  # ENCODING_DER of Python's _ssl

_OF_TIME = {Fault.NOT_YET_VALID, Fault.EXPIRED}


class Handshake(msgspec.Struct, frozen=True):
    """A handshake as the bridge makes it, and what a second one without verification shows if it fails."""

    # The version of TLS, as in "TLSv1.3"; "" without a handshake.
    version: str = ""
    # How long the connection took, with its name look-up.
    seconds: float = 0.0
    # The certificates that the server sent, its own first (DER).
    certificates: tuple[bytes, ...] = ()
    # The time by the server's own clock, in seconds since the epoch, if that may explain the failure; else None.
    server_time: float | None = None
    # The status of the response of an untrusted server, 0 if it sent none.
    status: int = 0
    # The URL to which that response redirects, "" for none. It comes from the server: it is for `quoted`.
    location: str = ""
    # Why it failed, None if it did not.
    error: BridgeError | None = None


class _Unverified(Network):
    """Accepts every certificate. No secret may be sent over its connections: they serve to look at certificates."""

    @cached_property
    def tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        return context


async def shake_hands(network: Network, url: Url, proxy: Proxy | None, limit: float = LIMIT) -> Handshake:
    """The handshake with the server at `url`, directly or through `proxy`. `limit` is in seconds, for each of two."""
    settings = msgspec.structs.replace(network.settings, connect_timeout=limit)
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with _connected(Network(settings), url, proxy) as connection:
            seconds = loop.time() - began
            version, error = _version(connection), None
            if version == "TLSv1.3" and not settings.client_certificate:
                error = await _alert(connection, _ALERT_PATIENCE + seconds / 2)  # two round trips took `seconds`
            return Handshake(version, seconds, _chain(connection), error=error)
    except BridgeError as error:
        failed = Handshake(seconds=loop.time() - began, error=error)
        if isinstance(error, ConnectFailed) and error.fault in OF_CERTIFICATES:
            return await _without_verification(_Unverified(settings), url, proxy, error, failed)
        return failed


async def _without_verification(
    network: _Unverified, url: Url, proxy: Proxy | None, error: ConnectFailed, failed: Handshake
) -> Handshake:
    """`failed` with all that the server shows to a client that trusts every certificate."""
    with contextlib.suppress(BridgeError):
        async with _connected(network, url, proxy) as connection:
            seen = msgspec.structs.replace(failed, version=_version(connection), certificates=_chain(connection))
            return await _with_answer(connection, url, error.fault, seen)
    return failed


@contextlib.asynccontextmanager
async def _connected(network: Network, url: Url, proxy: Proxy | None) -> AsyncIterator[Connection]:
    buffer = memoryview(bytearray(READ_SIZE))
    connection = await connect(network, url, proxy, lambda: Connection(url.authority, buffer, lambda _: None))
    try:
        yield connection
    finally:
        connection.abort()


async def _alert(connection: Connection, patience: float) -> ConnectFailed | None:
    """The refusal of a client without a certificate, which TLS 1.3 sends after the client's handshake is over.

    `patience` is in seconds.
    """
    try:
        async with asyncio.timeout(patience):
            await connection.read_head()  # no request was sent, so there is nothing else to read
    except ConnectFailed as error:
        return error
    except (BridgeError, TimeoutError):
        pass  # the server waits for a request, or is tired of waiting
    return None


async def _with_answer(connection: Connection, url: Url, fault: Fault, seen: Handshake) -> Handshake:
    """`seen` with what an untrusted server answers to a request without any secret."""
    headers = [(b"Host", url.authority.encode()), (b"User-Agent", USER_AGENT.encode())]
    connection.write(request_head("HEAD", "/", headers), b"")
    try:
        async with asyncio.timeout(_ANSWER_PATIENCE):
            head = await connection.read_head()
    except (BridgeError, TimeoutError):
        return seen
    return msgspec.structs.replace(
        seen,
        server_time=_moment(head.fields.get("date", ("",))[-1]) if fault in _OF_TIME else None,
        status=head.status,
        location=head.fields.get("location", ("",))[-1] if head.status // 100 == 3 else "",
    )


def _moment(date: str) -> float | None:
    """A `Date` (RFC 9110 section 6.6.1) in seconds since the epoch, None if it cannot be read."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _tls(connection: Connection) -> Any:  # Any: an SSLObject, whose chain is public from Python 3.13 on
    return connection.transport.get_extra_info("ssl_object")


def _version(connection: Connection) -> str:
    return str(_tls(connection).version())


def _chain(connection: Connection) -> tuple[bytes, ...]:
    tls = _tls(connection)
    owner = tls if hasattr(tls, "get_unverified_chain") else tls._sslobj  # noqa: SLF001 - public from Python 3.13 on
    chain = owner.get_unverified_chain() or ()
    return tuple(each if isinstance(each, bytes) else each.public_bytes(_DER) for each in chain)
