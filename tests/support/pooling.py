"""A pool of connections against a scripted server, over TCP or TLS."""

import asyncio
import contextlib
import inspect
import ssl

import trustme

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.urls import Url

MIB = 1 << 20


LIMIT = 64 * MIB


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def story(function):
    """Run an async test, and fail it if a connection is left open."""

    def run(*args, **kwargs):
        async def told():
            try:
                await function(*args, **kwargs)
            finally:
                leftover = asyncio.all_tasks() - {asyncio.current_task()}
                for task in leftover:
                    task.cancel()
                await asyncio.gather(*leftover, return_exceptions=True)

        asyncio.run(told())

    run.__name__ = function.__name__
    run.__signature__ = inspect.signature(function)
    run.pytestmark = getattr(function, "pytestmark", [])
    return run


@contextlib.asynccontextmanager
async def pooled(environ=None, **settings):
    pool = Pool(Network(NetworkSettings(**settings), environ or {}))
    try:
        yield pool
    finally:
        await pool.aclose()


def at(server, path="/mcp", scheme="http", host=None):
    return Url(scheme, host or server.host, server.port, path, "")


async def post(pool, url, body=b"{}"):
    return await pool.exchange(pool.prepare("POST", url, [(b"X-Org", b"42")]), body)


async def call(pool, url, body=b"{}"):
    return await (await post(pool, url, body)).read(LIMIT)


WHOLE = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    CHUNKED + b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
]


CA = trustme.CA()


def server_context(*names, ca=CA, **issue):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names, **issue).configure_cert(context)
    return context


def through(server, login=""):
    return {
        "HTTPS_PROXY": f"http://{login}127.0.0.1:{server.port}",
        "HTTP_PROXY": f"http://{login}127.0.0.1:{server.port}",
    }
